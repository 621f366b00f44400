"""What AMN learns from: windows with the labels of their cells and of the whole image, and its loss."""

from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from orandnet.classifier.samples import label_vector
from orandnet.classifier.settings import Settings
from orandnet.dataset.index import Record
from orandnet.files.mask import MaskList
from orandnet.maps.score_maps import resize_maps
from orandnet.training.loop import Loss, Sample
from orandnet.training.pixel_loss import pixel_cross_entropy
from orandnet.training.windows import LabelledWindows


class ConditionedWindows:
    """Draws (rgb (3, S, S) uint8, mask ids of the cells (S / 4, S / 4) uint8, labels (C,) float32) of an image."""

    def __init__(self, windows: LabelledWindows, num_foreground: int):
        """Keep what is to be drawn from."""
        self.windows, self.num_foreground = windows, num_foreground

    def __call__(self, position: int, generator: np.random.Generator, progress: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sample of the record at `position`; the labels are the image's, whatever the window shows."""
        labels = label_vector(self.windows.records[position].classes, self.num_foreground)
        return *self.windows(position, generator, progress), labels


def activation_loss(
    network: nn.Module, batch: tuple[Tensor, Tensor, Tensor], *, label_smoothing: float
) -> dict[str, Tensor]:
    """Return AMN's loss: cross entropy with smoothed labels, background and foreground cells of equal weight.

    Args:
        network: (rgb, labels) -> logits (N, C + 1, h, w).
        batch: (N, 3, S, S) uint8 RGB, (N, S / 4, S / 4) uint8 mask ids of the cells with 255 = ignore, (N, C) labels.
        label_smoothing: as in `pixel_cross_entropy`.
    """
    rgb, target, labels = batch
    logits = resize_maps(network(rgb, labels), tuple(target.shape[1:]))
    return {"loss": pixel_cross_entropy(logits.float(), target, label_smoothing=label_smoothing, balanced=True)}


def conditioned_task(
    records: list[Record],
    labels: list[Path],
    settings: Settings,
    num_foreground: int,
    pad_rgb: tuple[int, int, int],
) -> tuple[Sample, Loss]:
    """Return what the training loop draws and minimises.

    Args:
        records: the training images.
        labels: lists of their inter-pixel labels.
        settings: of the network.
        num_foreground: classes without background.
        pad_rgb: colour around an image that is smaller than its window.

    Raises:
        ValueError: if an image has no labels.
    """
    listed = MaskList(labels)
    for record in records:
        listed.path(record.image_id)  # a missing one is an error now, not in the middle of the training
    windows = LabelledWindows(records, listed, settings.amn.random_scale, settings.crop_size, pad_rgb)
    loss = partial(activation_loss, label_smoothing=settings.amn.label_smoothing)
    return ConditionedWindows(windows, num_foreground), loss
