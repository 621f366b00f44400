"""Plain arrays in .npy and .npz files, whose size is known to be right before any array is made."""

import io
import zipfile
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from orandnet.files.regular import open_regular, reason

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
ENCRYPTED = 0x1  # flag of a member of a zip
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, Fortran order and dtype of the .npy that begins here, and leave the file at its numbers.

    Raises:
        ValueError: for what is no header of version 1 or 2, or a shape with a negative size.
    """
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"npy version {version}")
    shape, fortran, dtype = HEADERS[version](file)
    if any(size < 0 for size in shape):
        raise ValueError(f"the negative shape {shape}")
    return shape, fortran, dtype


def array_of(content: bytes) -> np.ndarray:
    """Return the array in the bytes of a .npy file.

    Raises:
        ValueError: if it holds objects, or not as many numbers as its header says.
    """
    file = io.BytesIO(content)
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, not numbers")
    start, needed = file.tell(), prod(shape) * dtype.itemsize
    if needed != len(content) - start:
        raise ValueError(f"the shape {shape} of {dtype} takes {needed} bytes, and there are {len(content) - start}")
    flat = np.frombuffer(content, dtype, count=prod(shape), offset=start) if needed else np.empty(prod(shape), dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy(order="K")


def read_npz(path: Path, names: Iterable[str] | None, *, most_bytes: int) -> dict[str, np.ndarray]:
    """Return name -> array of a .npz, of which only these arrays are read.

    Args:
        path: the file.
        names: what has to be there; None for all that is there.
        most_bytes: an array that is larger unpacked is refused unread.

    Raises:
        ValueError: names the file and what is wrong with it: no plain file, no zip, an array that is missing,
            encrypted, oddly compressed, larger than `most_bytes`, damaged, or made of objects.
    """
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                infos = {info.filename: info for info in archive.infolist()}
                held = [name.removesuffix(".npy") for name in infos]
                names = held if names is None else names
                if not {*names} <= {*held}:
                    raise ValueError(f"has the arrays {held[:9]}, not {' and '.join(names)}")
                return {name: _member(archive, infos[f"{name}.npy"], most_bytes) for name in names}
        except Exception as error:  # a damaged zip raises nearly anything
            raise ValueError(
                f"{path}: not a readable .npz of plain arrays ({reason(error)}); make it again."
            ) from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> np.ndarray:
    if info.flag_bits & ENCRYPTED:
        raise ValueError(f"{info.filename} is encrypted")
    if info.compress_type not in COMPRESSIONS:
        raise ValueError(f"{info.filename} is compressed by method {info.compress_type}, which numpy does not write")
    if info.file_size > most_bytes:
        raise ValueError(f"{info.filename} unpacks to {info.file_size} bytes, and {most_bytes} fit the image at most")
    return array_of(archive.read(info))
