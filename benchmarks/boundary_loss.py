"""IRN's loss and its gradient: offset by offset against all pairs gathered at once and recorded by autograd."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inputs import Inputs, boundary_like, drawn
from orandnet.files.mask import IGNORE_INDEX
from orandnet.irn.affinity import fits, offsets, path_cells, window
from orandnet.irn.loss import EPSILON, affinity_loss, pair_kinds
from orandnet.maps.grid import GRID_STRIDE
from timing import Agreement, Comparison

RADIUS, CROP, BATCH = 10, 512, 2
LARGEST_DIFFERENCE = 1e-6


class GatheredPairs:
    """The loss over index tables of all pairs of a grid; pairs whose paths are of one length lie in one table."""

    def __init__(self, shape: tuple[int, int], radius: int):
        """Make the tables of cells on the path of each pair, for an (h, w) grid."""
        cells = torch.arange(shape[0] * shape[1]).view(shape)
        self.offsets, tables = defaultdict(list), defaultdict(list)
        for offset in (one for one in offsets(radius) if fits(shape, one)):
            path = path_cells(offset)
            self.offsets[len(path)].append(offset)
            tables[len(path)].append(torch.stack([window(cells, cell, offset).flatten() for cell in path]))
        self.tables = {length: torch.cat(parts, dim=1) for length, parts in tables.items()}

    def kinds(self, labels: Tensor) -> Tensor:
        """Return (3, N, P) float32: which pairs are same background, same foreground, different."""
        ordered = [offset for part in self.offsets.values() for offset in part]
        return torch.cat([pair_kinds(labels, offset).flatten(2) for offset in ordered], dim=2).float()

    def loss(self, boundary: Tensor, kinds: Tensor) -> Tensor:
        """Return the loss of (N, h, w) boundaries."""
        flat, affinities = boundary.flatten(1), []
        for length, table in self.tables.items():
            along = flat.index_select(1, table.flatten()).view(len(flat), 1, length, -1)
            affinities.append(1 - functional.max_pool2d(along, (length, 1)).flatten(1))
        affinity = torch.cat(affinities, dim=1)
        same, different = -torch.log(affinity + EPSILON), -torch.log(1 + EPSILON - affinity)
        costs = [(k * c).sum() / (k.sum() + 1e-5) for k, c in zip(kinds, (same, same, different), strict=True)]
        return costs[0] / 4 + costs[1] / 4 + costs[2] / 2


def windows(number: int, side: int) -> tuple[Tensor, Tensor]:
    """Return boundaries (N, h, w) and labels (N, h, w) uint8 of drawn scenes, outlines unknown."""
    masks = [drawn(k, (side, side))[1] for k in range(number)]
    boundaries = torch.from_numpy(np.stack([boundary_like(mask, k) for k, mask in enumerate(masks)]))
    labels = np.stack([mask[GRID_STRIDE // 2 :: GRID_STRIDE, GRID_STRIDE // 2 :: GRID_STRIDE] for mask in masks])
    unsure = (boundaries > 0.5).numpy()
    return boundaries, torch.from_numpy(np.where(unsure, np.uint8(IGNORE_INDEX), labels))


def agreement(expected: tuple[Tensor, Tensor], ours: tuple[Tensor, Tensor]) -> Agreement:
    """Return the largest differences of loss and gradient."""
    loss, gradient = ((a - b).abs().max().item() for a, b in zip(expected, ours, strict=True))
    return Agreement(f"loss to {loss:.1e}, gradient to {gradient:.1e}", max(loss, gradient) <= LARGEST_DIFFERENCE)


def comparisons(inputs: Inputs, *, crop: int = CROP) -> Iterator[Comparison]:
    """Yield loss and gradient of one batch; the tables and the kinds of the baseline's pairs are made beforehand."""
    boundary, labels = windows(BATCH, crop)
    gathered = GatheredPairs(tuple(labels.shape[1:]), RADIUS)
    kinds = gathered.kinds(labels)

    def with_gradient(loss_of) -> tuple[Tensor, Tensor]:
        leaf = boundary.clone().requires_grad_()
        loss = loss_of(leaf)
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]

    yield Comparison(
        f"IRN's loss and gradient, {BATCH} windows of {crop}x{crop}, radius {RADIUS}",
        lambda: with_gradient(lambda leaf: gathered.loss(leaf, kinds)),
        lambda: with_gradient(lambda leaf: affinity_loss(leaf, labels, radius=RADIUS).loss),
        agreement,
    )
