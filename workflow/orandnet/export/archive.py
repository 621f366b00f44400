"""Small zip archives: equal content gives equal bytes, and reading one can harm nothing.

A foreign archive is read into memory and checked before a file is written: names without a way out of the folder, plain
files only, a bounded size.
"""

import io
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from orandnet.dataset.layouts.entries import UNSEEN
from orandnet.files.atomic import atomic_path
from orandnet.files.regular import open_regular, reason
from orandnet.files.store import FIRST_ZIP_DATE

MAX_BYTES = 256 * 2**20  # unpacked
_UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a zip of the members in the order of their names; the file appears under its name when it is whole."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, FIRST_ZIP_DATE)
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name], zipfile.ZIP_DEFLATED, compresslevel=9)


def read_archive(path: Path) -> dict[str, bytes]:
    """Return name -> content of a zip.

    Raises:
        ValueError: for a file that is no readable zip, a member that is no plain file inside the folder or occurs
            twice, or more than MAX_BYTES in all.
    """
    open_regular(path, what="archive").close()
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            _check(path, infos)
            members = {info.filename: archive.read(info) for info in infos}
        for name in members:
            if name.endswith(".npz"):
                _check_shard(path, name, members[name])
        return members
    except (ValueError, *_UNREADABLE) as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise ValueError(f"{path}: not a readable archive ({reason(error)}); pack or fetch it again.") from error


def _check(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    names = [info.filename for info in infos]
    for info in infos:
        special = stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG)
        if special or not all(map(_is_plain, info.filename.split("/"))):
            raise ValueError(f"{path}: {info.filename!r} is no plain file inside the archive; do not unpack it.")
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: holds a file twice; do not unpack it.")
    size = sum(info.file_size for info in infos)
    if size > MAX_BYTES:
        raise ValueError(f"{path}: would unpack to {size / 2**20:.0f} MiB, more than a trail takes; do not unpack it.")


def _is_plain(part: str) -> bool:
    """Whether a part of a path leads nowhere else: no root, no drive, no `..`, nothing hidden, nothing unseen."""
    unseen = any(unicodedata.category(character) in UNSEEN for character in part)
    leads_away = part[:1] in ("", ".") or part[1:2] == ":" or "\\" in part
    return part == part.strip() and not leads_away and not unseen


def _check_shard(path: Path, name: str, content: bytes) -> None:
    """Refuse a compressed archive inside the archive, whose size would not be bounded."""
    with zipfile.ZipFile(io.BytesIO(content)) as shard:
        if any(info.compress_type != zipfile.ZIP_STORED for info in shard.infolist()):
            raise ValueError(f"{path}: {name!r} is compressed, which no CAM shard is; do not unpack it.")


def unpack(members: Mapping[str, bytes], folder: Path) -> None:
    """Write the members into a new or empty folder.

    Raises:
        ValueError: if the folder holds anything.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ValueError(f"--output: {folder} is not empty; give a new folder.")
    for name, content in members.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
