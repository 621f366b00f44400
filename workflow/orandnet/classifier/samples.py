"""Training samples of a classifier: an augmented window of an image and its labels."""

import numpy as np
import torch
from torch import Tensor

from orandnet.classifier.settings import Settings
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record
from orandnet.maps.grid import scaled_size
from orandnet.training.augment import color_jitter, random_crop, random_flip, resize, to_tensor


def label_vector(classes: tuple[int, ...], num_foreground: int) -> Tensor:
    """Return (C,) float32: 1 for each of the mask ids `classes` (1 .. C), 0 elsewhere."""
    labels = torch.zeros(num_foreground)
    labels[torch.tensor(classes, dtype=torch.int64) - 1] = 1
    return labels


class ClassifierSamples:
    """Draws (rgb (3, S, S) uint8, labels (C,) float32) of an image: long side, colours, flip, window."""

    def __init__(self, records: list[Record], settings: Settings, num_foreground: int, pad_rgb: tuple[int, int, int]):
        """Keep what is to be drawn from; `pad_rgb` fills a window larger than its image."""
        self.records, self.settings = records, settings
        self.num_foreground, self.pad_rgb = num_foreground, pad_rgb

    def __call__(self, position: int, generator: np.random.Generator, progress: float) -> tuple[Tensor, Tensor]:
        """Return the sample of the record at `position`; the progress of the training does not matter."""
        record, settings = self.records[position], self.settings
        rgb = read_rgb(record.image, record.size)
        low, high = settings.resize_long
        long_side = int(generator.integers(low, high + 1))
        rgb = resize(rgb, scaled_size(rgb.shape[:2], long_side / max(rgb.shape[:2])))
        rgb, _ = random_flip(rgb, None, generator)
        jitter = settings.color_jitter.model_dump()
        if jitter.pop("before_padding"):
            rgb = color_jitter(rgb, generator, **jitter)
            rgb, _ = random_crop(rgb, None, settings.crop_size, generator, pad_rgb=self.pad_rgb)
        else:
            rgb, _ = random_crop(rgb, None, settings.crop_size, generator, pad_rgb=self.pad_rgb)
            rgb = color_jitter(rgb, generator, **jitter)
        return to_tensor(rgb), label_vector(record.classes, self.num_foreground)
