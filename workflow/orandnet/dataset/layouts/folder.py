"""A folder of images with one CSV of labels: the layout for data of one's own."""

import csv
from pathlib import Path

from orandnet.dataset.layouts.entries import (
    IMAGE_SUFFIXES,
    PARTS,
    SPLITS,
    Entry,
    files_by_stem,
    is_image_id,
    labels_path,
)
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import Settings, check_classes

HELD_OUT = 5  # every fifth image is val where the CSV has no splits


def with_classes(settings: Settings) -> Settings:
    """Return the settings with the classes of the CSV, sorted by name, unless they name some."""
    if settings.classes:
        return settings
    path = labels_path(settings)
    rows = read_label_rows(path)
    names = sorted({name.strip() for row in rows for name in (row["labels"] or "").split(";")} - {""})
    try:
        check_classes(names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not names:
        raise ValueError(f"{path}: names no class; write the classes of each image, joined by `;`.")
    return settings.model_copy(update={"classes": names})


def read_folder(settings: Settings, part: str, *, leave_out: Path | None = None) -> list[Entry]:
    """Return the entries of train_aug, val or test; of train_aug those of train first, each in the order of its rows.

    Images are looked for in all folders under the root but `leave_out`, where masks lie. Without a column `split`,
    every fifth image by id is val and the others are train.

    Raises:
        ValueError: if the root, the CSV or an image is missing, if a split is unknown, or if train or val is empty.
    """
    path = labels_path(settings)
    splits = splits_of(path)
    ids = {split: [image_id for image_id, its in splits.items() if its == split] for split in SPLITS}
    for split in ("train", "val"):
        if not ids[split]:
            raise ValueError(f"{path}: no image has the split {split}; give some images this split.")
    rows = [(split, image_id) for split in PARTS[part] for image_id in ids[split][: settings.limit]]
    images = _images(settings.root, leave_out)
    refuse(
        [
            f"{path}: {image_id} has no image under dataset.root; add the image, or correct the id, which is the "
            "file's name without folder and suffix."
            for split, image_id in rows
            if image_id not in images
        ]
    )
    return [Entry(image_id, images[image_id], split) for split, image_id in rows]


def mask_folder(root: Path, name: str) -> Path:
    """Return the folder of the true masks, under the root or not; ValueError if there is none."""
    found = next((path for path in (root / name, Path(name)) if path.is_dir()), None)
    if found is None:
        raise ValueError(f"dataset.masks: there is no folder {name}, nor one under dataset.root; correct it.")
    return found


def read_label_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV of labels; ValueError unless it has the columns image_id and labels."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"image_id", "labels"} <= {*(reader.fieldnames or ())}:
            raise ValueError(f"{path}: has the columns {reader.fieldnames}; it needs image_id and labels.")
        return list(reader)


def splits_of(path: Path) -> dict[str, str]:
    """Return the split of every image of a CSV of labels; ids that have two rows are refused with their labels.

    Raises:
        ValueError: for what is no image id and for an unknown split.
    """
    rows = read_label_rows(path)
    wrong = next((row["image_id"] for row in rows if not is_image_id(row["image_id"])), None)
    if wrong is not None:
        raise ValueError(f"{path}: {wrong!r} is no image id; write the file's name without folder and suffix.")
    if not rows or "split" not in rows[0]:
        ids = sorted(row["image_id"] for row in rows)
        held_out = set(ids[HELD_OUT - 1 :: HELD_OUT])
        return {row["image_id"]: "val" if row["image_id"] in held_out else "train" for row in rows}
    unknown = next((row for row in rows if row["split"] not in SPLITS), None)
    if unknown:
        raise ValueError(
            f"{path}: {unknown['image_id']} has the split {unknown['split']!r}; write one of {', '.join(SPLITS)}."
        )
    return {row["image_id"]: row["split"] for row in rows}


def _images(root: Path, leave_out: Path | None) -> dict[str, Path]:
    """Images by id, of all folders but one."""
    if not root.is_dir():
        raise ValueError(f"dataset.root: there is no folder {root}; give the folder of the images.")
    outside = leave_out.resolve() if leave_out else None
    inner = root / outside.relative_to(root.resolve()) if outside and root.resolve() in outside.parents else None
    return files_by_stem((path for path in root.rglob("*") if inner not in path.parents), IMAGE_SUFFIXES)
