"""Class-aware attention-based affinity of CLIP-ES (Lin et al., CVPR 2023): attention spreads a map within its boxes.

With the attention W between patches, averaged over heads and last blocks, a map m and the boxes B around its peaks,

    D = Sinkhorn(W),    A = ((D + D^T) / 2)^2,    refined(i) = sum over patches j of A(i, j) B(j) m(j).
"""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

SINKHORN_STEPS = 3
NEIGHBOURS = np.ones((3, 3), dtype=bool)  # cells that touch at a corner are one part


def sinkhorn(attention: Tensor, steps: int = SINKHORN_STEPS) -> Tensor:
    """Return (N, P, P) with columns and then rows divided by their sums, `steps` times: nearly doubly stochastic.

    Args:
        attention: (N, P, P) float, above 0.
        steps: of both.
    """
    for _ in range(steps):
        attention = attention / attention.sum(dim=1, keepdim=True)
        attention = attention / attention.sum(dim=2, keepdim=True)
    return attention


def affinity(attention: Tensor) -> Tensor:
    """Return (N, P, P), symmetric: how much each patch has in common with each, from the attention between them."""
    mutual = sinkhorn(attention)
    mutual = (mutual + mutual.mT) / 2
    return mutual @ mutual


def boxes(cam: np.ndarray, threshold: float) -> np.ndarray:
    """Return (h, w) bool: the cells in the bounding boxes of the connected parts above a share of the maximum.

    Args:
        cam: (h, w) float, at least 0.
        threshold: share of the maximum.
    """
    inside = np.zeros(cam.shape, dtype=bool)
    parts, _ = ndimage.label(cam > threshold * cam.max(), structure=NEIGHBOURS)
    for box in ndimage.find_objects(parts):
        inside[box] = True
    return inside


def spread(maps: Tensor, attention: Tensor, threshold: float) -> Tensor:
    """Return (N, T, h, w) maps spread by the affinity of the patches, each from within its own boxes.

    Args:
        maps: (N, T, h, w) float, at least 0.
        attention: (N, h w, h w) float, above 0.
        threshold: share of each map's maximum above which its boxes lie.
    """
    inside = np.stack([boxes(cam, threshold) for cam in maps.flatten(0, 1).cpu().numpy()])
    kept = maps * torch.from_numpy(inside).to(maps.device).view(maps.shape)
    return (kept.flatten(2) @ affinity(attention).mT).view(maps.shape)
