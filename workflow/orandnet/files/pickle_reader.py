"""Reader for the pickled .npy files of other projects that runs nothing the file asks for.

`numpy.load(..., allow_pickle=True)` executes whatever a pickle names. Here the pickle may build plain Python
values and numpy arrays and numbers; any other name in it is an error.
"""

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ARRAY_NAMES = ("_reconstruct", "scalar")


def read_pickled_npy(path: Path) -> Any:
    """Return what a .npy file holds: an array of numbers, or the one Python object that was pickled into it.

    Dicts, lists, tuples, text, numbers and numpy arrays and scalars are read (cls_labels.npy of IRN and PSA,
    CAM files of other methods). Everything else is refused without being run, as a ValueError.
    """
    with Path(path).open("rb") as file:
        try:
            shape, _, dtype = _read_header(file)
            if not dtype.hasobject:
                file.seek(0)
                return np.lib.format.read_array(file, allow_pickle=False)
            content = _PlainUnpickler(file, path).load()
        except _Refused:
            raise
        except Exception as error:  # a damaged pickle raises nearly anything
            raise ValueError(f"{path}: not a readable .npy file ({error}); copy or make it again.") from error
    # numpy pickles an array of objects; a saved dict is the only element of one without axes
    return content.item() if isinstance(content, np.ndarray) and shape == () else content


class _Refused(ValueError):
    """A name in the pickle that is not admitted."""


class _PlainUnpickler(pickle.Unpickler):
    """Unpickler that admits only the names with which numpy rebuilds its arrays and scalars."""

    def __init__(self, file: BinaryIO, path: Path):
        # latin1 lets pickles of Python 2 through
        super().__init__(file, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        if module in _ARRAY_MODULES and name in _ARRAY_NAMES:
            return getattr(np._core.multiarray, name)
        if module == "numpy" and name == "ndarray":
            return np.ndarray
        if module == "numpy" and name == "dtype":
            return np.dtype
        if (module, name) == ("_codecs", "encode"):
            return _latin1_bytes
        raise _Refused(
            f"{self._path}: the pickle asks for {module}.{name}, which could run code; "
            "save plain numbers, text, lists, dicts and numpy arrays instead."
        )

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused(f"{self._path}: the pickle refers to something outside the file; save plain arrays.")


def _read_header(file: BinaryIO) -> tuple:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"npy version {version}")
    return read[version](file)


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """Bytes in protocol 2 are stored as text; no other codec than theirs may be asked for."""
    if encoding != "latin1":
        raise ValueError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")
