"""Archives from the net, unpacked so that nothing can land outside the folder.

Only regular files and folders are taken, by their content: no links, no devices, no owners, no permissions.
"""

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from orandnet.dataset.problems import refuse
from orandnet.files.atomic import OF_THE_DISK
from orandnet.job.progress import track

_CLUTTER = "__MACOSX"
# what an archive may unpack to: images hardly shrink in one, text does so tenfold, bombs a thousandfold
MOST_GROWTH = 30
FREE_BYTES = 64 * 2**20
MOST_MEMBERS = 2_000_000
UNREADABLE = (OSError, EOFError, RuntimeError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


class _Member(NamedTuple):
    """A member of an archive; `kind` is file, folder or something else, which is refused; `size` in bytes, unpacked."""

    name: str
    kind: str
    size: int
    open: Callable[[], IO[bytes]]


def is_archive(path: Path, *, suffix: str) -> bool:
    """Return whether a file is what the suffix says: a zip, or else a tar, compressed or not."""
    return zipfile.is_zipfile(path) if suffix == ".zip" else tarfile.is_tarfile(path)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or .tar[.gz] into a folder that does not exist yet.

    Raises:
        ValueError: before anything is written, if a member is no file or folder or would land outside, or if they are
            too many or too large together; later, if the archive is damaged.
    """
    zipped = archive.suffix == ".zip"
    try:
        with zipfile.ZipFile(archive) if zipped else tarfile.open(archive) as reader:
            members = _within_limits(archive, _zip_members(reader) if zipped else _tar_members(reader))
            refuse([f"{archive}: {fault}; do not use this archive." for fault in filter(None, map(_fault, members))])
            folder.mkdir(parents=True)
            for member in track(members, f"Unpacking {archive.name}"):
                _write(member, folder)
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno in OF_THE_DISK:
            raise
        raise ValueError(f"{archive}: cannot be unpacked ({error}); delete it and run again.") from error


def _within_limits(archive: Path, members: Iterator[_Member]) -> list[_Member]:
    """Return the members, unless they are too many, or too large for the size of their archive."""
    limit, taken, size = FREE_BYTES + MOST_GROWTH * archive.stat().st_size, [], 0
    for member in members:
        taken.append(member)
        size += member.size
        if size > limit or len(taken) > MOST_MEMBERS:
            raise ValueError(
                f"{archive}: unpacks to more than {limit >> 20} MiB or {MOST_MEMBERS} files, far more than its own "
                "size tells; do not use this archive."
            )
    return taken


def _write(member: _Member, folder: Path) -> None:
    if PurePosixPath(member.name).parts[:1] == (_CLUTTER,):
        return
    path = folder / member.name
    if member.kind == "folder":
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as content, path.open("wb") as file:
        shutil.copyfileobj(content, file)


def _fault(member: _Member) -> str | None:
    """Say why a member is refused; None if it is not."""
    path = PurePosixPath(member.name)
    # a backslash or a colon could be a way out on Windows
    if path.is_absolute() or ".." in path.parts or set(member.name) & set("\\:\0"):
        return f"the member {member.name!r} would land outside the folder"
    return f"the member {member.name!r} is a {member.kind}" if member.kind not in ("file", "folder") else None


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        other = "link" if info.issym() or info.islnk() else "device"
        kind = "folder" if info.isdir() else "file" if info.isreg() else other
        yield _Member(info.name, kind, info.size, lambda info=info: archive.extractfile(info))
    # tarfile takes the end of a file that was cut off between two members for the end of the archive
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("its end is missing")
    while archive.fileobj.read(1 << 20):  # to the checksum, if it is compressed
        pass


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        mode = info.external_attr >> 16  # as Unix wrote it; without a type elsewhere
        other = "link" if stat.S_ISLNK(mode) else "device"
        plain = stat.S_IFMT(mode) in (0, stat.S_IFREG, stat.S_IFDIR)
        kind = ("folder" if info.is_dir() else "file") if plain else other
        yield _Member(info.filename, kind, info.file_size, lambda info=info: archive.open(info))
