"""Random walk that spreads CAM scores inside class boundaries (Ahn, Cho & Kwak 2019).

The transition matrix T, affinity^beta divided by its column sums, moves scores between cells of high
affinity. The published code squares this dense n x n matrix log2(steps) times. Only the row vector x T^steps
is wanted, so here T stays sparse (at most 69 entries per row at radius 5), and the power is expanded in
Chebyshev polynomials C_k, which takes far fewer products than steps.

With A = affinity^beta and D the diagonal of its column sums, T = A D^-1 = D^1/2 S D^-1/2, where the matrix
S = D^-1/2 A D^-1/2 is symmetric. So T has S's real spectrum, and it lies in [-1, 1] because the columns of T
are non-negative and sum to 1. There x = cos(t), C_k(x) = cos(k t), and the binomial theorem for
((e^it + e^-it) / 2)^n gives

    x^n = sum over j = 0..n of 2^-n binom(n, j) cos((n - 2j) t) = sum over k = 0..n of c_k C_k(x)
    c_k = 2^(1-n) binom(n, (n - k) / 2) for n - k even, k > 0;   c_0 = 2^-n binom(n, n / 2);   0 otherwise.

The c_k are positive and sum to 1 (c_k is the chance that n coin throws show k more of one side than of the
other). Since |C_k| <= 1 on the spectrum, leaving out all k > d changes S^n by at most the sum of their c_k
in norm: for n = 256 steps, 70 products leave out less than 1e-5.
"""

import math
import warnings
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from orandnet.irn.affinity import affinity, fits, offsets, window

MOST_KEPT = 2**15  # cells of a map whose structure is kept: half a megapixel, 27 MB
TAIL = 1e-5  # weight of the Chebyshev terms left out; float32 rounding of the walk itself is about 1e-4


def propagate(
    scores: np.ndarray | Tensor, boundary: np.ndarray | Tensor, *, radius: int, beta: float, steps: int
) -> np.ndarray | Tensor:
    """Return class scores after a random walk among cells that no boundary separates.

    The walk starts from scores * (1 - boundary). Each result is a weighted mean of the starting scores, so
    the range of a class never grows, and a constant map without boundary stays as it is.

    Args:
        scores: (K, h, w) float.
        boundary: (h, w) float in [0, 1].
        radius: cells at a distance below it are linked (5 at inference in the published code).
        beta: power that sharpens the affinities (10).
        steps: length of the walk (256); any number, 0 returns the start.

    Returns:
        (K, h, w), of the kind and on the device of `scores`; float64 for float64 scores, else float32.

    Raises:
        ValueError: the grids differ.
    """
    if tuple(scores.shape[1:]) != tuple(boundary.shape):
        raise ValueError(
            f"boundary: its grid {tuple(boundary.shape)} is not {tuple(scores.shape[1:])}, that of the scores; "
            "resize one of them first."
        )
    if isinstance(scores, np.ndarray):
        as_tensors = torch.from_numpy(np.array(scores)), torch.from_numpy(np.array(boundary))
        return propagate(*as_tensors, radius=radius, beta=beta, steps=steps).numpy()
    dtype = torch.float64 if scores.dtype == torch.float64 else torch.float32
    boundary = boundary.to(scores.device, dtype)
    start = (scores.to(dtype) * (1 - boundary)).flatten(1)
    if start.numel() == 0:
        return start.view(scores.shape)
    step = step_matrix(boundary, radius=radius, beta=beta)
    walked = matrix_power_product(step, start.T.contiguous(), steps).T
    # rounding and the cut tail may leave the range that a weighted mean cannot leave
    walked = walked.clamp(start.amin(1, keepdim=True), start.amax(1, keepdim=True))
    return walked.reshape(scores.shape)


