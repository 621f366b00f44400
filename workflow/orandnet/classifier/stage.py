"""Stage `classifier`: image-level labels in, a classifier out; AMN also takes the labels of another CAM's pixels."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from orandnet.classifier.amn_training import conditioned_task
from orandnet.classifier.network import start_classifier
from orandnet.classifier.samples import ClassifierSamples
from orandnet.classifier.settings import Settings
from orandnet.dataset.index import Record, read_index
from orandnet.files.checkpoint import encode
from orandnet.job.training_job import TrainingJob
from orandnet.networks.backbone import Normalise, pad_color
from orandnet.training.loop import Loss, Sample
from orandnet.training.task import Task, train


def classification_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Return the multi-label soft margin loss of (rgb, labels): mean binary cross entropy over classes.

    A network may score the classes in several ways, by name; it learns from the sum of their losses.
    """
    rgb, labels = batch
    logits = network(rgb)
    if isinstance(logits, Tensor):
        return {"loss": functional.multilabel_soft_margin_loss(logits.float(), labels)}
    losses = {name: functional.multilabel_soft_margin_loss(scores.float(), labels) for name, scores in logits.items()}
    return {"loss": torch.stack(list(losses.values())).sum(), **losses}


def training_task(
    records: list[Record],
    labels: list[Path],
    settings: Settings,
    num_foreground: int,
    pad_rgb: tuple[int, int, int],
) -> tuple[Sample, Loss]:
    """Return what the training loop draws and minimises for a kind of classifier.

    Raises:
        ValueError: if lists of inter-pixel `labels` are missing, or given to a kind that does not read them.
    """
    if (settings.kind == "amn") != bool(labels):
        raise ValueError(
            f"labels: {len(labels)} lists are given to a classifier of kind {settings.kind}; "
            "give kind amn those that `irn labels` wrote, and other kinds none."
        )
    if labels:
        return conditioned_task(records, labels, settings, num_foreground, pad_rgb)
    return ClassifierSamples(records, settings, num_foreground, pad_rgb), classification_loss


def run(
    *,
    index: Path,
    labels: list[Path] | None = None,
    initial_weights: Path | None = None,
    settings: Settings,
    job: TrainingJob,
) -> None:
    """Train a classifier on train_aug; kind amn also reads `labels`, the lists of another CAM's inter-pixel labels.

    Args:
        index: train_aug.csv of the data set.
        labels: lists of the seed source's inter-pixel labels, for kind amn.
        initial_weights: weights of another classifier, for the backbone; without it the settings say how it starts.
        settings: kind, network and training.
    """
    dataset = read_index(index)
    records, num_foreground = dataset.subset("train_aug"), dataset.num_classes - 1

    def task() -> Task:
        network = start_classifier(settings, num_foreground, initial_weights=initial_weights)
        normalise = next(module for module in network.modules() if isinstance(module, Normalise))
        sample, loss = training_task(records, labels or [], settings, num_foreground, pad_color(normalise))
        return Task(
            network,
            sample,
            len(records),
            loss,
            groups=lambda: network.groups(settings.training.head_learning_rate_factor),
            training=settings.training,
            metadata={"classifier": settings.canonical_json(), "classes": encode(dataset.class_names)},
        )

    train(task, job, description="classifier")


COMMANDS = {"": run}
