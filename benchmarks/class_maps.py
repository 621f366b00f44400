"""From a network's class maps of four scales to the CAM of an image: select the classes, then enlarge."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inputs import NUM_CLASSES, Inputs, smooth_noise
from orandnet.maps.grid import grid_shape, scaled_size
from orandnet.maps.score_maps import divide_by_max, resize_maps
from timing import Agreement, Comparison

SCALES = (1.0, 0.5, 1.5, 2.0)
STRIDE = 16
COARSE_CELLS = 9
ROUNDING = 3e-7  # on small images torch interpolates 20 maps in another order than 2; none at the size of the table


def raw_maps(size: tuple[int, int]) -> list[Tensor]:
    """Return positive evidence (1, 20, h, w) as a network of stride 16 gives it at each scale: smooth noise."""
    shapes = [grid_shape(scaled_size(size, scale), STRIDE) for scale in SCALES]
    noise = [smooth_noise((NUM_CLASSES - 1, *shape), 0, COARSE_CELLS) for shape in shapes]
    return [torch.from_numpy(maps)[None].relu() for maps in noise]


def enlarge_then_select(maps: list[Tensor], classes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return (K, H, W) scores: all 20 maps are enlarged and summed, then the image's classes are picked."""
    padded = tuple(STRIDE * cells for cells in grid_shape(size, STRIDE))
    enlarged = [functional.interpolate(one, padded, mode="bilinear", align_corners=False) for one in maps]
    summed = torch.sum(torch.stack(enlarged), dim=0)[0, :, : size[0], : size[1]]
    chosen = summed[torch.from_numpy(classes) - 1]
    return (chosen / functional.adaptive_max_pool2d(chosen, (1, 1))).numpy()


def select_then_enlarge(maps: list[Tensor], classes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the same with the package's functions, in the package's order."""
    padded = tuple(STRIDE * cells for cells in grid_shape(size, STRIDE))
    chosen = torch.from_numpy(classes) - 1
    total = torch.zeros(())
    for one in maps:
        total = total + resize_maps(one[:, chosen], padded)
    return divide_by_max(total[0, :, : size[0], : size[1]]).numpy()


def both_sizes_then_select(maps: list[Tensor], classes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the (K, h, w) scores on the grid of published code, which makes those in full size along with them."""
    enlarge_then_select(maps, classes, size)
    enlarged = [functional.interpolate(one, grid_shape(size), mode="bilinear", align_corners=False) for one in maps]
    chosen = sum(enlarged)[0][torch.from_numpy(classes) - 1]
    return (chosen / functional.adaptive_max_pool2d(chosen, (1, 1))).numpy()


def select_then_grid(maps: list[Tensor], classes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the same as the stage makes it: full size is left to those who read the store."""
    chosen = torch.from_numpy(classes) - 1
    total = torch.zeros(())
    for one in maps:
        total = total + resize_maps(one[:, chosen], grid_shape(size))
    return divide_by_max(total[0]).numpy()


def agreement(expected: list[np.ndarray], ours: list[np.ndarray]) -> Agreement:
    """Return whether the scores are the same, up to the rounding of one sum."""
    difference = max(float(np.abs(a - b).max()) for a, b in zip(expected, ours, strict=True))
    return Agreement(f"max difference {difference:.1e}" if difference else "bit-exact", difference <= ROUNDING)


def comparisons(inputs: Inputs) -> Iterator[Comparison]:
    """Yield the comparisons for images of one and of two classes; those of VOC's train_aug have 1.555 on average."""
    maps = raw_maps(inputs.size)
    images = [classes[: 1 + number % 2] for number, classes in enumerate(inputs.classes)]
    for work, straightforward, ours in (
        ("to the CAM that is stored", both_sizes_then_select, select_then_grid),
        ("to full size", enlarge_then_select, select_then_enlarge),
    ):
        yield Comparison(
            f"class maps of 4 scales {work}, 1 or 2 of 20 classes",
            partial(_each, straightforward, maps, images, inputs.size),
            partial(_each, ours, maps, images, inputs.size),
            agreement,
            units=len(images),
            rounds=7,
        )


def _each(form: Callable, maps: list[Tensor], images: list[np.ndarray], size: tuple[int, int]) -> list[np.ndarray]:
    return [form(maps, classes, size) for classes in images]
