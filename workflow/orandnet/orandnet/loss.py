"""Losses between the network's output on the OR CAM and the AND CAM."""

from torch import Tensor, nn
from torch.nn import functional


def bce(logits: Tensor, and_cam: Tensor, weight: Tensor) -> Tensor:
    """Return the mean binary cross entropy of sigmoid(logits) against the AND CAM.

    Args:
        logits: (N, 1, h, w) of one class each.
        and_cam: (N, 1, h, w) in [0, 1], the target probability.
        weight: (N, 1, h, w), 0 outside the image.
    """
    losses = functional.binary_cross_entropy_with_logits(logits, and_cam.clamp(0, 1), reduction="none")
    return (losses * weight).sum() / weight.sum().clamp(min=1)


def official_softmax(logits: Tensor, and_cam: Tensor, weight: Tensor) -> Tensor:
    """Return the official release's loss: soft cross entropy over the classes of one image.

    The targets are not normalised, and there is no background: with one class the softmax is 1 and the loss is 0.

    Args:
        logits: (K, 1, h, w), the maps of one image's K classes.
        and_cam: (K, 1, h, w).
        weight: not used; the official loss takes whole images.
    """
    return functional.cross_entropy(logits.transpose(0, 1), and_cam.transpose(0, 1))


LOSSES = {"bce": bce, "official_softmax": official_softmax}


def training_loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor], *, loss: str) -> dict[str, Tensor]:
    """Return the loss of a batch, as the training loop takes it.

    Args:
        network: maps (M, I, h, w) -> logits (M, 1, h, w).
        batch: OR maps (N, K, I, h, w), AND maps (N, K, 1, h, w) and weights (N, K, 1, h, w).
        loss: name of one of LOSSES.
    """
    maps, target, weight = (part.flatten(0, 1) for part in batch)
    return {"loss": LOSSES[loss](network(maps).float(), target, weight)}
