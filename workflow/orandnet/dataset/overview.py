"""The whole of a data set: what its parts must be to each other, the readable index and the manifest."""

from collections.abc import Iterable
from itertools import combinations

from orandnet.dataset.inspection import digest
from orandnet.dataset.layouts.entries import SPLITS, labels_path
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import Settings
from orandnet.dataset.survey import images_per_class

Row = dict[str, str]


def check_parts(parts: dict[str, list[Row]], settings: Settings) -> None:
    """Refuse an image in two parts, and splits that have not the expected number of images.

    Args:
        parts: train_aug, val and test -> rows of their lists.
        settings: of a data set as it is read (kind voc or folder).

    Raises:
        ValueError: with the first few faults.
    """
    ids = {part: {row["image_id"] for row in rows} for part, rows in parts.items()}
    refuse(
        [
            f"{image_id}: is in the lists of both {first} and {second}; an image may be in one of them only."
            for first, second in combinations(ids, 2)
            for image_id in sorted(ids[first] & ids[second])
        ]
    )
    names = {split: f"the list {name}" for split, name in settings.lists}
    if settings.kind == "folder":
        names = dict.fromkeys(SPLITS, str(labels_path(settings)))
    refuse(_wrong_sizes(settings, count_images(_rows(parts)), names))


def count_images(rows: Iterable[Row]) -> dict[str, int]:
    """Return the number of images by split; those of train count in train_aug too."""
    splits = [row["split"] for row in rows]
    counts = {split: splits.count(split) for split in SPLITS}
    return counts | {"train_aug": counts["train"] + counts["train_aug"]}


def index_rows(parts: dict[str, list[Row]], masks: dict[str, str]) -> list[Row]:
    """Return the rows of index.csv, part by part; `masks` are the files of the true masks by image id."""
    return [{**row, "mask": masks.get(row["image_id"], "")} for row in _rows(parts)]


def describe(parts: dict[str, list[Row]], names: Iterable[str], file_ids: Iterable[int]) -> dict[str, object]:
    """Return what manifest.json says about the data set.

    `classes` are `names` in the order of the mask ids 1, 2, ...; `file_ids` are their ids in the data set's own files.
    `num_images` of train_aug counts those of train too. `training_images` are those of a class in train_aug.
    """
    labels = (row["labels"].split(";") for row in parts["train_aug"])
    return {
        "classes": list(names),
        "file_ids": list(file_ids),
        "num_images": count_images(_rows(parts)),
        "training_images": images_per_class(names, labels),
        "images_sha256": digest((row["image_id"], row["sha256"]) for row in _rows(parts)),
    }


def _rows(parts: dict[str, list[Row]]) -> list[Row]:
    return [row for rows in parts.values() for row in rows]


def _wrong_sizes(settings: Settings, counts: dict[str, int], names: dict[str, str]) -> list[str]:
    """A line per split whose number of images is not the expected one; nothing in a run with a limit."""
    if settings.limit is not None:
        return []
    return [
        f"dataset.expected_sizes.{split}: {names[split]} has {counts[split]} images, not the expected {expected}; "
        "complete the list, or correct the number."
        for split, expected in settings.expected_sizes
        if expected is not None and counts[split] != expected
    ]
