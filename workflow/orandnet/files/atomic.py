"""Files that are either whole or absent."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# what only writing meets: no room left, a full quota, a file too large, a medium or folder that may not be written to
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@contextmanager
def atomic_path(path: Path, *, synced: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends without an error.

    The temporary name is hidden, differs between processes and keeps the suffix (numpy and PIL choose the
    format by it). Missing folders are made. On any failure, an interrupt included, the temporary file is
    removed and an older file at `path` stays as it was.

    Args:
        path: the file.
        synced: wait until the content and then the name are on the disk, so that a power cut cannot leave a name
            without its content: for what took long to make.

    Raises:
        OSError: of a disk that is full or may not be written to, with the name of the file.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            if synced:
                _sync(temporary)
            os.replace(temporary, path)
            if synced:
                _sync(path.parent)
        finally:
            with suppress(OSError):  # the error on the way here says more
                temporary.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in OF_THE_DISK and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
