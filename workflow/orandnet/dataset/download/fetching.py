"""Public data sets: download, check, unpack, and the list that VOC's augmented training set stands for."""

import json
import os
import shutil
from functools import partial
from pathlib import Path

from orandnet.dataset.download.sources import Source, read_sources
from orandnet.dataset.download.transfer import download
from orandnet.dataset.download.unpacking import is_archive, unpack
from orandnet.dataset.layouts.voc import read_list
from orandnet.dataset.settings import FetchSettings
from orandnet.files.atomic import atomic_path
from orandnet.files.manifest import sha256
from orandnet.job.progress import say

RECORD = "fetched.json"
_LISTS = Path("ImageSets") / "Segmentation"


def fetch_dataset(settings: FetchSettings, *, sources: list[Source] | None = None, wait: float = 5.0) -> dict:
    """Bring a data set under its root, what lies there already excepted, and return what came from where.

    Args:
        settings: which data set, and its root.
        sources: its archives; default: those of the table.
        wait: seconds before the second attempt of a download.

    Returns:
        Name of the archive -> url, size, sha256 and what it was checked by; {} for what a person has put there. Kept
        in `fetched.json` under the root, so that a later call still knows.
    """
    if sources is None:
        sources = read_sources((settings.kind, *(["voc_test"] if settings.download_test else [])))
    path = settings.root / RECORD
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for source in sources:
        if (settings.root / source.holds).exists():
            say(f"{settings.root / source.holds}: lies there already; {source.file} is not downloaded.")
            record.setdefault(source.file, {})
            continue
        record[source.file] = _fetch(source, settings.root, wait)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if settings.kind == "voc":
        _write_train_aug(settings.root)
    return record


def _fetch(source: Source, root: Path, wait: float) -> dict:
    archive = root / source.file
    url = download(
        archive,
        source.urls,
        size=source.size,
        checksums=source.checksums,
        is_sound=partial(is_archive, suffix=archive.suffix),
        wait=wait,
    )
    checked = [*source.checksums] or (["size"] if source.size is not None else [])
    found = {"url": url, "size": archive.stat().st_size, "sha256": sha256(archive), "checked_by": checked}
    if not source.checksums:
        say(f"{source.file}: no checksum is known, so its origin is unchecked; its sha256 is {found['sha256']}.")
    _unpack_into(root, archive, source)
    archive.unlink()
    return found


def _unpack_into(root: Path, archive: Path, source: Source) -> None:
    """Unpack beside the data and move it in when it is whole; what tells that it is there comes last."""
    fresh = root / f".{source.file}.unpacked"
    shutil.rmtree(fresh, ignore_errors=True)  # left by an unpacking that was interrupted
    try:
        unpack(archive, fresh)
        inner = fresh / source.inner_folder
        if not (inner / source.holds).exists():
            raise ValueError(f"{archive}: holds no {Path(source.inner_folder) / source.holds}; use another source.")
        last = Path(source.holds).parts[0]
        for entry in sorted(inner.iterdir(), key=lambda path: path.name == last):
            _move(entry, root / entry.name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _move(entry: Path, place: Path) -> None:
    """Move a file or folder; a folder that is there already is filled up."""
    if entry.is_dir() and place.is_dir():
        for inner in entry.iterdir():
            _move(inner, place / inner.name)
    else:
        os.replace(entry, place)


def _write_train_aug(root: Path) -> None:
    """Write the list train_aug unless there is one: all augmented masks' images but those of val.

    The field's list of 10,582 images is the 12,031 of SegmentationClassAug without the 1,449 of val, by id.
    """
    path = root / _LISTS / "train_aug.txt"
    if path.exists():
        return
    held_out = set(read_list(root / _LISTS / "val.txt"))
    ids = {mask.stem for mask in (root / "SegmentationClassAug").glob("*.png")} - held_out
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{image_id}\n" for image_id in sorted(ids)), encoding="utf-8")