def step_matrix(boundary: Tensor, *, radius: int, beta: float) -> Tensor:
    """Return one step of the walk as (n, n) sparse CSR, n = h w: T transposed, so that rows sum to 1.

    Args:
        boundary: (h, w) float in [0, 1].
        radius, beta: as in `propagate`.
    """
    shape = tuple(boundary.shape)
    disc = _disc(radius)
    weights = boundary.new_zeros((len(disc), *shape))
    weights[disc.index((0, 0))] = 1
    for offset in offsets(radius):
        if fits(shape, offset):
            opposite = -offset[0], -offset[1]
            strength = affinity(boundary, offset) ** beta
            window(weights[disc.index(offset)], (0, 0), offset).copy_(strength)
            window(weights[disc.index(opposite)], offset, offset).copy_(strength)
    weights /= weights.sum(0)
    # photographs of many large sizes would fill the memory with what is kept of them
    structure = _structure if shape[0] * shape[1] <= MOST_KEPT else _structure.__wrapped__
    rows, columns, entries = structure(shape, radius, boundary.device)
    size = (math.prod(shape),) * 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(rows, columns, weights.flatten()[entries], size, check_invariants=False)


def matrix_power_product(matrix: Tensor, vectors: Tensor, steps: int) -> Tensor:
    """Return matrix^steps @ vectors by the Chebyshev expansion of the module's head.

    Args:
        matrix: (n, n) sparse CSR, similar to a symmetric matrix with its spectrum in [-1, 1].
        vectors: (n, K) float.
        steps: power, >= 0. A low power is expanded whole, that is without any truncation.

    Returns:
        (n, K) float.
    """
    coefficients = chebyshev_coefficients(steps)
    result = coefficients[0] * vectors
    before, now = vectors, vectors
    for k, coefficient in enumerate(coefficients[1:], start=1):
        # C_1 = x C_0, then C_(k+1) = 2 x C_k - C_(k-1)
        after = matrix @ now if k == 1 else torch.addmm(before, matrix, now, beta=-1, alpha=2)
        before, now = now, after
        if coefficient:
            result.add_(now, alpha=coefficient)
    return result


@lru_cache(maxsize=16)
def chebyshev_coefficients(steps: int, *, tail: float = TAIL) -> tuple[float, ...]:
    """Return c_0 .. c_d of x^steps = sum c_k C_k(x) on [-1, 1]; the rest, left out, sums to `tail` at most.

    The first binomial is an exact integer, the others follow from it by a product of few factors near 1.
    """
    if steps < 0:
        raise ValueError(f"steps: {steps} is negative; give 0 or more.")
    first = steps % 2
    coefficients = [0.0] * first
    chance = (1 + first) * (math.comb(steps, steps // 2) / 2**steps)
    left = 1.0
    for k in range(first, steps + 1, 2):
        coefficients += [chance] if k == first else [0.0, chance]
        left -= chance
        if left <= tail:
            break
        # binom(n, (n - k) / 2 - 1) from binom(n, (n - k) / 2); c_0 alone lacks the factor 2
        chance *= (steps - k) / (steps + k + 2) * (2 if k == 0 else 1)
    return tuple(coefficients)


def scaled_to_one(scores: np.ndarray) -> np.ndarray:
    """Return scores divided by the largest score of the image, over all its classes; all zeros stay zeros.

    The walk thins every class out; one common factor restores the height without changing which class wins.

    Args:
        scores: (K, h, w) float, not negative.
    """
    peak = scores.max(initial=0)
    return scores / peak if peak > 0 else scores


def _disc(radius: int) -> list[tuple[int, int]]:
    """All offsets below the radius, opposites and self loop included, ascending as the columns of a CSR row."""
    half = offsets(radius)
    return sorted([*half, (0, 0), *((-dy, -dx) for dy, dx in half)])


@lru_cache(maxsize=8)
def _structure(shape: tuple[int, int], radius: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """CSR row starts, columns, and for each entry its place in the flattened (offset, h, w) weights."""
    height, width = shape
    dy, dx = np.array(_disc(radius)).T
    y, x = np.arange(height)[:, None, None] + dy, np.arange(width)[None, :, None] + dx
    inside = ((y >= 0) & (y < height) & (x >= 0) & (x < width)).reshape(-1, len(dy))
    columns = (y * width + x).reshape(-1, len(dy))[inside]
    cells = np.arange(height * width)[:, None]
    entries = (np.arange(len(dy)) * (height * width) + cells)[inside]
    rows = np.concatenate([[0], inside.sum(1).cumsum()])
    # 32-bit indices are what the sparse kernels take without a copy
    small = (torch.from_numpy(numbers.astype(np.int32)).to(device) for numbers in (rows, columns))
    return *small, torch.from_numpy(entries).to(device)


def forget_structures() -> None:
    """Drop what is kept of the sizes of earlier images."""
    _structure.cache_clear()
