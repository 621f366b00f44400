"""The CAM store: scores per class and image on the grid, in shards of plain arrays.

A shard `<i>-of-<n>.npz` is an uncompressed zip of .npy members `<image_id>/classes.npy`, `<image_id>/scores.npy`
and `<image_id>/size.npy`; `numpy.load(path, allow_pickle=False)` reads it anywhere.
"""

import io
import zipfile
import zlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.files.atomic import atomic_path
from orandnet.files.plain_arrays import array_of
from orandnet.files.stored_zip import Place, StoredZip, StoredZipWriter

MEMBERS = ("classes.npy", "scores.npy", "size.npy")
ROW = 1 + 3 * len(MEMBERS)  # numbers that tell where an image lies
# what zipfile raises on a damaged archive
UNREADABLE = (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # a fixed date: equal content gives equal bytes


class Cam(NamedTuple):
    """Scores of one image's classes.

    Attributes:
        image_id: name of the image.
        classes: (K,) int64 mask ids of the image's labels, ascending.
        scores: (K, h, w) float32 in [0, 1] on the image's grid.
        size: (H, W) of the image in pixels.
    """

    image_id: str
    classes: np.ndarray
    scores: np.ndarray
    size: tuple[int, int]


def parse_shard(shard: str) -> tuple[int, int]:
    """Return (index from 1, number of shards) of text such as `2-of-8`.

    Raises:
        ValueError: if the text is of another form or the index lies outside 1..number.
    """
    index, separator, number = shard.partition("-of-")
    if separator and index.isdecimal() and number.isdecimal() and 1 <= int(index) <= int(number):
        return int(index), int(number)
    raise ValueError(f"shard: {shard!r} is not of the form <i>-of-<n> with 1 <= i <= n; write for example 1-of-4.")


def shard_slice(items: list, shard: str) -> list:
    """Return the contiguous part of `items` that belongs to the shard; sizes differ by one at most."""
    index, number = parse_shard(shard)
    return items[len(items) * (index - 1) // number : len(items) * index // number]


def write_shard(path: Path, cams: Iterable[Cam], *, highest: float = 1.0) -> None:
    """Write CAMs one by one, scores as float16; the file appears under its name when it is whole.

    Args:
        path: the shard.
        cams: what to write.
        highest: largest score allowed; above 1 only where a fusion with an offset is asked not to clip.

    Raises:
        ValueError: if an array does not keep the contract of `Cam`.
    """
    with atomic_path(Path(path)) as temporary, temporary.open("wb") as file:
        archive = StoredZipWriter(file)
        for cam in cams:
            _check(cam, highest)
            _write_member(archive, f"{cam.image_id}/classes.npy", np.asarray(cam.classes, dtype=np.int64))
            _write_member(archive, f"{cam.image_id}/scores.npy", np.asarray(cam.scores, dtype=np.float16))
            _write_member(archive, f"{cam.image_id}/size.npy", np.asarray(cam.size, dtype=np.int64))
        archive.close()


def _check(cam: Cam, highest: float) -> None:
    classes, scores = np.asarray(cam.classes), np.asarray(cam.scores)
    if scores.ndim != 3 or classes.shape != scores.shape[:1]:
        raise ValueError(
            f"{cam.image_id}: {classes.shape} classes and {scores.shape} scores do not fit; give (K,) and (K, h, w)."
        )
    if classes.size and (classes[0] < 1 or (np.diff(classes) <= 0).any()):
        raise ValueError(f"{cam.image_id}: classes {classes.tolist()} are not ascending mask ids from 1; sort them.")
    if not np.isfinite(scores).all() or (scores.size and (scores.min() < 0 or scores.max() > highest)):
        raise ValueError(
            f"{cam.image_id}: scores reach from {scores.min()} to {scores.max()}; a CAM lies in [0, {highest:g}], "
            "normalise it."
        )


def _write_member(archive: StoredZipWriter, name: str, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    archive.add(name, buffer.getvalue())


class CamStore:
    """CAMs of all shards, read image by image when asked for.

    Raises:
        ValueError: if a shard cannot be read, or two shards hold the same image.
    """

    def __init__(self, paths: Iterable[Path]):
        """Read the tables of contents of the shards `paths`."""
        self._shards: list[tuple[Path, StoredZip]] = []
        # image -> its row in the table of numbers: the shard, and offset, size and checksum of each member
        self._rows: dict[str, int] = {}
        self._table = array("Q")
        for path in map(Path, paths):
            try:
                archive = StoredZip(path)
                self._shards.append((path, archive))
                for name, place in archive.members():
                    image_id, _, member = name.rpartition("/")
                    if member in MEMBERS:
                        self._add(image_id, MEMBERS.index(member), place)
            except _Twice:
                raise
            except ValueError as error:
                reason = str(error).removeprefix(f"{path}: ")
                raise ValueError(f"{path}: not a readable CAM shard ({reason}); delete it and run again.") from error

    def _add(self, image_id: str, member: int, place: Place) -> None:
        row = self._rows.setdefault(image_id, len(self._rows))
        start, number = row * ROW, len(self._shards) - 1
        if start == len(self._table):
            self._table.extend([number] + [0] * (ROW - 1))
        position = start + 1 + len(place) * member
        if self._table[start] != number or self._table[position + 1]:
            path, _ = self._shards[number]
            other, _ = self._shards[self._table[start]]
            raise _Twice(f"{path}: image {image_id} also lies in {other}; delete stale shards.")
        self._table[position : position + len(place)] = array("Q", place)

    @property
    def image_ids(self) -> list[str]:
        """Image ids in the order of the shards."""
        return list(self._rows)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._rows)

    def __contains__(self, image_id: str) -> bool:
        """Return whether the store holds the image."""
        return image_id in self._rows

    def __getitem__(self, image_id: str) -> Cam:
        """Return the image's CAM with float32 scores.

        Raises:
            ValueError: if the store has no such image, or its shard is damaged.
        """
        if image_id not in self._rows:
            raise ValueError(
                f"{image_id}: not in this CAM store of {len(self)} images; make the CAMs of all images first."
            )
        number, *places = self._table[ROW * self._rows[image_id] : ROW * (self._rows[image_id] + 1)]
        path, archive = self._shards[number]
        try:
            classes, scores, size = (
                array_of(archive.read(Place(*places[start : start + 3]))) for start in range(0, len(places), 3)
            )
            _check_stored(classes, scores, size)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: image {image_id} cannot be read ({error}); delete it and run again.") from error
        height, width = size.tolist()
        return Cam(image_id, classes, scores.astype(np.float32), (height, width))


class _Twice(ValueError):
    """An image that lies in a store twice."""


def _check_stored(classes: np.ndarray, scores: np.ndarray, size: np.ndarray) -> None:
    kinds = classes.dtype.kind + scores.dtype.kind + size.dtype.kind
    if kinds != "ifi" or scores.ndim != 3 or classes.shape != scores.shape[:1] or size.shape != (2,):
        raise ValueError(f"its arrays are {classes.shape}, {scores.shape} and {size.shape}, not (K,), (K, h, w), (2,)")
