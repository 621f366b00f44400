"""Reader for the pickled .npy files of other projects that runs nothing the file asks for.

`numpy.load(..., allow_pickle=True)` executes whatever a pickle names. Here the pickle may build plain Python values,
numpy arrays and numbers, and torch tensors, which become numpy arrays without torch; any other name in it is an error.

What a pickle does name is rebuilt by code of this file, not by numpy's and torch's own functions: torch's opens another
pickle without restriction, and numpy's takes the flags of a dtype from the file, with which bytes pass for pointers.
"""

import io
import pickle
import re
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from orandnet.files.pickle_limits import FREE_VALUES, VALUES_PER_BYTE, check_size, check_tuples
from orandnet.files.plain_arrays import array_of, read_header
from orandnet.files.regular import read_regular, reason

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_PLAIN_DTYPE = re.compile(r"[biufcSUO]\d+")
STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
}
_STORAGE_MAGIC = 0x1950A86A20F9469CFC6C  # first value of torch.save's form without zip


def read_pickled_npy(path: Path, *, most_bytes: int | None = None) -> Any:
    """Return what a .npy file holds: an array of numbers, or the one Python object that was pickled into it.

    Dicts, lists, tuples, text, numbers, numpy arrays and scalars and torch tensors are read (cls_labels.npy of IRN
    and PSA, CAM files of other methods). Everything else is refused without being run, as a ValueError. Nothing that is
    read is larger than its file by more than a small factor.

    Args:
        path: the file.
        most_bytes: a larger file is refused unread.
    """
    content = read_regular(path, what=".npy file", most_bytes=most_bytes)
    file = io.BytesIO(content)
    try:
        shape, _, dtype = read_header(file)
        if not dtype.hasobject:
            return array_of(content)
        check_tuples(file)
        found = PlainUnpickler(file, path, num_bytes=len(content)).load()
        # numpy pickles an array of objects; a saved dict is the only element of one without axes
        if isinstance(found, np.ndarray):
            found = found.item() if shape == () else found.view(np.ndarray)
        check_size(found, num_bytes=len(content))
        return found
    except Refused:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ValueError(f"{path}: not a readable .npy file ({reason(error)}); copy or make it again.") from error


class Refused(ValueError):
    """A name in the pickle that is not admitted."""


