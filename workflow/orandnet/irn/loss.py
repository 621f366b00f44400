"""The loss that lets a boundary map explain which pixels belong together (Ahn, Cho & Kwak 2019).

Pairs of confident cells within a radius are of three kinds: both background, both of one foreground class,
of different classes. With a = 1 - max of the boundary on the path between the two and means
over all pairs of a kind,

    loss = 1/2 [ 1/2 mean_background(-log a) + 1/2 mean_foreground(-log a) + mean_different(-log(1 - a)) ]

The sum runs over the offsets one after the other, and its gradient is written down instead of recorded: the
memory is that of a few planes and of three bytes for a pair, where recording all pairs takes a plane of floats
for each cell of the paths of 152 offsets.
"""

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from orandnet.files.mask import IGNORE_INDEX
from orandnet.irn.affinity import Offset, along_path, fits, offsets, window

EPSILON = 1e-5  # keeps the logarithm finite
SHARES = (0.25, 0.25, 0.5)  # of the kinds: same background, same foreground, different


class AffinityLoss(NamedTuple):
    """The loss and, for the history, its parts without gradient.

    Attributes:
        loss: () float, to be minimised.
        background: mean over pairs of two background cells.
        foreground: mean over pairs of two cells of one class.
        different: mean over pairs of two classes.
    """

    loss: Tensor
    background: Tensor
    foreground: Tensor
    different: Tensor


def affinity_loss(boundary: Tensor, labels: Tensor, *, radius: int) -> AffinityLoss:
    """Return the loss of boundary maps against labels; a kind without pairs counts 0.

    Args:
        boundary: (N, h, w) float in [0, 1].
        labels: (N, h, w) integer mask ids, 255 = ignore.
        radius: pairs below this distance, in cells, are looked at (10 in the published code).
    """
    loss, means = _AffinityLoss.apply(boundary, labels, radius)
    return AffinityLoss(loss, *means)


def training_loss(network: nn.Module, batch: tuple[Tensor, Tensor], *, radius: int) -> dict[str, Tensor]:
    """Return the loss of a network and its parts by name, as the training loop takes them.

    Args:
        network: RGB -> boundary logits (N, h, w).
        batch: (N, 3, H, W) uint8 RGB and (N, h, w) uint8 mask ids of the grid cells, 255 = ignore.
        radius: as in `affinity_loss`.
    """
    rgb, labels = batch
    boundary = network(rgb).float().sigmoid()
    with torch.autocast(rgb.device.type, enabled=False):  # sums over thousands of pairs
        return affinity_loss(boundary, labels, radius=radius)._asdict()


def pair_kinds(labels: Tensor, offset: Offset) -> Tensor:
    """Return which pairs of an offset are same background, same foreground, different.

    Args:
        labels: (N, h, w) integer mask ids, 255 = ignore.
        offset: (dy, dx) that fits the grid.

    Returns:
        (3, N, h - dy, w - |dx|) bool; pairs with an ignored end are of no kind.
    """
    first, second = (window(labels, cell, offset) for cell in ((0, 0), offset))
    known = (first != IGNORE_INDEX).logical_and_(second != IGNORE_INDEX)
    same = (first == second).logical_and_(known)
    background = same & (first == 0)
    return torch.stack([background, same ^ background, known ^ same])


class _AffinityLoss(torch.autograd.Function):
    """Loss and means by kind of (boundary, labels, radius); the gradient is made on the way forward."""

    @staticmethod
    def forward(ctx, boundary: Tensor, labels: Tensor, radius: int) -> tuple[Tensor, Tensor]:
        used = [offset for offset in offsets(radius) if fits(tuple(labels.shape[-2:]), offset)]
        kinds_of = [pair_kinds(labels, offset) for offset in used]
        counts = boundary.new_zeros(len(SHARES))
        for kinds in kinds_of:
            counts += kinds.flatten(1).sum(1)
        weights = 1 / counts.clamp(min=1)
        shares = weights.new_tensor(SHARES)
        direction = torch.stack([weights[0], weights[1], -weights[2]]) * shares
        means, gradient = torch.zeros_like(weights), torch.zeros_like(boundary)
        for offset, kinds in zip(used, kinds_of, strict=True):
            path = along_path(boundary, offset)
            strongest = reduce(torch.maximum, path)
            # the likelihood of what is seen: 1 - a = strongest where the classes differ, a elsewhere
            likelihood = torch.where(kinds[2], strongest, 1 - strongest).add_(EPSILON)
            parts = kinds.to(boundary.dtype)
            means += weights * (parts * -likelihood.log()).flatten(1).sum(1)
            slope = torch.tensordot(direction, parts, dims=1).div_(likelihood)
            _add_to_strongest(along_path(gradient, offset), path, strongest, slope)
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(means)
        return means @ shares, means

    @staticmethod
    @once_differentiable
    def backward(ctx, loss_gradient: Tensor, _means_gradient: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return loss_gradient * gradient, None, None


def _add_to_strongest(gradients: list[Tensor], path: list[Tensor], strongest: Tensor, slope: Tensor) -> None:
    """Add each pair's slope to the first cell of its path where the boundary is strongest; `slope` is used up."""
    share = torch.empty_like(slope)
    for gradient, boundary in zip(gradients, path, strict=True):
        # shifted slices and no scatter: the sum has one order on every device; 1 and 0 as floats in one plane that is
        # used again: masks of bool made new for each cell take the loss twice as long
        torch.eq(boundary, strongest, out=share).mul_(slope)
        gradient.add_(share)
        slope.sub_(share)
