"""A folder of images with one CSV of labels: the layout for data of one's own."""

from collections import Counter
from pathlib import Path

from orandnet.dataset.class_names import doubtful_names, likely_slips, name_key, split_labels
from orandnet.dataset.layouts.entries import (
    IMAGE_SUFFIXES,
    PARTS,
    SPLITS,
    Entry,
    FilesByStem,
    is_image_id,
    labels_path,
    of_other_formats,
)
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import Settings, check_classes
from orandnet.dataset.table import Row, read_table

HELD_OUT = 5  # every fifth image is val where the CSV has no splits


def with_classes(settings: Settings) -> Settings:
    """Return the settings with the classes of the CSV, sorted by name, unless they name some.

    Numbers in names sort as numbers.

    Raises:
        ValueError: names that are hardly meant as classes, or hardly as two.
    """
    if settings.classes:
        return settings
    path = labels_path(settings)
    found: dict[str, str] = {}
    for row in read_label_rows(path):
        for name in split_labels(row.cells["labels"]):
            found.setdefault(name, f"{path}: line {row.line}")
    refuse(doubtful_names(found))
    names = sorted(found, key=name_key)
    try:
        check_classes(names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not names:
        raise ValueError(f"{path}: names no class; write the classes of each image, joined by `;`.")
    return settings.model_copy(update={"classes": names})


def near_names(path: Path) -> list[str]:
    """Return a line on each class of a CSV that may be another one, misspelt: far fewer images, nearly the same."""
    counts = Counter(name for row in read_label_rows(path) for name in dict.fromkeys(split_labels(row.cells["labels"])))
    return [
        f"{path}: {counts[rare]} images are labelled {rare!r}, {counts[frequent]} {frequent!r}; is it one class?"
        for rare, frequent in likely_slips(counts)
    ]


def read_folder(settings: Settings, part: str, *, leave_out: Path | None = None) -> list[Entry]:
    """Return the entries of train_aug, val or test; of train_aug those of train first, each in the order of its rows.

    Images are looked for in all folders under the root but `leave_out`, where masks lie, or where the CSV's column
    `image` says. Without a column `split`, every fifth image by id is val and the others are train.

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
    images = _images(settings.root, leave_out, path, [image_id for _, image_id in rows])
    others = of_other_formats(settings.root.rglob("*")) if len(images) < len(rows) else {}
    refuse(
        [
            others.get(image_id)
            or f"{path}: {image_id} has no image under dataset.root; add the image, or correct the id, which is the "
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


def read_label_rows(path: Path) -> list[Row]:
    """Return the rows of a CSV of labels; ValueError unless it is whole and has the columns image_id and labels."""
    return read_table(path, needed=("image_id", "labels"), optional=("split", "image"))


def splits_of(path: Path) -> dict[str, str]:
    """Return the split of every image of a CSV of labels; ids that have two rows are refused with their labels.

    Raises:
        ValueError: for what is no image id and for an unknown split.
    """
    rows = {row.cells["image_id"]: row for row in read_label_rows(path)}
    wrong = next((row for image_id, row in rows.items() if not is_image_id(image_id)), None)
    if wrong is not None:
        raise ValueError(
            f"{path}: line {wrong.line} has {wrong.cells['image_id']!r}, which is no image id; write the file's name "
            "without folder and suffix."
        )
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


def _images(root: Path, leave_out: Path | None, table: Path, image_ids: list[str]) -> dict[str, Path]:
    """Images by id: where the table says, else in all folders but one."""
    if not root.is_dir():
        raise ValueError(f"dataset.root: there is no folder {root}; give the folder of the images.")
    told = {row.cells["image_id"]: root / row.cells["image"] for row in read_label_rows(table) if "image" in row.cells}
    if told:
        return {image_id: told[image_id] for image_id in image_ids if told[image_id].is_file()}
    outside = leave_out.resolve() if leave_out else None
    inner = root / outside.relative_to(root.resolve()) if outside and root.resolve() in outside.parents else None
    return FilesByStem((path for path in root.rglob("*") if inner not in path.parents), IMAGE_SUFFIXES).of(image_ids)
