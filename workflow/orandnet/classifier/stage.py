"""Stage `classifier`: image-level labels in, a multi-label classifier out."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from orandnet.backbone import Normalise, pad_color
from orandnet.classifier.network import create_classifier
from orandnet.classifier.samples import ClassifierSamples
from orandnet.classifier.settings import Settings
from orandnet.dataset.index import read_index
from orandnet.device import select_device
from orandnet.files.checkpoint import encode, save_weights
from orandnet.training.loop import fit, write_history
from orandnet.training.state import remove_state


def classification_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Return the multi-label soft margin loss of (rgb, labels): mean binary cross entropy over classes.

    A network may score the classes in several ways, by name; it learns from the sum of their losses.
    """
    rgb, labels = batch
    logits = network(rgb)
    if isinstance(logits, Tensor):
        return {"loss": functional.multilabel_soft_margin_loss(logits, labels)}
    losses = {name: functional.multilabel_soft_margin_loss(scores, labels) for name, scores in logits.items()}
    return {"loss": torch.stack(list(losses.values())).sum(), **losses}


def run(
    *,
    index: Path,
    output: Path,
    history_output: Path,
    settings: Settings,
    state: Path,
    key: str,
    random_seed: int = 0,
    device: str = "auto",
    threads: int = 1,
) -> None:
    """Train a classifier on the images of train_aug and write its weights and history."""
    dataset = read_index(index)
    num_foreground = dataset.num_classes - 1
    where = select_device(device)
    torch.manual_seed(random_seed)
    network = create_classifier(settings, num_foreground).to(where)
    normalise = next(module for module in network.modules() if isinstance(module, Normalise))
    records = dataset.subset("train_aug")
    history = fit(
        network,
        sample=ClassifierSamples(records, settings, num_foreground, pad_color(normalise)),
        num_samples=len(records),
        loss=classification_loss,
        settings=settings.training,
        groups=network.groups(settings.training.head_learning_rate_factor),
        state=state,
        key=key,
        random_seed=random_seed,
        device=where,
        threads=threads,
        description="classifier",
    )
    write_history(history_output, history)
    metadata = {"classifier": settings.canonical_json(), "classes": encode(dataset.class_names)}
    save_weights(output, network.state_dict(), metadata)
    remove_state(state)


COMMANDS = {"": run}
