"""The optimiser of a training; every number goes in by keyword.

The field's most copied optimiser passes its weight decay in the place of SGD's momentum (IRN, PSA and what descends
from them); here a name means one thing, and the recipes state the momentum that was in effect.
"""

import torch
from torch import nn

from orandnet.training.settings import Training


def parameter_groups(backbone: list[nn.Parameter], head: list[nn.Parameter], *, head_factor: float) -> list[dict]:
    """Return the two groups of a network with a new head: the head learns `head_factor` times faster."""
    groups = [{"params": backbone, "lr_factor": 1.0}, {"params": head, "lr_factor": head_factor}]
    trainable = [{**group, "params": [p for p in group["params"] if p.requires_grad]} for group in groups]
    return [group for group in trainable if group["params"]]


def build_optimizer(groups: list[dict], settings: Training) -> torch.optim.Optimizer:
    """Return sgd, adam or adamw over groups that hold `params`, `lr_factor` and perhaps `weight_decay`."""
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            groups,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
    algorithm = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    return algorithm(
        groups,
        lr=settings.learning_rate,
        betas=(settings.beta1, 0.999),
        weight_decay=settings.weight_decay,
    )
