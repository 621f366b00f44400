"""Multi-scale input: images resized in integers against PIL, normalised floats and stacked mirror images."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from inputs import Inputs
from orandnet.cam.multiscale import scaled_images
from orandnet.maps.grid import scaled_size
from orandnet.networks.backbone import IMAGENET_MEAN, IMAGENET_STD, Normalise
from orandnet.training.augment import to_tensor
from timing import Agreement, Comparison

SCALES = [1.0, 0.5, 1.5, 2.0]
MOST_LEVELS, SHARE_ABOVE_ONE = 2, 1e-5


def stacked(rgb: np.ndarray) -> list[np.ndarray]:
    """Return (2, 3, h, w) float32 at each scale, normalised, the second one mirrored."""
    pairs = []
    for scale in SCALES:
        size = scaled_size(rgb.shape[:2], scale)
        image = np.asarray(Image.fromarray(rgb).resize(size[::-1], Image.Resampling.BICUBIC))
        normalised = np.empty(image.shape, np.float32)
        for channel in range(3):
            mean, std = IMAGENET_MEAN[channel], IMAGENET_STD[channel]
            normalised[..., channel] = (image[..., channel] / 255.0 - mean) / std
        planes = np.transpose(normalised, (2, 0, 1))
        pairs.append(np.stack([planes, np.flip(planes, -1)], axis=0))
    return pairs


def in_integers(rgb: np.ndarray) -> list[Tensor]:
    """Return (1, 3, h, w) uint8 at each scale; the device mirrors and normalises."""
    return list(scaled_images(to_tensor(rgb)[None], scales=SCALES, flip=False))


def all_on_the_cpu(rgb: np.ndarray) -> list[Tensor]:
    """Return (2, 3, h, w) float32 at each scale, mirrored and normalised as a network on the CPU does it."""
    normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
    return [normalise(pair) for pair in scaled_images(to_tensor(rgb)[None], scales=SCALES, flip=True)]


def agreement(expected: list[list], ours: list[list]) -> Agreement:
    """Return which share of the values is a grey level apart, or more, and the bytes of an image's inputs."""
    normalise, levels, size = Normalise(IMAGENET_MEAN, IMAGENET_STD), [], [0, 0]
    for a, b in ((a, b) for pairs in zip(expected, ours, strict=True) for a, b in zip(*pairs, strict=True)):
        floats = normalise(b) if b.dtype == torch.uint8 else b
        apart = (torch.from_numpy(a[: len(floats)]) - floats) * normalise.std
        levels.append(apart.abs().round().flatten())
        size = [size[0] + a.nbytes, size[1] + b.nbytes]
    levels = torch.cat(levels)
    one, more = (float((levels >= least).double().mean()) for least in (1, 2))
    megabytes = [total / len(ours) / 1e6 for total in size]
    text = f"{one:.1%} of values one grey level apart, {more:.0e} two; {megabytes[0]:.1f} MB and {megabytes[1]:.1f} MB"
    return Agreement(text, levels.max() <= MOST_LEVELS and more <= SHARE_ABOVE_ONE)


def comparisons(inputs: Inputs) -> Iterator[Comparison]:
    """Yield the inputs of 4 scales with mirror images: as they go to the device, and as a network sees them."""
    images = inputs.images
    for name, form in (("mirrored and normalised on the device", in_integers), ("all on the CPU", all_on_the_cpu)):
        yield Comparison(
            f"inputs of 4 scales and their mirror images; {name}",
            lambda: [stacked(rgb) for rgb in images],
            lambda form=form: [form(rgb) for rgb in images],
            agreement,
            units=len(images),
        )
