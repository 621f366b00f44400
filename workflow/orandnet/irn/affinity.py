"""Affinity of neighbouring grid cells, read off a boundary map.

Two cells belong together when no boundary lies between them (Ahn, Cho & Kwak 2019, "Weakly supervised
learning of instance segmentation with inter-pixel relations"):

    affinity(i, j) = 1 - max over the cells k of the path from i to j of boundary(k)

Pairs are listed by their offset (dy, dx) = j - i. An offset and its opposite are the same pair, so only one
half plane is visited. Both ends of a pair lie on the grid, and then so does its path: nothing links across
the border.
"""

from functools import lru_cache, reduce

import torch
from torch import Tensor

Offset = tuple[int, int]


@lru_cache(maxsize=8)
def offsets(radius: int) -> tuple[Offset, ...]:
    """Return the offsets with dy^2 + dx^2 < radius^2 of one half plane: dy > 0, or dy = 0 and dx > 0."""
    reach = range(-radius + 1, radius)
    disc = [(dy, dx) for dy in reach for dx in reach if dy * dy + dx * dx < radius * radius]
    return tuple(offset for offset in disc if offset > (0, 0))


@lru_cache(maxsize=1024)
def path_cells(offset: Offset) -> tuple[Offset, ...]:
    """Return the cells on the way from (0, 0) to `offset`, both ends included.

    A cell of the bounding box belongs to the path when its squared distance from the joining line is below
    1: (dy x - dx y)^2 / (dy^2 + dx^2) < 1. The path is thus thicker than a drawn line, and leaves no gap to
    slip through.
    """
    dy, dx = offset
    rows = range(min(0, dy), max(0, dy) + 1)
    columns = range(min(0, dx), max(0, dx) + 1)
    return tuple((y, x) for y in rows for x in columns if (dy * x - dx * y) ** 2 < dy * dy + dx * dx)


def fits(shape: tuple[int, int], offset: Offset) -> bool:
    """Tell whether any pair of this offset has both ends on a grid of this (h, w)."""
    return abs(offset[0]) < shape[0] and abs(offset[1]) < shape[1]


def window(plane: Tensor, cell: Offset, offset: Offset) -> Tensor:
    """Return the view of `plane` that holds, for every pair (i, i + offset) of the grid, the cell i + `cell`.

    Args:
        plane: (..., h, w) of any dtype.
        cell: (y, x) relative to the first end i of the pair: (0, 0) is i itself, `offset` the other end.
        offset: (dy, dx) with dy >= 0, as in `offsets`; it fits the grid.

    Returns:
        (..., h - dy, w - |dx|) view.
    """
    dy, dx = offset
    height, width = plane.shape[-2] - dy, plane.shape[-1] - abs(dx)
    top, left = cell[0], cell[1] + max(0, -dx)
    return plane[..., top : top + height, left : left + width]


def along_path(plane: Tensor, offset: Offset) -> list[Tensor]:
    """Return the `window` of every cell of the path, in the order of `path_cells`."""
    return [window(plane, cell, offset) for cell in path_cells(offset)]


def path_maximum(boundary: Tensor, offset: Offset) -> Tensor:
    """Return the strongest boundary on the path of every pair of one offset.

    Args:
        boundary: (..., h, w) float.
        offset: (dy, dx) as in `offsets`; it fits the grid.

    Returns:
        (..., h - dy, w - |dx|) float. It is a running maximum over shifted views, so the memory is that of
        one plane, not of one per cell of the path.
    """
    return reduce(torch.maximum, along_path(boundary, offset))


def affinity(boundary: Tensor, offset: Offset) -> Tensor:
    """Return the affinity of every pair of one offset, (..., h - dy, w - |dx|) in [0, 1] for such boundaries."""
    return 1 - path_maximum(boundary, offset)
