"""The random walk: sparse matrix and Chebyshev polynomials against a dense matrix squared, or plain sparse steps."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from inputs import Inputs
from orandnet.irn.affinity import offsets, path_cells
from orandnet.irn.labels import label_against
from orandnet.irn.random_walk import propagate, scaled_to_one
from orandnet.maps.grid import grid_shape, resize_scores
from timing import Agreement, Comparison

RADIUS, BETA, SQUARINGS = 5, 10.0, 8  # IRN's; 2^8 = 256 steps
PIXELS_PER_CELL = 4
DENSE_SHAPE = (40, 50)  # where the dense form takes a second
LARGEST_DIFFERENCE, EQUAL_LABELS = 5e-4, 0.9999
MEMORY_MB = 50
GPU_IMAGES = 8

Walk = tuple[np.ndarray, np.ndarray]


def dense_walk(scores: Tensor, boundary: Tensor) -> Tensor:
    """Return the walk as published: all affinities in a dense (n, n) matrix, which is squared eight times.

    Args:
        scores: (K, h, w) float32. boundary: (h, w) float32 in [0, 1], on the same device.
    """
    n = boundary.numel()
    rows, columns, strengths = pairs(boundary.cpu().numpy())
    matrix = torch.eye(n, device=boundary.device)
    for first, second in ((rows, columns), (columns, rows)):
        index = torch.from_numpy(first).to(boundary.device), torch.from_numpy(second).to(boundary.device)
        matrix[index] = torch.from_numpy(strengths).to(boundary.device)
    matrix = matrix**BETA
    matrix = matrix / matrix.sum(dim=0, keepdim=True)
    for _ in range(SQUARINGS):
        matrix = matrix @ matrix
    return ((scores * (1 - boundary)).flatten(1) @ matrix).view(scores.shape)


def pairs(boundary: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both cells of every pair within the radius and their affinity, each (P,)."""
    height, width = boundary.shape
    numbers = np.arange(height * width).reshape(height, width)
    found = []
    for dy, dx in offsets(RADIUS):
        y, x = np.mgrid[: height - dy, max(0, -dx) : width - max(0, dx)]
        path = np.stack([boundary[y + a, x + b] for a, b in path_cells((dy, dx))])
        found.append((numbers[y, x].ravel(), numbers[y + dy, x + dx].ravel(), 1 - path.max(axis=0).ravel()))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def step_by_step(scores: np.ndarray, boundary: np.ndarray) -> np.ndarray:
    """Return the walk by 256 products with a sparse matrix of scipy."""
    n = boundary.size
    rows, columns, strengths = pairs(boundary)
    diagonal = np.arange(n)
    values = np.concatenate([strengths, strengths, np.ones(n, np.float32)]) ** BETA
    places = np.concatenate([rows, columns, diagonal]), np.concatenate([columns, rows, diagonal])
    matrix = csr_array((values.astype(np.float32), places), shape=(n, n))
    transposed = (matrix @ csr_array((1 / matrix.sum(axis=0), (diagonal, diagonal)), shape=(n, n))).T.tocsr()
    state = (scores * (1 - boundary)).reshape(len(scores), n).T.astype(np.float32)
    for _ in range(2**SQUARINGS):
        state = transposed @ state
    return state.T.reshape(scores.shape)


def walked(scores: np.ndarray | Tensor, boundary: np.ndarray | Tensor) -> np.ndarray | Tensor:
    """Return the package's walk."""
    return propagate(scores, boundary, radius=RADIUS, beta=BETA, steps=2**SQUARINGS)


def agreement(expected: np.ndarray, ours: np.ndarray) -> Agreement:
    """Return the largest difference on the grid, and the share of the image's pixels with the same label."""
    shape = tuple(PIXELS_PER_CELL * length for length in ours.shape[1:])
    labels = [label_against(resize_scores(scaled_to_one(scores), shape), 0.25) for scores in (expected, ours)]
    difference, equal = float(np.abs(expected - ours).max()), float((labels[0] == labels[1]).mean())
    holds = difference <= LARGEST_DIFFERENCE and equal >= EQUAL_LABELS
    return Agreement(f"max difference {difference:.1e}; equal labels {equal:.6f}", holds)


