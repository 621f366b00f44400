"""Writer of the pickled .npy files that programs in the form of IRN read: one dict of arrays and torch tensors.

Writing a pickle runs nothing; it is loading one that may, and this package loads none but through `pickle_reader`. The
bytes differ from those of numpy.save and torch in two ways: they depend on the content alone (torch's pickles hold an
address in memory), and numpy 1 reads them too.
"""

import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch._utils import _rebuild_tensor_v2
from torch.serialization import MAGIC_NUMBER, PROTOCOL_VERSION
from torch.storage import _load_from_bytes

PROTOCOL = 3  # of pickle, as numpy.save of IRN's time; with bytes, and without frames around the head below
STORAGES = {"float32": torch.FloatStorage, "int64": torch.LongStorage}
_NUMPY_2, _NUMPY_1 = (b"\x80\x03cnumpy.%score.multiarray\n_reconstruct\n" % underscore for underscore in (b"_", b""))


class Tensor:
    """An array that becomes a torch tensor where it is unpickled; float32 or int64."""

    def __init__(self, array: np.ndarray):
        """Hold the array."""
        self._array = np.ascontiguousarray(array)

    def __reduce__(self) -> tuple[Callable, tuple]:
        """Return the call that rebuilds the tensor: the one that torch itself pickles."""
        strides = tuple(step // self._array.itemsize for step in self._array.strides)
        return _rebuild_tensor_v2, (_Storage(self._array), 0, self._array.shape, strides, False, OrderedDict())


def pickled_npy(content: Mapping[str, np.ndarray | Tensor]) -> bytes:
    """Return the bytes of a .npy file that holds a dict; `numpy.load(..., allow_pickle=True).item()` gives it back."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    pickled = pickle.dumps(np.array(dict(content), dtype=object), protocol=PROTOCOL)
    # numpy 2 renamed the module that rebuilds arrays; both know the old name, and it is written out once, at the head
    file.write(pickled.replace(_NUMPY_2, _NUMPY_1, 1))
    return file.getvalue()


class _Storage:
    """The numbers of a tensor, which torch pickles as the bytes of a file of their own."""

    def __init__(self, array: np.ndarray):
        self._array = array

    def __reduce__(self) -> tuple[Callable, tuple]:
        return _load_from_bytes, (_storage_file(self._array),)


def _storage_file(array: np.ndarray) -> bytes:
    """Return what torch.save writes for a storage in its form without zip, under the key "0" instead of an address."""
    file = io.BytesIO()
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": PROTOCOL_VERSION, "little_endian": sys.byteorder == "little", "type_sizes": sizes}
    for part in (MAGIC_NUMBER, PROTOCOL_VERSION, system):
        pickle.dump(part, file, protocol=2)
    _Reference(file, protocol=2).dump(array)
    pickle.dump(["0"], file, protocol=2)
    file.write(array.size.to_bytes(8, sys.byteorder))
    file.write(array.tobytes())
    return file.getvalue()


class _Reference(pickle.Pickler):
    """Pickler that writes for an array which kind of storage the numbers further down in the file are."""

    def persistent_id(self, content: Any) -> tuple | None:
        if not isinstance(content, np.ndarray):
            return None
        return "storage", STORAGES[content.dtype.name], "0", "cpu", content.size, None
