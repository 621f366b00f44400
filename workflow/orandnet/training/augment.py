"""Augmentations of image and mask pairs; every random number comes from the given generator."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as color

from orandnet.files.mask import IGNORE_INDEX


def resize(rgb: np.ndarray, size: tuple[int, int], interpolation: str = "bicubic") -> np.ndarray:
    """Return (H, W, 3) uint8 resized to `size` (H, W), bicubic or bilinear, with antialias."""
    if rgb.shape[:2] == tuple(size):
        return rgb
    return np.array(Image.fromarray(rgb).resize((size[1], size[0]), Image.Resampling[interpolation.upper()]))


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return (H, W) uint8 resized to `size` by nearest neighbour, so no id is invented."""
    if mask.shape == tuple(size):
        return mask
    return np.array(Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.NEAREST))


def random_flip(
    rgb: np.ndarray, mask: np.ndarray | None, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the pair mirrored left to right with probability one half."""
    if generator.random() < 0.5:
        return rgb, mask
    return rgb[:, ::-1], None if mask is None else mask[:, ::-1]


def random_crop(
    rgb: np.ndarray,
    mask: np.ndarray | None,
    size: int,
    generator: np.random.Generator,
    *,
    pad_rgb: tuple[int, int, int],
    pad_mask: int = IGNORE_INDEX,
    small_at_corner: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a square window at a random place; a smaller image lies at a random place in the window, or at its corner.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 or None.
        size: side of the window in pixels.
        generator: source of the two random numbers.
        pad_rgb: colour outside the image.
        pad_mask: id outside the image; `IGNORE_INDEX`, since nothing is known there.
        small_at_corner: a smaller image begins at the top and at the left of the window.

    Returns:
        (size, size, 3) uint8 and (size, size) uint8 or None.
    """
    source, target = [], []
    for length in rgb.shape[:2]:
        room = length - size
        offset = int(generator.integers(0, abs(room) + 1))
        offset = 0 if room < 0 and small_at_corner else offset
        taken = min(length, size)
        source.append(slice(offset, offset + taken) if room > 0 else slice(0, taken))
        target.append(slice(0, taken) if room > 0 else slice(offset, offset + taken))
    window = np.empty((size, size, 3), dtype=np.uint8)
    window[:] = pad_rgb
    window[tuple(target)] = rgb[tuple(source)]
    if mask is None:
        return window, None
    window_mask = np.full((size, size), pad_mask, dtype=np.uint8)
    window_mask[tuple(target)] = mask[tuple(source)]
    return window, window_mask


def color_jitter(
    rgb: np.ndarray,
    generator: np.random.Generator,
    *,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
    random_order: bool = False,
) -> np.ndarray:
    """Return (H, W, 3) uint8 with brightness, contrast, saturation changed by up to the given shares.

    Factors are uniform in [1 - x, 1 + x]; the hue shift is uniform in [-hue, hue] of the colour circle.

    Args:
        rgb: (H, W, 3) uint8.
        generator: source of the factors, and of the order.
        brightness: share, 0 for none; so are `contrast` and `saturation`.
        contrast: see there.
        saturation: see there.
        hue: share of the colour circle.
        random_order: whether the order is random, or that of the arguments.
    """
    image = Image.fromarray(rgb)  # whose enhancements are twice as fast as the same on tensors
    changes = []
    for change, amount in (
        (color.adjust_brightness, brightness),
        (color.adjust_contrast, contrast),
        (color.adjust_saturation, saturation),
    ):
        changes.append((change, amount, float(generator.uniform(max(0.0, 1 - amount), 1 + amount))))
    changes.append((color.adjust_hue, hue, float(generator.uniform(-hue, hue)) if hue else 0.0))
    order = generator.permutation(len(changes)) if random_order else range(len(changes))
    for change, amount, value in (changes[place] for place in order):
        image = change(image, value) if amount else image
    return np.array(image)


def to_tensor(rgb: np.ndarray) -> Tensor:
    """Return (3, H, W) uint8 of (H, W, 3) uint8."""
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))
