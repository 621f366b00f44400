"""What other programs leave of an image as a dict of arrays: a pickled .npy, or a .pt of torch.save."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from orandnet.files.pickle_reader import read_pickled_npy
from orandnet.files.torch_archive import read_torch_archive

TORCH_ENDINGS = (".pt", ".pth")


def read_dump(path: Path, *, most_bytes: int) -> Any:
    """Return what a dump holds: arrays and tensors as numpy arrays, in dicts, lists and tuples.

    Args:
        path: a .pt of torch.save, or else a .npy.
        most_bytes: a larger file is refused unread.

    Raises:
        ValueError: if it cannot be read, or asks for more than plain values.
    """
    read = read_torch_archive if path.suffix in TORCH_ENDINGS else read_pickled_npy
    return read(path, most_bytes=most_bytes)


def read_dict(path: Path, *, most_bytes: int) -> dict:
    """Return the dict that a dump holds; ValueError as `read_dump`, or for anything else than a dict."""
    content = read_dump(path, most_bytes=most_bytes)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds a {type(content).__name__}, not a dict; check the format.")
    return content


def first_entry(content: dict, names: Iterable[str]) -> str | None:
    """Return the first of the names under which the dict holds something, or None."""
    return next((name for name in names if content.get(name) is not None), None)


def real_numbers(content: object, num_axes: int, path: Path) -> np.ndarray:
    """Return real numbers with that many axes; a first axis of length 1, that of a batch, may come on top.

    Raises:
        ValueError: names the file and what it holds instead.
    """
    array = np.asarray(content)
    if array.ndim == num_axes + 1 and array.shape[0] == 1:
        array = array[0]
    if array.dtype.kind not in "biuf" or array.ndim != num_axes or not array.size:
        what = f"an array of {array.dtype} {array.shape}"
        raise ValueError(f"{path}: holds {what} where maps belong, {num_axes} axes of numbers; check the format.")
    return array
