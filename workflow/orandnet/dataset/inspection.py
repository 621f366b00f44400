"""A look into every image and mask before anything is built on them."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from orandnet.dataset.image import decode_rgb
from orandnet.dataset.layouts.entries import Entry
from orandnet.dataset.mask_ids import unknown_ids
from orandnet.dataset.problems import refuse
from orandnet.files.mask import read_mask
from orandnet.job.progress import track


@dataclass(frozen=True)
class Inspection:
    """What was found: `size` is (H, W); hashes are SHA-256 of the files; `mask_ids` are the mask's ids, ascending.

    Without a mask the two of it are empty.
    """

    size: tuple[int, int]
    image_sha256: str
    mask_sha256: str
    mask_ids: bytes


def inspect(entries: Sequence[Entry], *, mask_ids: Sequence[int], strict: bool, threads: int) -> list[Inspection]:
    """Decode every image and mask in full and return what was found, in the order of the entries.

    Args:
        entries: the images.
        mask_ids: ids that may occur in the masks.
        strict: refuse masks with other ids.
        threads: number of files that are decoded at a time.

    Raises:
        ValueError: names the first few files that cannot be decoded, are turned by EXIF, differ in size from
            their image, or hold unknown ids.
    """
    known = np.isin(np.arange(256), mask_ids) | (not strict)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = pool.map(partial(_inspect_or_problem, known=known), entries)
        results = list(track(found, "Checking images and masks", total=len(entries)))
    refuse([result for result in results if isinstance(result, str)])
    return results


def digest(parts: Sequence[tuple[str, str]]) -> str:
    """Return one SHA-256 over (image id, SHA-256) pairs."""
    lines = "".join(f"{image_id} {sha256}\n" for image_id, sha256 in parts)
    return hashlib.sha256(lines.encode()).hexdigest()


def _inspect_or_problem(entry: Entry, *, known: np.ndarray) -> Inspection | str:
    try:
        return _inspect(entry, known)
    except ValueError as error:
        return str(error)


def _inspect(entry: Entry, known: np.ndarray) -> Inspection:
    content = entry.image.read_bytes()
    size = decode_rgb(content, entry.image).shape[:2]
    image_sha256 = hashlib.sha256(content).hexdigest()
    if entry.mask is None:
        return Inspection(size, image_sha256, "", b"")
    mask = read_mask(entry.mask)
    if mask.shape != size:
        raise ValueError(
            f"{entry.mask}: the mask is {_pixels(mask.shape)} (W x H), its image {_pixels(size)}; "
            "resize the mask by nearest neighbour, or find the right one."
        )
    problem = unknown_ids(mask, known)
    if problem:
        raise ValueError(f"{entry.mask}: {problem}; add their classes, or set other_mask_ids: ignore.")
    return Inspection(size, image_sha256, hashlib.sha256(entry.mask.read_bytes()).hexdigest(), _ids(mask))


def _ids(mask: np.ndarray) -> bytes:
    there = np.zeros(256, dtype=bool)
    there[mask.ravel()] = True
    return bytes(np.flatnonzero(there).tolist())


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
