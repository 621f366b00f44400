"""Class maps as torch tensors: resizing, and bringing raw evidence to [0, 1]."""

import torch
from torch import Tensor
from torch.nn import functional

from orandnet.maps import FLAT


def resize_maps(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return (N, K, h, w) maps resized bilinearly to `shape`, half-pixel centres."""
    if tuple(maps.shape[-2:]) == tuple(shape):
        return maps
    return functional.interpolate(maps, size=shape, mode="bilinear", align_corners=False)


def divide_by_max(maps: Tensor) -> Tensor:
    """Return (K, h, w) in [0, 1]: negative evidence dropped, each map divided by its maximum; an empty one stays so.

    IRN adds 1e-5 to the maximum. That is a good part of it where evidence is small, as of gradients and relevance.
    """
    return _over_its_maximum(maps.relu())


def min_max(maps: Tensor) -> Tensor:
    """Return (K, h, w) in [0, 1]: each map shifted to minimum 0 and divided by its range.

    What keeps a flat map from being blown up is a share of its own level, since that of relevance is arbitrary and may
    lie below 1e-3: a map and its multiples have the same scores.
    """
    level = maps.abs().amax(dim=(1, 2), keepdim=True)
    return _over_its_maximum(maps - maps.amin(dim=(1, 2), keepdim=True), floor=FLAT * level)


def _over_its_maximum(maps: Tensor, floor: Tensor | float = 0.0) -> Tensor:
    highest = maps.amax(dim=(1, 2), keepdim=True) + floor
    return maps / torch.where(highest > 0, highest, 1)


NORMALISATIONS = {"max": divide_by_max, "min_max": min_max}
