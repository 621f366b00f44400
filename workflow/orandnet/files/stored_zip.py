"""Zip archives without compression of any number of members, in a few dozen bytes of memory for each.

Python's zipfile keeps an object of half a kilobyte for each member, written or read, which for the CAMs of a large data
set is most of what a job holds. The bytes written here are those that zipfile writes, up to its large form (zip64).
"""

import os
import struct
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orandnet.files.regular import open_regular

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_VERSION, _VERSION_64, _UNIX, _UTF8, _ENCRYPTED = 20, 45, 3, 0x800, 0x1
_DATE = 1 << 5 | 1  # 1 January 1980, the first that a zip knows: equal content gives equal bytes
_MODE = 0o600 << 16
LARGE = (1 << 31) - 1  # offsets and sizes beyond it, and more members than MANY, need the large form
MANY = (1 << 16) - 1
_LONGEST_COMMENT = 1 << 16


class StoredZipWriter:
    """Writes members one after the other; `close` ends the archive."""

    def __init__(self, file: BinaryIO):
        """Write to a file that is open for writing, from its start."""
        self._file, self._directory, self._count, self._offset = file, bytearray(), 0, 0

    def add(self, name: str, content: bytes) -> None:
        """Write a member.

        Raises:
            ValueError: if it has 2 GiB or more.
        """
        if len(content) > LARGE:
            raise ValueError(f"{name}: has {len(content)} bytes, too many for a member of a shard; use smaller images.")
        encoded, flags = name.encode(), 0 if name.isascii() else _UTF8
        crc, size = zlib.crc32(content), len(content)
        local = (_VERSION, flags, 0, 0, _DATE, crc, size, size, len(encoded), 0)
        extra, version, offset = b"", _VERSION, self._offset
        if offset > LARGE:
            extra, version, offset = struct.pack("<HHQ", 1, 8, offset), _VERSION_64, 0xFFFFFFFF
        self._directory += _CENTRAL.pack(
            b"PK\1\2", version | _UNIX << 8, version, *local[1:-1], len(extra), 0, 0, 0, _MODE, offset
        )
        self._directory += encoded + extra
        for part in (_LOCAL.pack(b"PK\3\4", *local), encoded, content):
            self._file.write(part)
            self._offset += len(part)
        self._count += 1

    def close(self) -> None:
        """Write the directory of all members; the file itself is left open."""
        start, size, count = self._offset, len(self._directory), self._count
        self._file.write(self._directory)
        if count > MANY or start > LARGE or size > LARGE:
            end = _END_64.pack(b"PK\6\6", 44, _VERSION_64, _VERSION_64, 0, 0, count, count, size, start)
            self._file.write(end + _LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1))
            count, size, start = min(count, 0xFFFF), min(size, 0xFFFFFFFF), min(start, 0xFFFFFFFF)
        self._file.write(_END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0))


class Place(NamedTuple):
    """Where a member lies: offset of its header, bytes of its content, and their CRC-32."""

    offset: int
    size: int
    crc: int


class StoredZip:
    """An archive without compression, open for reading; several processes and threads may read at once.

    Raises:
        ValueError: if it is no plain file, or no zip.
    """

    def __init__(self, path: Path):
        """Open the file and look for its directory."""
        file = open_regular(path)
        weakref.finalize(self, file.close)
        self._descriptor = file.fileno()
        self._length = os.fstat(self._descriptor).st_size
        self._start, self._size, self._count = self._find_directory()

    def members(self) -> Iterator[tuple[str, Place]]:
        """Yield the name and the place of each member, in the order of the directory.

        Raises:
            ValueError: for a damaged directory, or a member that is compressed or encrypted.
        """
        directory, position = self._read(self._start, self._size), 0
        for _ in range(self._count):
            if position + _CENTRAL.size > len(directory):
                raise ValueError("its directory is cut off")
            fields = _CENTRAL.unpack_from(directory, position)
            signature, flags, method, crc, packed, size = fields[0], fields[3], fields[4], *fields[7:10]
            name_length, extra_length, comment_length, offset = *fields[10:13], fields[16]
            name_start = position + _CENTRAL.size
            name = directory[name_start : name_start + name_length].decode()
            if signature != b"PK\1\2" or method or flags & _ENCRYPTED or packed != size:
                raise ValueError(f"its member {name[:99]!r} is damaged, compressed or encrypted")
            extra = directory[name_start + name_length : name_start + name_length + extra_length]
            if offset == 0xFFFFFFFF and extra[:4] == b"\1\0\x08\0" and len(extra) >= 12:
                (offset,) = struct.unpack_from("<Q", extra, 4)
            yield name, Place(offset, size, crc)
            position = name_start + name_length + extra_length + comment_length

    def read(self, place: Place) -> bytes:
        """Return the content of a member; ValueError if it is damaged."""
        header = self._read(place.offset, _LOCAL.size)
        fields = _LOCAL.unpack(header)
        if fields[0] != b"PK\3\4":
            raise ValueError("there is no member at its place")
        content = self._read(place.offset + _LOCAL.size + fields[9] + fields[10], place.size)
        if zlib.crc32(content) != place.crc:
            raise ValueError("its checksum is wrong")
        return content

    def _find_directory(self) -> tuple[int, int, int]:
        """Return where the directory starts, its bytes, and the number of members."""
        tail_start = max(0, self._length - _LONGEST_COMMENT - _END.size - _LOCATOR_64.size)
        tail = self._read(tail_start, self._length - tail_start)
        found = tail.rfind(b"PK\5\6")
        if found < 0 or found + _END.size > len(tail):
            raise ValueError("it is no zip, or cut off")
        count, size, start = _END.unpack_from(tail, found)[4:7]
        locator = found - _LOCATOR_64.size
        if locator >= 0 and tail[locator : locator + 4] == b"PK\6\7":
            end = _END_64.unpack(self._read(_LOCATOR_64.unpack_from(tail, locator)[2], _END_64.size))
            if end[0] != b"PK\6\6":
                raise ValueError("its end is damaged")
            count, size, start = end[7:10]
        return start, size, count

    def _read(self, offset: int, length: int) -> bytes:
        """Return so many bytes, none of which is asked for beyond the end of the file."""
        if offset + length > self._length:
            raise ValueError(f"it has {self._length} bytes, and {offset + length} are asked for")
        parts, missing = [], length
        while missing:
            part = os.pread(self._descriptor, min(missing, 1 << 30), offset + length - missing)
            if not part:
                raise ValueError("it became shorter while it was read")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
