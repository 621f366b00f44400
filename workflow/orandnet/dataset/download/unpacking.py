"""Archives from the net, unpacked so that nothing can land outside the folder.

Only regular files and folders are taken, by their content: no links, no devices, no owners, no permissions.
"""

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from orandnet.dataset.problems import refuse
from orandnet.job.progress import track

_CLUTTER = "__MACOSX"


class _Member(NamedTuple):
    """A member of an archive; `kind` is file, folder or something else, which is refused."""

    name: str
    kind: str
    open: Callable[[], IO[bytes]]


def is_archive(path: Path, *, suffix: str) -> bool:
    """Return whether a file is what the suffix says: a zip, or else a tar, compressed or not."""
    return zipfile.is_zipfile(path) if suffix == ".zip" else tarfile.is_tarfile(path)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or .tar[.gz] into a folder that does not exist yet.

    Raises:
        ValueError: before anything is written, if a member is no file or folder or would land outside; later,
            if the archive is damaged.
    """
    zipped = archive.suffix == ".zip"
    with zipfile.ZipFile(archive) if zipped else tarfile.open(archive) as reader:
        members = list(_zip_members(reader) if zipped else _tar_members(reader))
        refuse([f"{archive}: {fault}; do not use this archive." for fault in filter(None, map(_fault, members))])
        folder.mkdir(parents=True)
        try:
            for member in track(members, f"Unpacking {archive.name}"):
                _write(member, folder)
        except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise ValueError(f"{archive}: cannot be unpacked ({error}); delete it and run again.") from error


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
        yield _Member(info.name, kind, lambda info=info: archive.extractfile(info))


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        mode = info.external_attr >> 16  # as Unix wrote it; without a type elsewhere
        other = "link" if stat.S_ISLNK(mode) else "device"
        plain = stat.S_IFMT(mode) in (0, stat.S_IFREG, stat.S_IFDIR)
        kind = ("folder" if info.is_dir() else "file") if plain else other
        yield _Member(info.filename, kind, lambda info=info: archive.open(info))
