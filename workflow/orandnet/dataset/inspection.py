"""A look into every image and mask before anything is built on them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from orandnet.dataset.image import decode_rgb
from orandnet.dataset.mask_ids import unknown_ids
from orandnet.dataset.problems import refuse
from orandnet.files.mask import read_mask
from orandnet.job.progress import track

Item = TypeVar("Item")
Seen = TypeVar("Seen")


class SeenMask(NamedTuple):
    """What was found in a mask: the SHA-256 of its file, and its ids, ascending."""

    sha256: str
    ids: bytes


class SeenImage(NamedTuple):
    """What was found in an image: its size (H, W) and the SHA-256 of its file."""

    size: tuple[int, int]
    sha256: str


def inspect_images(paths: Sequence[Path], *, threads: int) -> list[SeenImage]:
    """Decode every image in full and return what was found, in order.

    Args:
        paths: the images.
        threads: number of files that are decoded at a time.

    Raises:
        ValueError: names the first few files that cannot be decoded or are turned by EXIF.
    """
    return _inspect_all(_inspect_image, paths, "Checking images", threads)


def inspect_masks(
    masks: Sequence[tuple[Path, tuple[int, int]]], *, mask_ids: Sequence[int], strict: bool, threads: int
) -> list[SeenMask]:
    """Decode every mask in full and return what was found, in order.

    Args:
        masks: files, each with the size (H, W) of its image.
        mask_ids: ids that may occur in the masks.
        strict: refuse masks with other ids.
        threads: number of files that are decoded at a time.

    Raises:
        ValueError: names the first few files that cannot be decoded, differ in size from their image, or hold
            unknown ids.
    """
    known = np.isin(np.arange(256), mask_ids) | (not strict)
    return _inspect_all(partial(_inspect_mask, known=known), masks, "Checking masks", threads)


def digest(parts: Iterable[tuple[str, str]]) -> str:
    """Return one SHA-256 over (image id, SHA-256) pairs."""
    lines = "".join(f"{image_id} {sha256}\n" for image_id, sha256 in parts)
    return hashlib.sha256(lines.encode()).hexdigest()


def _inspect_all(inspect: Callable[[Item], Seen], items: Sequence[Item], what: str, threads: int) -> list[Seen]:
    """Inspect items side by side; their faults are gathered."""

    def seen_or_problem(item: Item) -> Seen | ValueError:
        try:
            return inspect(item)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(max(1, threads)) as pool:
        results = list(track(pool.map(seen_or_problem, items), what, total=len(items)))
    refuse([str(result) for result in results if isinstance(result, ValueError)])
    return results


def _inspect_image(path: Path) -> SeenImage:
    content = path.read_bytes()
    return SeenImage(decode_rgb(content, path).shape[:2], hashlib.sha256(content).hexdigest())


def _inspect_mask(given: tuple[Path, tuple[int, int]], *, known: np.ndarray) -> SeenMask:
    path, size = given
    mask = read_mask(path)
    if mask.shape != size:
        raise ValueError(
            f"{path}: the mask is {_pixels(mask.shape)} (W x H), its image {_pixels(size)}; "
            "resize the mask by nearest neighbour, or find the right one."
        )
    problem = unknown_ids(mask, known)
    if problem:
        raise ValueError(f"{path}: {problem}; add their classes, or set other_mask_ids: ignore.")
    there = np.zeros(256, dtype=bool)
    there[mask.ravel()] = True
    return SeenMask(hashlib.sha256(path.read_bytes()).hexdigest(), bytes(np.flatnonzero(there).tolist()))


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