def at(inputs: Inputs, shape: tuple[int, int]) -> Walk:
    """Return the CAM and the boundary of the first picture on a grid of `shape` cells."""
    return resize_scores(inputs.scores[0], shape), resize_scores(inputs.boundaries[0][None], shape)[0]


def on_cpu(form: Callable[[Tensor, Tensor], Tensor], walk: Walk) -> Callable[[], np.ndarray]:
    """Return a call of a form that takes tensors."""
    return lambda: form(*map(torch.from_numpy, walk)).numpy()


def comparisons(inputs: Inputs, *, dense_shape: tuple[int, int] = DENSE_SHAPE) -> Iterator[Comparison]:
    """Yield the dense form on a small grid, and plain steps on the grids of stride 4 and 2."""
    small = at(inputs, dense_shape)
    title = "random walk, {0}x{1} cells, 2 classes"
    yield Comparison(
        f"{title.format(*dense_shape)}; against the dense matrix",
        on_cpu(dense_walk, small),
        lambda: walked(*small),
        agreement,
        rounds=3,
    )
    for stride, rounds in ((4, 5), (2, 3)):
        shape = grid_shape(inputs.size, stride)
        walk = at(inputs, shape)
        yield Comparison(
            f"{title.format(*shape)}; against 256 sparse steps",
            lambda walk=walk: step_by_step(*walk),
            lambda walk=walk: walked(*walk),
            agreement,
            rounds=rounds,
        )


def exact_dense(inputs: Inputs) -> Comparison:
    """Return the dense form on the grid of a whole image, once: minutes, and 2.2 GB at 94x125 cells."""
    walk = at(inputs, grid_shape(inputs.size))
    work = f"random walk, {walk[1].shape[0]}x{walk[1].shape[1]} cells, 2 classes; against the dense matrix, once"
    return Comparison(work, on_cpu(dense_walk, walk), lambda: walked(*walk), agreement, rounds=0)


def batch_on(device: torch.device, inputs: Inputs, *, number: int = GPU_IMAGES) -> Comparison:
    """Return the walks of several images on a device, one after the other; seconds of the wall for one image."""
    scores, boundary = (torch.from_numpy(part).to(device) for part in at(inputs, grid_shape(inputs.size)))
    height, width = boundary.shape
    batch = [(scores.roll(k, -1), boundary.roll(k, -1)) for k in range(number)]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    def clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    def all_by(form: Callable[[Tensor, Tensor], Tensor]) -> np.ndarray:
        return torch.cat([form(*walk) for walk in batch]).cpu().numpy()

    return Comparison(
        f"random walk on {name}, {number} images of {height}x{width} cells; against the dense matrix",
        lambda: all_by(dense_walk),
        lambda: all_by(walked),
        agreement,
        units=number,
        rounds=3,
        clock=clock,
    )


def peak_megabytes(shape: tuple[int, int]) -> float:
    """Return how far one walk of two classes raises the peak memory of a fresh process that has walked a tiny grid."""
    command = [sys.executable, __file__, *map(str, shape)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _peak() -> float:
    # not getrusage: it counts the memory of the process that started this one
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _print_rise_of_peak(shape: tuple[int, int]) -> None:
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    walked(generator.random((2, 8, 8), dtype=np.float32), np.zeros((8, 8), np.float32))
    walk = generator.random((2, *shape), dtype=np.float32), generator.random(shape, dtype=np.float32)
    before = _peak()
    walked(*walk)
    print(_peak() - before)


if __name__ == "__main__":
    _print_rise_of_peak((int(sys.argv[1]), int(sys.argv[2])))
