"""A folder of images with one CSV of labels: the layout for data of one's own."""

from collections import Counter
from pathlib import Path

from orandnet.dataset.class_names import doubtful_names, likely_slips, name_key
from orandnet.dataset.labels import labels_path, split_labels
from orandnet.dataset.layouts.entries import IMAGE_SUFFIXES, SPLITS, Entry, FilesByStem, is_image_id, wrong_sizes
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import Settings, check_classes
from orandnet.dataset.table import Row, read_table
from orandnet.job.warnings import warn

HELD_OUT = 5  # every fifth image is val where the CSV has no splits


def with_classes(settings: Settings) -> Settings:
    """Return the settings with the classes of the CSV, sorted by name, unless they name some.

    Numbers in names sort as numbers.

    Raises:
        ValueError: names that are hardly meant as classes, or hardly as two; and numbers as names that are not the
            ids which the classes get, where there are masks.
    """
    if settings.classes:
        return settings
    path = labels_path(settings)
    found: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for row in _read_rows(path):
        names = dict.fromkeys(split_labels(row.cells["labels"]))
        counts.update(names.keys())
        for name in names:
            found.setdefault(name, f"{path}: line {row.line}")
    refuse(doubtful_names(found))
    names = sorted(found, key=name_key)
    try:
        check_classes(names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not names:
        raise ValueError(f"{path}: names no class; write the classes of each image, joined by `;`.")
    if settings.masks is not None:
        _check_numbers(path, names)
    for rare, frequent in likely_slips(counts):
        warn(
            "near_class_names",
            f"{path}: {counts[rare]} images are labelled {rare!r}, {counts[frequent]} {frequent!r}; is it one class?",
        )
    return settings.model_copy(update={"classes": names})


def _check_numbers(path: Path, names: list[str]) -> None:
    """Refuse names that are all numbers, and other numbers than their places."""
    if all(name.isascii() and name.isdecimal() for name in names):
        moved = [name for place, name in enumerate(names, start=1) if int(name) != place]
        if moved:
            mapping = ", ".join(f'"{name}": {int(name)}' for name in names[:3])
            raise ValueError(
                f"{path}: the classes are the numbers {', '.join(names)}, which would get the mask ids 1 to "
                f"{len(names)}; write the ids of the masks, dataset.classes: {{{mapping}, ...}}."
            )


def read_folder(settings: Settings) -> list[Entry]:
    """Return the entries of the CSV, train first, then train_aug, val and test, each in the order of its rows.

    Images are looked for in all folders under the root, or where the CSV's column `image` says; masks directly in
    theirs. Without a column `split`, every fifth image by id is val and the others are train.

    Raises:
        ValueError: if the root, the CSV or an image is missing, if a split is unknown or train or val is empty, or
            if masks are given and an image of train or val has none.
    """
    path = labels_path(settings)
    csv_rows = _rows_by_id(path)
    splits = _splits(path, csv_rows)
    ids = {split: [image_id for image_id, its in splits.items() if its == split] for split in SPLITS}
    counts = Counter(splits.values())
    counts["train_aug"] += counts["train"]
    refuse(wrong_sizes(settings, counts, dict.fromkeys(SPLITS, str(path))))
    for split in ("train", "val"):
        if not ids[split]:
            raise ValueError(f"{path}: no image has the split {split}; give some images this split.")
    rows = [(split, image_id) for split in SPLITS for image_id in ids[split][: settings.limit]]
    images, masks, folder = _files(settings, csv_rows)
    refuse(_missing(rows, images, masks, path, folder))
    return [Entry(image_id, images[image_id], masks.get(image_id), split) for split, image_id in rows]


def _read_rows(path: Path) -> list[Row]:
    return read_table(path, needed=("image_id", "labels"), optional=("split", "image"))


def _rows_by_id(path: Path) -> dict[str, Row]:
    """The rows by image id; `labels.py` refuses ids that have two."""
    rows = _read_rows(path)
    wrong = next((row for row in rows if not is_image_id(row.cells["image_id"])), None)
    if wrong is not None:
        raise ValueError(
            f"{path}: line {wrong.line} has {wrong.cells['image_id']!r}, which is no image id; write the file's name "
            "without folder and suffix."
        )
    return {row.cells["image_id"]: row for row in rows}


def _splits(path: Path, rows: dict[str, Row]) -> dict[str, str]:
    """Split by image id."""
    if not any("split" in row.cells for row in rows.values()):
        held_out = set(sorted(rows)[HELD_OUT - 1 :: HELD_OUT])
        return {image_id: "val" if image_id in held_out else "train" for image_id in rows}
    for image_id, row in rows.items():
        if row.cells["split"] not in SPLITS:
            raise ValueError(
                f"{path}: line {row.line}: {image_id} has the split {row.cells['split']!r}; write one of "
                f"{', '.join(SPLITS)}."
            )
    return {image_id: row.cells["split"] for image_id, row in rows.items()}


def _files(settings: Settings, rows: dict[str, Row]) -> tuple[dict[str, Path], dict[str, Path], Path | None]:
    """Images and masks by id, and the folder of the masks, which may lie under the root."""
    if not settings.root.is_dir():
        raise ValueError(f"dataset.root: there is no folder {settings.root}; give the folder of the images.")
    folder = _mask_folder(settings)
    masks = FilesByStem(folder.iterdir(), (".png",)).of(rows) if folder else {}
    if any("image" in row.cells for row in rows.values()):
        paths = {image_id: settings.root / row.cells["image"] for image_id, row in rows.items()}
        return {image_id: path for image_id, path in paths.items() if path.is_file()}, masks, folder
    root = settings.root.resolve()
    inner = folder.resolve().relative_to(root) if folder and root in folder.resolve().parents else None
    images = (path for path in settings.root.rglob("*") if inner is None or settings.root / inner not in path.parents)
    return FilesByStem(images, IMAGE_SUFFIXES).of(rows), masks, folder


def _mask_folder(settings: Settings) -> Path | None:
    if settings.masks is None:
        return None
    candidates = (settings.root / settings.masks, Path(settings.masks))
    found = next((path for path in candidates if path.is_dir()), None)
    if found is None:
        raise ValueError(f"dataset.masks: there is no folder {settings.masks}, nor one under dataset.root; correct it.")
    return found


def _missing(rows: list, images: dict, masks: dict, path: Path, folder: Path | None) -> list[str]:
    problems = []
    for split, image_id in rows:
        if image_id not in images:
            problems.append(
                f"{path}: {image_id} has no image under dataset.root; add the image, or correct the id, which is the "
                "file's name without folder and suffix."
            )
        elif folder and split in ("train", "val") and image_id not in masks:
            problems.append(
                f"{folder}: has no mask {image_id}.png, which {split} is evaluated with; add the mask, make the image "
                "train_aug in the column split, or leave out dataset.masks to score nothing."
            )
    return problems
