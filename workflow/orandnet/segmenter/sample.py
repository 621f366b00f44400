"""Training windows of the segmenter: image and mask pairs, augmented, at the scale of the schedule."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record
from orandnet.segmenter.scale_schedule import crop_side, rescale_pair, scale_factor
from orandnet.segmenter.settings import TrainSettings
from orandnet.training.augment import random_crop, random_flip, to_tensor


@dataclass(frozen=True)
class TrainingPairs:
    """Draws the training windows; an instance is the `sample` of the training loop.

    Attributes:
        records: the training images.
        read_mask: image_id -> (H, W) uint8 mask ids, 255 = ignore.
        settings: scales and window.
        factors: of the scale schedule; `(1.0,)` is the baseline.
        pad_rgb: colour around an image that is smaller than the window.
    """

    records: list[Record]
    read_mask: Callable[[str], np.ndarray]
    settings: TrainSettings
    factors: tuple[float, ...]
    pad_rgb: tuple[int, int, int]

    def __call__(self, position: int, generator: np.random.Generator, progress: float) -> tuple[Tensor, Tensor]:
        """Return (3, S, S) uint8 RGB and (S, S) uint8 mask ids of record `position`, 255 around the image.

        The side S depends on `progress` alone, so the windows of a batch are of one shape.
        """
        record, settings = self.records[position], self.settings
        factor = scale_factor(progress, factors=self.factors, fraction=settings.scale_schedule.fraction)
        rgb, mask = rescale_pair(
            read_rgb(record.image, record.size),
            self.read_mask(record.image_id),
            # multiplied, so that the schedule is all that differs from the baseline
            factor * generator.uniform(*settings.random_scale),
        )
        side = crop_side(settings.crop_size, factor, scale_crop=settings.scale_schedule.scale_crop)
        rgb, mask = random_crop(rgb, mask, side, generator, pad_rgb=self.pad_rgb)
        rgb, mask = random_flip(rgb, mask, generator)
        return to_tensor(rgb), torch.from_numpy(np.ascontiguousarray(mask))
