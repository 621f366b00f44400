"""The inputs of the comparisons: pictures with true masks, and what trained networks would say about them.

Pictures are drawn scenes (`orandnet.dataset.scenes.drawing`: textures, light, grain), or photographs of a folder in VOC
layout brought to the same size. Nothing is trained here: CAMs, boundaries and predictions are made from the true
masks, blurred and disturbed by smooth noise, so that they are right inside of things and unsure at their borders.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from orandnet.dataset.scenes.drawing import CLASS_NAMES, draw_scene
from orandnet.files.mask import IGNORE_INDEX, read_mask
from orandnet.maps.grid import grid_shape, resize_scores

SIZE = (375, 500)  # (H, W) of most images of PASCAL VOC
NUM_CLASSES = 21


class Inputs:
    """Some pictures of one size."""

    def __init__(self, *, size: tuple[int, int] = SIZE, number: int = 2, data: Path | None = None):
        """Choose `number` pictures of (H, W) = `size`: drawn, or the first photographs listed in train of `data`."""
        self.size, self.number, self.data = size, number, data

    @cached_property
    def _pictures(self) -> list[tuple[np.ndarray, np.ndarray]]:
        if self.data is None:
            return [drawn(number, self.size) for number in range(self.number)]
        listed = (self.data / "ImageSets/Segmentation/train.txt").read_text().split()
        # far apart in the list, so that they show different things
        return [photograph(self.data, name, self.size) for name in listed[:: len(listed) // self.number][: self.number]]

    @property
    def images(self) -> list[np.ndarray]:
        """Return the pictures, (H, W, 3) uint8."""
        return [rgb for rgb, _ in self._pictures]

    @property
    def masks(self) -> list[np.ndarray]:
        """Return their true masks, (H, W) uint8 in 0..20 and 255."""
        return [mask for _, mask in self._pictures]

    @property
    def classes(self) -> list[np.ndarray]:
        """Return two mask ids (2,) int64 for each picture, those it shows first."""
        return [two_classes(mask) for mask in self.masks]

    @property
    def scores(self) -> list[np.ndarray]:
        """Return a CAM for each picture, (2, h, w) float32 in [0, 1] on the grid: blurred objects and smooth noise."""
        pairs = enumerate(zip(self.masks, self.classes, strict=True))
        return [cam_like(mask, classes, seed) for seed, (mask, classes) in pairs]

    @property
    def boundaries(self) -> list[np.ndarray]:
        """Return a boundary for each picture, (h, w) float32 in [0, 1]: high at outlines, low and uneven elsewhere."""
        return [boundary_like(mask, seed) for seed, mask in enumerate(self.masks)]

    @property
    def predictions(self) -> list[np.ndarray]:
        """Return class probabilities for each picture, (21, H, W) float32, see `prediction_like`."""
        return [prediction_like(mask, seed) for seed, mask in enumerate(self.masks)]

    @property
    def other_predictions(self) -> list[np.ndarray]:
        """Return what the same network would say at other scales: the same probabilities, smoother."""
        coarse = grid_shape(self.size, 16)
        return [resize_scores(resize_scores(found, coarse), self.size) for found in self.predictions]


def drawn(number: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a scene and its mask."""
    scene = draw_scene(np.random.default_rng(number), size, CLASS_NAMES[number % len(CLASS_NAMES)])
    return scene.rgb, scene.mask


def photograph(data: Path, image_id: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a photograph and its mask, both resized to `size` (H, W)."""
    with Image.open(data / "JPEGImages" / f"{image_id}.jpg") as image:
        rgb = np.array(image.convert("RGB").resize(size[::-1], Image.Resampling.BICUBIC))
    mask = Image.fromarray(read_mask(data / "SegmentationClassAug" / f"{image_id}.png"))
    return rgb, np.array(mask.resize(size[::-1], Image.Resampling.NEAREST))


def two_classes(mask: np.ndarray) -> np.ndarray:
    """Return the mask ids of two classes, ascending; absent ones fill up."""
    shown = [class_id for class_id in np.unique(mask).tolist() if class_id not in (0, IGNORE_INDEX)]
    others = [class_id for class_id in range(1, NUM_CLASSES) if class_id not in shown]
    return np.sort((shown + others)[:2])


def smooth_noise(shape: tuple[int, ...], seed: int, cells: int) -> np.ndarray:
    """Return (K, h, w) float32 of mean 0 and about unit variance: normal numbers on a coarse grid, interpolated."""
    coarse = np.random.default_rng(seed).normal(size=(shape[0], cells, cells))
    return 1.5 * resize_scores(coarse, shape[1:])


def coverage(mask: np.ndarray, ids: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return (K, h, w) float32 share of each cell that shows each mask id; about two cells blurred."""
    planes = [Image.fromarray((mask == class_id).astype(np.float32)) for class_id in ids]
    coarse = [plane.resize((shape[1] // 2 or 1, shape[0] // 2 or 1), Image.Resampling.BILINEAR) for plane in planes]
    return resize_scores(np.stack([np.asarray(plane) for plane in coarse]), shape)


def cam_like(mask: np.ndarray, classes: np.ndarray, seed: int) -> np.ndarray:
    """Return (K, h, w) float32 in [0, 1] on the grid of the mask, each map with maximum 1."""
    shape = grid_shape(mask.shape)
    evidence = coverage(mask, classes, shape) + 0.25 * smooth_noise((len(classes), *shape), seed, 9)
    evidence = np.maximum(evidence, 0)
    return (evidence / (evidence.max(axis=(1, 2), keepdims=True) + 1e-5)).astype(np.float32)


def boundary_like(mask: np.ndarray, seed: int) -> np.ndarray:
    """Return (h, w) float32 in [0, 1] on the grid of the mask."""
    shape = grid_shape(mask.shape)
    inside = coverage(mask, np.unique(mask[mask != IGNORE_INDEX]), shape)
    outline = 1 - np.abs(2 * inside - 1).min(axis=0)
    noise = 0.1 * np.abs(smooth_noise((1, *shape), seed, 25)[0])
    return np.clip(0.9 * outline + noise, 0.01, 0.99).astype(np.float32)  # a sigmoid reaches neither 0 nor 1


def prediction_like(mask: np.ndarray, seed: int) -> np.ndarray:
    """Return (21, H, W) float32 probabilities as of a trained network: a softmax of smooth logits at stride 8.

    A label's logit is 12 times its share of the cell, plus smooth noise of deviation 0.3; one label that the picture
    does not show rises by 6 in one place, as a confusion does. So two to four labels are strong, and most of the
    others stay below 0.01 everywhere.
    """
    shape = grid_shape(mask.shape, 8)
    settled = np.where(mask == IGNORE_INDEX, 0, mask)
    noise = smooth_noise((NUM_CLASSES + 1, *shape), seed, 6)
    logits = 12 * coverage(settled, np.arange(NUM_CLASSES), shape) + 0.3 * noise[:-1]
    confused = two_classes(mask)[-1] % (NUM_CLASSES - 1) + 1
    logits[confused] += 6 * np.exp(-2 * (noise[-1] - noise[-1].max()) ** 2)
    logits = resize_scores(logits, mask.shape)
    odds = np.exp(logits - logits.max(axis=0))
    return odds / odds.sum(axis=0)
