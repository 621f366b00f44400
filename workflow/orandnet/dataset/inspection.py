"""A look into every image and mask before anything is built on them."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from orandnet.dataset.image import Photograph, decode_photograph, read_image_file
from orandnet.dataset.layouts.entries import Entry
from orandnet.dataset.mask_ids import unknown_ids
from orandnet.dataset.problems import refuse
from orandnet.files.mask import Colors, decode_mask, read_mask_file
from orandnet.job.progress import say, track

WAITING = 512  # files that wait for a thread


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found: `size` is (H, W); hashes are SHA-256 of the files, "" without a mask.

    `turned` is true of an image that is read as its EXIF orientation says, not as it lies in the file.
    """

    size: tuple[int, int]
    image_sha256: str
    mask_sha256: str
    turned: bool = False


def inspect(
    entries: Sequence[Entry], *, mask_ids: Sequence[int], colors: Colors, strict: bool, threads: int
) -> list[Inspection]:
    """Decode every image and mask in full and return what was found, in the order of the entries.

    Args:
        entries: the images.
        mask_ids: ids that may occur in the masks.
        colors: how ids are told in the masks.
        strict: refuse masks with other ids.
        threads: number of files that are decoded at a time.

    Raises:
        ValueError: names the first few files that cannot be decoded, differ in size from their image, hold unknown
            ids, or leave open whether a mask belongs to the image as EXIF turns it.
    """
    known = np.isin(np.arange(256), mask_ids) | (not strict)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        look = partial(_inspect_or_problem, known=known, colors=colors)
        # some at a time: a pool keeps more for each task that waits than is found out about an image
        parts = (entries[start : start + WAITING] for start in range(0, len(entries), WAITING))
        found = (one for part in parts for one in pool.map(look, part))
        results = list(track(found, "Checking images and masks", total=len(entries)))
    refuse([result for result in results if isinstance(result, str)])
    turned = [entry.image for entry, seen in zip(entries, results, strict=True) if seen.turned]
    if turned:
        say(f"{turned[0]}: is turned as its EXIF orientation says, as are {len(turned) - 1} further images.")
    return results


def digest(parts: Sequence[tuple[str, str]]) -> str:
    """Return one SHA-256 over (image id, SHA-256) pairs."""
    lines = "".join(f"{image_id} {sha256}\n" for image_id, sha256 in parts)
    return hashlib.sha256(lines.encode()).hexdigest()


def _inspect_or_problem(entry: Entry, *, known: np.ndarray, colors: Colors) -> Inspection | str:
    try:
        return _inspect(entry, known, colors)
    except ValueError as error:
        return str(error)


def _inspect(entry: Entry, known: np.ndarray, colors: Colors) -> Inspection:
    content = read_image_file(entry.image)
    photograph = decode_photograph(content, entry.image)
    image_sha256, upright = hashlib.sha256(content).hexdigest(), photograph.upright_size
    if entry.mask is None:
        return Inspection(upright, image_sha256, "", photograph.orientation > 1)
    content = read_mask_file(entry.mask)
    mask = decode_mask(content, entry.mask, colors=colors)
    _require_size(entry, mask.shape, photograph)
    problem = unknown_ids(mask, known)
    if problem:
        raise ValueError(f"{entry.mask}: {problem}; add their classes, or set other_mask_ids: ignore.")
    turned = photograph.orientation > 1 and mask.shape == upright
    return Inspection(mask.shape, image_sha256, hashlib.sha256(content).hexdigest(), turned)


def _require_size(entry: Entry, shape: tuple[int, ...], photograph: Photograph) -> None:
    """Refuse a mask that has not its image's size, or whose size does not tell how the image has to be turned."""
    upright, stored = photograph.upright_size, photograph.stored_size
    if shape not in (upright, stored):
        raise ValueError(
            f"{entry.mask}: the mask is {_pixels(shape)} (W x H), its image {_pixels(upright)}; "
            "resize the mask by nearest neighbour, or find the right one."
        )
    if photograph.orientation > 1 and upright == stored:
        raise ValueError(
            f"{entry.image}: EXIF orientation is {photograph.orientation}, and its mask fits the image as it lies in "
            "the file and turned; turn the pixels and drop the tag (e.g. `exiftran -ai` or `mogrify -auto-orient`)."
        )


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