class _Unpickler(pickle.Unpickler):
    """Unpickler that admits no names at all."""

    def __init__(self, file: BinaryIO, path: Path):
        # latin1 lets pickles of Python 2 through
        super().__init__(file, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        raise Refused(
            f"{self._path}: the pickle asks for {module}.{name}, which could run code; "
            "save plain numbers, text, lists, dicts and numpy arrays instead."
        )

    def persistent_load(self, pid: Any) -> Any:
        raise Refused(f"{self._path}: the pickle refers to something outside the file; save plain arrays.")


class PlainUnpickler(_Unpickler):
    """Unpickler that admits only the names from which arrays and tensors are rebuilt.

    Args:
        file: where the pickle begins, after `check_tuples`.
        path: of its file, for messages.
        num_bytes: of its file; tensors that share a storage may have not many more numbers together.
    """

    def __init__(self, file: BinaryIO, path: Path, *, num_bytes: int):
        """Read from where the file stands."""
        super().__init__(file, path)
        self._cells_left = FREE_VALUES + VALUES_PER_BYTE * num_bytes

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for an admitted name; `Refused` for any other."""
        # a pickle may set attributes on what it gets here: text, a built-in type and bound methods do not let it
        admitted = {
            ("numpy", "ndarray"): "numpy.ndarray",  # only handed to _reconstruct
            ("numpy", "dtype"): self._dtype,
            **{(place, "_reconstruct"): self._array for place in _ARRAY_MODULES},
            **{(place, "scalar"): self._scalar for place in _ARRAY_MODULES},
            ("_codecs", "encode"): self._latin1_bytes,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch.storage", "_load_from_bytes"): self._storage,
            ("collections", "OrderedDict"): dict,  # a tensor's hooks
        }
        return admitted[module, name] if (module, name) in admitted else super().find_class(module, name)

    def _dtype(self, name: str, *_: Any) -> "_Dtype":
        return _Dtype(name)

    def _array(self, *_: Any) -> np.ndarray:
        return np.empty(0, np.uint8).view(_Array)  # its content follows as a state

    def _scalar(self, dtype: "_Dtype", content: bytes | str) -> np.generic:
        if dtype.plain.hasobject:
            raise ValueError("a number that is an object")
        return np.frombuffer(_as_bytes(content), dtype.plain, count=1)[0]

    def _latin1_bytes(self, text: str, encoding: str) -> bytes:
        if encoding != "latin1":  # bytes in protocol 2 are stored as text; no other codec than theirs may be asked for
            raise ValueError(f"bytes in the encoding {encoding!r}")
        return text.encode("latin1")

    def _storage(self, content: bytes | str) -> np.ndarray:
        """Return the numbers of a torch storage, which lie in the pickle as torch.save writes them without zip."""
        file = io.BytesIO(_as_bytes(content))
        magic, _, system, (dtype, length), _ = (self._storage_part(file) for _ in range(5))
        if magic != _STORAGE_MAGIC or not system["little_endian"]:
            raise ValueError("a tensor in an unknown form")
        if int.from_bytes(file.read(8), "little") != length:
            raise ValueError("a tensor of another length than it says")
        return np.frombuffer(file.getbuffer()[file.tell() :], np.dtype(dtype), count=length)

    def _storage_part(self, file: BinaryIO) -> Any:
        check_tuples(file)
        return _StorageUnpickler(file, self._path).load()

    def _tensor(self, storage: np.ndarray, offset: int, shape: tuple, strides: tuple, *_: Any) -> np.ndarray:
        """Return a tensor as an array of its own: the cells of the storage at `offset` and strides in numbers."""
        if type(storage) is not np.ndarray or storage.ndim != 1 or len(shape) != len(strides):
            raise ValueError("a tensor without a storage")
        if min((offset, *shape, *strides)) < 0:
            raise ValueError("a tensor with a negative size or stride")
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if prod(shape) and last >= len(storage):
            raise ValueError("a tensor larger than its storage")
        if prod(shape) > len(storage):  # a stride of 0: any size from a few bytes
            raise ValueError(
                f"a tensor of shape {tuple(shape)} that repeats {len(storage)} numbers; save it contiguous"
            )
        self._cells_left -= prod(shape)
        if self._cells_left < 0:
            raise ValueError("tensors that hold one storage many times; save each once")
        steps = [stride * storage.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False).copy()


class _StorageUnpickler(_Unpickler):
    """Unpickler of the parts of a torch storage, which refer to one run of numbers that follows them."""

    def find_class(self, module: str, name: str) -> str:
        return STORAGES[name] if module == "torch" and name in STORAGES else super().find_class(module, name)

    def persistent_load(self, pid: Any) -> tuple[str, int]:
        if not isinstance(pid, tuple) or len(pid) != 6 or pid[0] != "storage" or pid[5] is not None:
            return super().persistent_load(pid)
        _, dtype, _, _, length, _ = pid
        return dtype, length


class _Dtype:
    """A dtype of numbers, text or objects; of its pickled state only the byte order counts."""

    __slots__ = ("plain",)

    def __init__(self, name: str):
        if not _PLAIN_DTYPE.fullmatch(name):
            raise ValueError(f"an array of dtype {name!r}")
        self.plain = np.dtype(name)

    def __setstate__(self, state: tuple) -> None:
        if state[1] in ("<", ">"):
            self.plain = self.plain.newbyteorder(state[1])


class _Array(np.ndarray):
    """An array whose pickled state is checked before numpy takes it over."""

    __slots__ = ()

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, content = state
        if any(size < 0 for size in shape):
            raise ValueError("an array with a negative size")
        if dtype.plain.hasobject:
            if type(content) is not list or len(content) != prod(shape):
                raise ValueError("an array of other things than its dtype says")
        else:
            content = _as_bytes(content)
        super().__setstate__((1, shape, dtype.plain, bool(fortran), content))


def _as_bytes(content: bytes | str) -> bytes:
    """Return the bytes, which a pickle of Python 2 holds as text."""
    if not isinstance(content, bytes | str):
        raise ValueError(f"a {type(content).__name__} in the place of bytes")
    return content.encode("latin1") if isinstance(content, str) else content
