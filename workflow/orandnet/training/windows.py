"""Training windows of an image and the labels of its grid cells, as IRN and what follows it learn from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record
from orandnet.files.mask import MaskList
from orandnet.maps.grid import GRID_STRIDE, scaled_size
from orandnet.training.augment import random_crop, random_flip, resize, resize_mask, to_tensor


@dataclass(frozen=True)
class LabelledWindows:
    """Draws the training windows; an instance is the `sample` of the training loop.

    Attributes:
        records: the training images.
        labels: their inter-pixel labels.
        random_scale: range of the factor of the image side.
        crop_size: side S of the window in pixels, a multiple of 4.
        pad_rgb: colour around an image that is smaller than the window.
    """

    records: list[Record]
    labels: MaskList
    random_scale: tuple[float, float]
    crop_size: int
    pad_rgb: tuple[int, int, int]

    def __call__(self, position: int, generator: np.random.Generator, progress: float) -> tuple[Tensor, Tensor]:
        """Return (3, S, S) uint8 RGB and (S / 4, S / 4) uint8 mask ids of record `position`, 255 = ignore."""
        record = self.records[position]
        rgb, labels = read_rgb(record.image, record.size), self.labels.read(record.image_id)
        size = scaled_size(rgb.shape[:2], generator.uniform(*self.random_scale))
        rgb, labels = random_flip(resize(rgb, size), resize_mask(labels, size), generator)
        rgb, labels = random_crop(rgb, labels, self.crop_size, generator, pad_rgb=self.pad_rgb)
        return to_tensor(rgb), torch.from_numpy(cell_labels(labels))


def cell_labels(labels: np.ndarray) -> np.ndarray:
    """Return the label at the centre of each grid cell, (H / 4, W / 4) of (H, W) in multiples of 4."""
    centre = GRID_STRIDE // 2
    return np.ascontiguousarray(labels[centre::GRID_STRIDE, centre::GRID_STRIDE])
