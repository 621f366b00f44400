"""Foreign files, opened only if they are plain files: nothing here waits for a pipe or wakes a device."""

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

MOST_LETTERS = 300  # of what a library says, which may hold parts of the file
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-f]+>| at 0x[0-9a-f]+")
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path, *, what: str = "file") -> BinaryIO:
    """Return a plain file, open for reading in bytes; links to one are followed.

    Args:
        path: the file.
        what: what it should be, for messages, such as "image".

    Raises:
        ValueError: if there is none, if it may not be read, or if it is a folder, a pipe, a socket, a device or a link
            to nothing. None of these is waited for.
    """
    path = Path(path)
    try:
        _require_plain(os.stat(path).st_mode, path, what)
        # should it have become a pipe since, this does not wait for somebody to write into it
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        if path.is_symlink():
            raise ValueError(f"{path}: is a link to nothing, {os.readlink(path)}; restore what it names.") from None
        raise ValueError(f"{path}: there is no such {what}; make it or correct the path or the list.") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, what, error) from None
    file = os.fdopen(descriptor, "rb")
    try:
        _require_plain(os.fstat(descriptor).st_mode, path, what)
    except ValueError:
        file.close()
        raise
    return file


def read_regular(path: Path, *, what: str = "file", most_bytes: int | None = None) -> bytes:
    """Return the content of a plain file.

    Args:
        path: the file.
        what: what it should be, for messages.
        most_bytes: a larger file is refused before it is read.

    Raises:
        ValueError: as `open_regular`, or if the file is too large or cannot be read.
    """
    with open_regular(path, what=what) as file:
        _size_of(file, path, what, most_bytes)
        try:
            return file.read()
        except OSError as error:
            raise unreadable(path, what, error) from None


def regular_size(path: Path, *, what: str = "file", most_bytes: int | None = None) -> int:
    """Return the bytes of a plain file, which is not read; ValueError as `read_regular`."""
    with open_regular(path, what=what) as file:
        return _size_of(file, path, what, most_bytes)


def _size_of(file: BinaryIO, path: Path, what: str, most_bytes: int | None) -> int:
    size = os.fstat(file.fileno()).st_size
    if most_bytes is not None and size > most_bytes:
        raise ValueError(
            f"{path}: has {size} bytes, and a {what} here has {most_bytes} at most; check what the file is."
        )
    return size


def reason(error: Exception) -> str:
    """Return why a file could not be read, from whatever a library raised: one line without addresses in memory."""
    told = (str(error).splitlines() or [""])[0] or type(error).__name__
    return _ADDRESS.sub("", told)[:MOST_LETTERS]


class NotPlain(ValueError):
    """Something that is no plain file lies under the name of one."""


def unreadable(path: Path, what: str, error: Exception) -> ValueError:
    """Return the error of a file that the system does not hand out; the same error if it already names the file."""
    if isinstance(error, NotPlain):
        return error
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return ValueError(f"{path}: the {what} cannot be read ({reason}); check its permissions, or copy it again.")


def _require_plain(mode: int, path: Path, what: str) -> None:
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "no plain file")
        raise NotPlain(f"{path}: is {kind}, not a file; put the {what} there, or take it off the list.")
