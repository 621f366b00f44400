"""A look into every image and mask before anything is built on them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from orandnet.dataset.image import decode_photograph, read_image_file
from orandnet.dataset.mask_ids import unknown_ids
from orandnet.dataset.problems import refuse
from orandnet.files.mask import Colors, decode_mask_and_turn, read_mask_file
from orandnet.job.progress import say, track

WAITING = 512  # files that wait for a thread
Item = TypeVar("Item")
Seen = TypeVar("Seen")


class SeenMask(NamedTuple):
    """What was found in a mask.

    Attributes:
        sha256: of its file.
        ids: the ids in it, ascending.
        orientation: EXIF's of its image where the mask lies as the image's file does, and is turned with it; else 1.
    """

    sha256: str
    ids: bytes
    orientation: int


class SeenImage(NamedTuple):
    """What was found in an image: its size (H, W), upright; the SHA-256 of its file; EXIF's orientation, else 1."""

    size: tuple[int, int]
    sha256: str
    orientation: int


class Pair(NamedTuple):
    """A mask, its image, and the image's size (H, W), upright, and EXIF orientation."""

    mask: Path
    image: Path
    size: tuple[int, int]
    orientation: int


def inspect_images(paths: Sequence[Path], *, threads: int) -> list[SeenImage]:
    """Decode every image in full and return what was found, in order.

    Args:
        paths: the images.
        threads: number of files that are decoded at a time.

    Raises:
        ValueError: names the first few files that cannot be decoded.
    """
    found = _inspect_all(_inspect_image, paths, "Checking images", threads)
    turned = [path for path, seen in zip(paths, found, strict=True) if seen.orientation > 1]
    if turned:
        say(f"{turned[0]}: is turned as its EXIF orientation says, as are {len(turned) - 1} further images.")
    return found


def inspect_masks(
    pairs: Sequence[Pair], *, mask_ids: Sequence[int], colors: Colors, strict: bool, threads: int
) -> list[SeenMask]:
    """Decode every mask in full and return what was found, in order.

    Args:
        pairs: the masks with their images.
        mask_ids: ids that may occur in the masks.
        colors: how ids are told in them.
        strict: refuse masks with other ids.
        threads: number of files that are decoded at a time.

    Raises:
        ValueError: names the first few files that cannot be decoded, differ in size from their image, hold unknown
            ids, or leave open whether they belong to the image as EXIF turns it.
    """
    known = np.isin(np.arange(256), mask_ids) | (not strict)
    return _inspect_all(partial(_inspect_mask, known=known, colors=colors), pairs, "Checking masks", threads)


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
        # some at a time: a pool keeps more for each task that waits than is found out about a file
        parts = (items[start : start + WAITING] for start in range(0, len(items), WAITING))
        found = (one for part in parts for one in pool.map(seen_or_problem, part))
        results = list(track(found, what, total=len(items)))
    refuse([str(result) for result in results if isinstance(result, ValueError)])
    return results


def _inspect_image(path: Path) -> SeenImage:
    content = read_image_file(path)
    photograph = decode_photograph(content, path)
    return SeenImage(photograph.upright_size, hashlib.sha256(content).hexdigest(), photograph.orientation)


def _inspect_mask(pair: Pair, *, known: np.ndarray, colors: Colors) -> SeenMask:
    content = read_mask_file(pair.mask)
    mask, is_turned = decode_mask_and_turn(content, pair.mask, colors=colors)
    orientation = _turn(pair._replace(orientation=1) if is_turned else pair, mask.shape)
    problem = unknown_ids(mask, known)
    if problem:
        raise ValueError(f"{pair.mask}: {problem}; add their classes, or set other_mask_ids: ignore.")
    there = np.zeros(256, dtype=bool)
    there[mask.ravel()] = True
    return SeenMask(hashlib.sha256(content).hexdigest(), bytes(np.flatnonzero(there).tolist()), orientation)


def _turn(pair: Pair, shape: tuple[int, ...]) -> int:
    """Return by which EXIF orientation a mask has to be turned; refuse sizes that fit in no way, or in two."""
    stored = pair.size[::-1] if pair.orientation >= 5 else pair.size
    if shape not in (pair.size, stored):
        raise ValueError(
            f"{pair.mask}: the mask is {_pixels(shape)} (W x H), its image {_pixels(pair.size)}; "
            "resize the mask by nearest neighbour, or find the right one."
        )
    if pair.orientation > 1 and pair.size == stored:
        raise ValueError(
            f"{pair.image}: EXIF orientation is {pair.orientation}, and its mask fits the image as it lies in the file "
            "and turned; turn the pixels and drop the tag (e.g. `exiftran -ai` or `mogrify -auto-orient`)."
        )
    return pair.orientation if shape != pair.size else 1


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
