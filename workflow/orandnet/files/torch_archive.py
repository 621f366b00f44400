"""Reader for the files of torch.save (.pt) that needs no torch and runs nothing the file asks for.

Since 1.6 torch writes a zip without compression: a pickle, `data.pkl`, which names the storages of its tensors, and one
member for the numbers of each. The pickle is read as those in .npy files are, under the same limits.
"""

import io
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from orandnet.files.pickle_limits import check_size, check_tuples
from orandnet.files.pickle_reader import STORAGES, PlainUnpickler, Refused
from orandnet.files.regular import reason, regular_size
from orandnet.files.stored_zip import Place, StoredZip

PICKLE = "data.pkl"


def read_torch_archive(path: Path, *, most_bytes: int | None = None) -> Any:
    """Return what a .pt file holds, tensors as numpy arrays.

    Args:
        path: the file.
        most_bytes: a larger file is refused unread.

    Raises:
        ValueError: names the file and what is wrong with it: no plain file, too large, no zip of torch.save (older
            forms are none), damaged, or a pickle that asks for more than plain values, arrays and tensors.
    """
    num_bytes = regular_size(path, what=".pt file", most_bytes=most_bytes)
    try:
        archive = StoredZip(path)
        members = dict(archive.members())
        if sum(place.size for place in members.values()) > num_bytes:
            raise ValueError("its members together are larger than the file")
        heads = [name.removesuffix(PICKLE) for name in members if name.count("/") == 1 and name.endswith(f"/{PICKLE}")]
        if len(heads) != 1:
            raise ValueError(f"it holds {len(heads)} members {PICKLE}, not the one that torch.save writes")
        file = io.BytesIO(archive.read(members[heads[0] + PICKLE]))
        check_tuples(file)
        found = _ArchiveUnpickler(file, path, archive, members, heads[0], num_bytes=num_bytes).load()
        check_size(found, num_bytes=num_bytes)
        return found
    except Refused:
        raise
    except Exception as error:  # a damaged archive raises nearly anything
        raise ValueError(
            f"{path}: not a readable .pt file ({reason(error)}); write it again with torch.save."
        ) from error


class _ArchiveUnpickler(PlainUnpickler):
    """Unpickler whose storages are members of an archive, each read once."""

    def __init__(
        self, file: io.BytesIO, path: Path, archive: StoredZip, members: dict[str, Place], head: str, *, num_bytes: int
    ):
        super().__init__(file, path, num_bytes=num_bytes)
        self._archive, self._members, self._head = archive, members, head
        self._read: dict[str, np.ndarray] = {}
        order = members.get(f"{head}byteorder")
        if order is not None and archive.read(order) != b"little":
            raise ValueError("its numbers are not little-endian")

    def find_class(self, module: str, name: str) -> Any:
        return STORAGES[name] if module == "torch" and name in STORAGES else super().find_class(module, name)

    def persistent_load(self, pid: Any) -> np.ndarray:
        """Return the numbers of a storage; where they once lay, on a CPU or a GPU, does not matter."""
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or pid[1] not in STORAGES.values():
            return super().persistent_load(pid)
        _, dtype, key, _, length = pid
        name = f"{self._head}data/{key}"
        if name not in self._members:
            raise ValueError(f"the numbers of a tensor, {name}, are missing")
        if name not in self._read:
            self._read[name] = np.frombuffer(self._archive.read(self._members[name]), np.uint8)
        if prod((length, np.dtype(dtype).itemsize)) != self._read[name].size:
            raise ValueError("a tensor of another length than it says")
        return self._read[name].view(dtype)
