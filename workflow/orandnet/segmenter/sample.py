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
        random_seed: of the training; with the progress it gives a batch its one scale (`settings.scale_per_batch`).
    """

    records: list[Record]
    read_mask: Callable[[str], np.ndarray]
    settings: TrainSettings
    factors: tuple[float, ...]
    pad_rgb: tuple[int, int, int]
    random_seed: int = 0

    def __call__(self, position: int, generator: np.random.Generator, progress: float) -> tuple[Tensor, Tensor]:
        """Return (3, S, S) uint8 RGB and (S, S) uint8 mask ids of record `position`, 255 around the image.

        The side S depends on `progress` alone, so the windows of a batch are of one shape.
        """
        record, settings = self.records[position], self.settings
        scales = batch_generator(self.random_seed, progress) if settings.scale_per_batch else generator
        factor = scale_factor(progress, factors=self.factors, fraction=settings.scale_schedule.fraction)
        rgb, mask = rescale_pair(
            read_rgb(record.image, record.size),
            self.read_mask(record.image_id),
            # multiplied, so that the schedule is all that differs from the baseline
            factor * scales.uniform(*settings.random_scale),
        )
        side = crop_side(settings.crop_size, factor, scale_crop=settings.scale_schedule.scale_crop)
        at_corner = settings.small_images == "top_left"
        if at_corner:  # mirrored afterwards, the image would lie at the other corner
            rgb, mask = random_flip(rgb, mask, generator)
        rgb, mask = random_crop(rgb, mask, side, generator, pad_rgb=self.pad_rgb, small_at_corner=at_corner)
        if not at_corner:
            rgb, mask = random_flip(rgb, mask, generator)
        return to_tensor(rgb), torch.from_numpy(np.ascontiguousarray(mask))


def batch_generator(random_seed: int, progress: float) -> np.random.Generator:
    """Return the random numbers that all samples of a batch share: those of one step have one progress, in [0, 1)."""
    return np.random.default_rng((random_seed, int(progress * 2**53)))
