"""A folder of images with one CSV of labels: the layout for data of one's own."""

import csv
from collections import Counter
from pathlib import Path

from orandnet.dataset.labels import labels_path
from orandnet.dataset.layouts.entries import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    SPLITS,
    Entry,
    files_by_stem,
    is_image_id,
    of_other_formats,
    wrong_sizes,
)
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import Settings, check_classes

HELD_OUT = 5  # every fifth image is val where the CSV has no splits


def with_classes(settings: Settings) -> Settings:
    """Return the settings with the classes of the CSV, sorted by name, unless they name some."""
    if settings.classes:
        return settings
    path = labels_path(settings)
    rows = _read_rows(path)
    names = sorted({name.strip() for row in rows for name in (row["labels"] or "").split(";")} - {""})
    try:
        check_classes(names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not names:
        raise ValueError(f"{path}: names no class; write the classes of each image, joined by `;`.")
    return settings.model_copy(update={"classes": names})


def read_folder(settings: Settings) -> list[Entry]:
    """Return the entries of the CSV, train first, then train_aug, val and test, each in the order of its rows.

    Images are looked for in all folders under the root, masks directly in theirs. Without a column `split`, every
    fifth image by id is val and the others are train.

    Raises:
        ValueError: if the root, the CSV or an image is missing, if a split is unknown or train or val is empty, or
            if masks are given and an image of train or val has none.
    """
    path = labels_path(settings)
    splits = _splits(path)
    ids = {split: [image_id for image_id, its in splits.items() if its == split] for split in SPLITS}
    counts = Counter(splits.values())
    counts["train_aug"] += counts["train"]
    refuse(wrong_sizes(settings, counts, dict.fromkeys(SPLITS, str(path))))
    for split in ("train", "val"):
        if not ids[split]:
            raise ValueError(f"{path}: no image has the split {split}; give some images this split.")
    rows = [(split, image_id) for split in SPLITS for image_id in ids[split][: settings.limit]]
    images, masks, folder = _files(settings)
    others = of_other_formats(settings.root.rglob("*")) if any(image_id not in images for _, image_id in rows) else {}
    refuse(_missing(rows, images, masks, path, folder, others))
    return [Entry(image_id, images[image_id], masks.get(image_id), split) for split, image_id in rows]


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"image_id", "labels"} <= {*(reader.fieldnames or ())}:
            raise ValueError(f"{path}: has the columns {reader.fieldnames}; it needs image_id and labels.")
        return list(reader)


def _splits(path: Path) -> dict[str, str]:
    """Split by image id; `labels.py` refuses ids that have two rows."""
    rows = _read_rows(path)
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


def _files(settings: Settings) -> tuple[dict[str, Path], dict[str, Path], Path | None]:
    """Images and masks by id, and the folder of the masks, which may lie under the root."""
    if not settings.root.is_dir():
        raise ValueError(f"dataset.root: there is no folder {settings.root}; give the folder of the images.")
    folder = _mask_folder(settings)
    root = settings.root.resolve()
    inner = folder.resolve().relative_to(root) if folder and root in folder.resolve().parents else None
    images = (path for path in settings.root.rglob("*") if inner is None or settings.root / inner not in path.parents)
    masks = files_by_stem(folder.iterdir(), MASK_SUFFIXES) if folder else {}
    return files_by_stem(images, IMAGE_SUFFIXES), masks, folder


def _mask_folder(settings: Settings) -> Path | None:
    if settings.masks is None:
        return None
    candidates = (settings.root / settings.masks, Path(settings.masks))
    found = next((path for path in candidates if path.is_dir()), None)
    if found is None:
        raise ValueError(f"dataset.masks: there is no folder {settings.masks}, nor one under dataset.root; correct it.")
    return found


def _missing(
    rows: list, images: dict, masks: dict, path: Path, folder: Path | None, others: dict[str, str]
) -> list[str]:
    problems = []
    for split, image_id in rows:
        if image_id not in images:
            problems.append(
                others.get(image_id)
                or f"{path}: {image_id} has no image under dataset.root; add the image, or correct the id, which is "
                "the file's name without folder and suffix."
            )
        elif folder and split in ("train", "val") and image_id not in masks:
            problems.append(
                f"{folder}: has no mask {image_id}.png, which {split} is evaluated with; add the mask, make the image "
                "train_aug in the column split, or leave out dataset.masks to score nothing."
            )
    return problems
