"""The CAM store: scores per class and image on the grid, in shards of plain arrays.

A shard `<i>-of-<n>.npz` is an uncompressed zip of .npy members `<image_id>/classes.npy`, `<image_id>/scores.npy`
and `<image_id>/size.npy`; `numpy.load(path, allow_pickle=False)` reads it anywhere.
"""

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.files.atomic import atomic_path

UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)  # what numpy raises on a damaged shard
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
    with atomic_path(Path(path)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for cam in cams:
            _check(cam, highest)
            _write_member(archive, f"{cam.image_id}/classes.npy", np.asarray(cam.classes, dtype=np.int64))
            _write_member(archive, f"{cam.image_id}/scores.npy", np.asarray(cam.scores, dtype=np.float16))
            _write_member(archive, f"{cam.image_id}/size.npy", np.asarray(cam.size, dtype=np.int64))


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


def _write_member(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    archive.writestr(zipfile.ZipInfo(name, FIRST_ZIP_DATE), buffer.getvalue())


class CamStore:
    """CAMs of all shards, read image by image when asked for.

    Raises:
        ValueError: if a shard cannot be read, or two shards hold the same image.
    """

    def __init__(self, paths: Iterable[Path]):
        """Read the tables of contents of the shards `paths`."""
        self._shard_of: dict[str, Path] = {}
        self._open: dict[tuple[int, Path], np.lib.npyio.NpzFile] = {}
        for path in map(Path, paths):
            for name in self._shard(path).files:
                image_id, _, member = name.rpartition("/")
                if member == "classes":
                    self._add(image_id, path)
        self.image_ids = list(self._shard_of)

    def _add(self, image_id: str, path: Path) -> None:
        if image_id in self._shard_of:
            raise ValueError(f"{path}: image {image_id} also lies in {self._shard_of[image_id]}; delete stale shards.")
        self._shard_of[image_id] = path

    def _shard(self, path: Path) -> np.lib.npyio.NpzFile:
        """Return the open shard; each process opens its own, since forked ones would share the place of reading."""
        key = (os.getpid(), path)
        if key not in self._open:
            try:
                self._open[key] = np.load(path, allow_pickle=False)
            except UNREADABLE as error:
                raise ValueError(f"{path}: not a readable CAM shard ({error}); delete it and run again.") from error
        return self._open[key]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.image_ids)

    def __contains__(self, image_id: str) -> bool:
        """Return whether the store holds the image."""
        return image_id in self._shard_of

    def __getitem__(self, image_id: str) -> Cam:
        """Return the image's CAM with float32 scores.

        Raises:
            ValueError: if the store has no such image, or its shard is damaged.
        """
        if image_id not in self._shard_of:
            raise ValueError(
                f"{image_id}: not in this CAM store of {len(self)} images; make the CAMs of all images first."
            )
        path = self._shard_of[image_id]
        try:
            classes, scores, size = (self._shard(path)[f"{image_id}/{name}"] for name in ("classes", "scores", "size"))
        except UNREADABLE as error:
            raise ValueError(f"{path}: image {image_id} cannot be read ({error}); delete it and run again.") from error
        height, width = size.tolist()
        return Cam(image_id, classes, scores.astype(np.float32), (height, width))
