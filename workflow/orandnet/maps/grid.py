"""Sizes: of scaled images, and of the grid on which CAMs are stored, with the way back to the image's size.

All CAMs of an image lie on one grid, so that sources can be fused cell by cell. numpy only.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from orandnet.maps import GRID_STRIDE

MOST_KEPT = 2**17  # elements of a matrix that is kept; larger ones take no time beside their products
STRETCHED = 1024  # largest side of a map that has nothing to do with its image's size


def scaled_size(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Return (H, W) times `factor`, rounded, at least one pixel."""
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def grid_shape(size: tuple[int, int], stride: int = GRID_STRIDE) -> tuple[int, int]:
    """Return the (h, w) cells that cover an image of `size` (H, W) pixels, `stride` pixels to a cell."""
    height, width = size
    return -(-height // stride), -(-width // stride)


def most_cells(size: tuple[int, int]) -> int:
    """Return the cells that a foreign map of an image may have: twice its sides, or what a network stretched it to."""
    return max(4 * size[0] * size[1], STRETCHED**2)


def covers(shape: tuple[int, int], size: tuple[int, int]) -> bool:
    """Return whether a map of `shape` (h, w) can be an image of `size` (H, W) at some scale, however it was rounded."""
    (h, w), (height, width) = shape, size
    return (h - 1) / height < (w + 1) / width and (w - 1) / width < (h + 1) / height


@lru_cache(maxsize=256)
def _weights(cells: int, pixels: int) -> np.ndarray:
    """Return the (pixels, cells) float32 matrix of linear interpolation with half-pixel centres."""
    position = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, cells - 1)
    fraction = position - low
    matrix = np.zeros((pixels, cells), dtype=np.float32)
    np.add.at(matrix, (np.arange(pixels), low), 1 - fraction)
    np.add.at(matrix, (np.arange(pixels), high), fraction)
    return matrix


def _matrix(kept: Callable[[int, int], np.ndarray], cells: int, pixels: int) -> np.ndarray:
    """Return what a function with a cache makes; photographs of many large sizes would fill the memory with it."""
    return (kept if cells * pixels <= MOST_KEPT else kept.__wrapped__)(cells, pixels)


def resize_scores(scores: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return scores resized bilinearly, half-pixel centres, as torch's `align_corners=False`.

    Args:
        scores: (K, h, w) float; K may be 0.
        shape: (H, W) of the result.

    Returns:
        (K, H, W) float32; values stay within the range of each map.
    """
    scores = np.asarray(scores, dtype=np.float32)
    if scores.shape[1:] == tuple(shape):
        return scores.copy()
    rows, columns = (_matrix(_weights, *sides) for sides in zip(scores.shape[1:], shape, strict=True))
    # without einsum: two matrix products, the smaller intermediate first
    return np.matmul(rows, np.matmul(scores, columns.T))


@lru_cache(maxsize=256)
def _overlaps(cells: int, pixels: int) -> np.ndarray:
    """Return the (cells, pixels) float32 share that each pixel has in each of the cells that divide a side evenly."""
    edges = np.arange(cells + 1)[:, None] * (pixels / cells)
    left = np.arange(pixels)
    shares = np.minimum(edges[1:], left + 1) - np.maximum(edges[:-1], left)
    return (shares.clip(min=0) * (cells / pixels)).astype(np.float32)


def to_grid(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return (K, h, w) maps of an image of `size` (H, W) pixels brought to its grid.

    Finer maps are averaged over each cell's area, coarser ones interpolated bilinearly; values stay in their range.
    """
    shape = grid_shape(size)
    if scores.shape[1:] == shape:
        return scores
    if scores.shape[1] < shape[0] or scores.shape[2] < shape[1]:
        resized = resize_scores(scores, shape)
    else:
        resized = averaged(scores, shape)
    return resized.clip(scores.min(), scores.max())


def averaged(scores: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return (K, H, W) float scores averaged over the area of each of `shape` (h, w) cells, no more than there are."""
    rows, columns = (_matrix(_overlaps, *sides) for sides in zip(shape, scores.shape[1:], strict=True))
    return np.matmul(rows, np.matmul(scores, columns.T))
