"""What a listing of jobs must know of a data set's files, so that a change of one part re-reads that part alone.

Reads lists and tables of labels, and no image; imports nothing that a plain Snakemake lacks.
"""

import hashlib
import json
from pathlib import Path

from orandnet.dataset.layouts import folder, voc
from orandnet.dataset.layouts.entries import PARTS, labels_path
from orandnet.dataset.settings import TABLE_SUFFIXES, Settings


def source_files(settings: Settings, part: str) -> list[Path]:
    """Return the files, each of one part alone or whole tables, that a part's list is made from and that exist now.

    What is missing is refused, with more to say, when the data set is read. Of a downloaded data set only files
    outside its root count: those under it appear while the workflow runs. A CSV of labels is left out, since it
    speaks of all parts: `rows_digest` stands for it.
    """
    candidates: list[Path] = []
    if settings.kind == "voc":
        labels = _labels_file(settings)
        whole = labels is not None and labels.suffix.lower() not in TABLE_SUFFIXES
        candidates = voc.list_files(settings, part) + ([labels] if whole else [])
    return _outside_download(candidates, settings)


def annotation_files(settings: Settings) -> list[Path]:
    """Return COCO's annotations, where they do not come by download."""
    parts = settings.coco.splits().values() if settings.kind == "coco" else ()
    files = [settings.root / part.annotations for part in parts if part is not None]
    return _outside_download(files, settings)


def refuse_without_test(settings: Settings) -> None:
    """Refuse a data set that is known to have no image of the split test, before anything is trained for it.

    Raises:
        ValueError: if there is none, with the key that would give some.
    """
    if settings.kind == "scenes" and not settings.scenes.num_test:
        lacking = "dataset.scenes.num_test is 0; raise it"
    elif settings.kind == "coco" and settings.coco.test is None:
        lacking = f"dataset.coco.test names none; name its images{' and drop download' if settings.download else ''}"
    elif settings.kind == "folder" and not _has_test_rows(settings):
        lacking = f"{settings.labels} gives no image the split test; give it to some"
    elif settings.kind == "voc" and not _has_test_list(settings):
        fetched = ", write dataset.download_test: true" if settings.download else ""
        lacking = f"{settings.root} has no list {settings.lists.test} (dataset.lists.test); make it{fetched}"
    else:
        return
    raise ValueError(f"prediction.splits: test is to be predicted, but {lacking}, or drop test.")


def _has_test_rows(settings: Settings) -> bool:
    try:
        return "test" in folder.splits_of(labels_path(settings)).values()
    except (ValueError, OSError):
        return True  # the job says what is wrong with the CSV


def _has_test_list(settings: Settings) -> bool:
    to_come = settings.download_test if settings.download else not settings.root.is_dir()
    return to_come or bool(voc.list_files(settings, "test"))


def rows_digest(settings: Settings, part: str | None) -> str:
    """Return what stands for a part's rows in a CSV of labels, or for its class names (None); "" without a CSV."""
    path = _labels_file(settings)
    if path is None or path.suffix.lower() not in TABLE_SUFFIXES or not _outside_download([path], settings):
        return ""
    try:
        content = _content(path, settings, part)
    except (ValueError, OSError):
        content = path.read_bytes().hex()  # the job says what is wrong with the file
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _content(path: Path, settings: Settings, part: str | None) -> list:
    """What a part, or the class list, takes from the CSV."""
    names = [] if settings.classes else list(folder.with_classes(settings).classes)
    if part is None:
        return names
    if settings.kind == "folder":
        splits = {image_id: split for image_id, split in folder.splits_of(path).items() if split in PARTS[part]}
    else:
        ids = voc.listed_ids(settings, part, quiet=True)
        splits = {image_id: split for split, its in ids.items() for image_id in its}
    rows = [
        (cells["image_id"], splits[cells["image_id"]], cells["labels"], cells.get("image", ""))
        for _, cells in folder.read_label_rows(path)
        if cells["image_id"] in splits
    ]
    return [names, rows]


def _labels_file(settings: Settings) -> Path | None:
    if settings.kind not in ("voc", "folder"):
        return None
    return next((path for path in (Path(settings.labels), settings.root / settings.labels) if path.is_file()), None)


def _outside_download(paths: list[Path], settings: Settings) -> list[Path]:
    fetched = settings.root.resolve() if settings.download else None
    return [path for path in paths if path.is_file() and fetched not in path.resolve().parents]
