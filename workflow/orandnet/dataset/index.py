"""The lists of a data set: which images there are, their split, their size and their image-level labels.

Each part (train_aug with train, val, test) has a list of its own, which is all that stages read: what one part gains
or loses concerns nobody who works on another. index.csv is the whole for people, with the places of the true masks.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orandnet.files.atomic import atomic_path

COLUMNS = ("image_id", "image", "mask", "split", "height", "width", "labels")  # of index.csv
# of train_aug.csv and the like
PART_COLUMNS = ("image_id", "image", "split", "height", "width", "labels", "orientation", "sha256")
CLASSES = "classes.json"
# the rows of `train` are part of train_aug
_SPLITS_OF = {"train": ("train",), "train_aug": ("train", "train_aug"), "val": ("val",), "test": ("test",)}


@dataclass(frozen=True, slots=True)
class Record:
    """One image: `size` is (H, W), `classes` are the mask ids of its labels, ascending, without 0."""

    image_id: str
    image: str
    split: str
    size: tuple[int, int]
    classes: tuple[int, ...]


class Index:
    """Images of the data set, and the names of its classes."""

    def __init__(self, records: Iterable[Record], class_names: Iterable[str]):
        """Hold records in the order given, and class names in the order of the mask ids 1, 2, ..."""
        self.records = tuple(records)
        self.class_names = tuple(class_names)

    @property
    def num_classes(self) -> int:
        """Number of classes with background."""
        return len(self.class_names) + 1

    def subset(self, name: str) -> list[Record]:
        """Return the records of train, train_aug (those of train included), val or test."""
        if name not in _SPLITS_OF:
            raise ValueError(f"split: {name!r} is unknown; choose one of {', '.join(_SPLITS_OF)}.")
        return [record for record in self.records if record.split in _SPLITS_OF[name]]

    def filled_subset(self, name: str, path: Path) -> list[Record]:
        """Return `subset`, from which something is to be made; ValueError if it is empty, `path` being the list."""
        records = self.subset(name)
        if not records:
            held = ", ".join(sorted({record.split for record in self.records})) or "none"
            raise ValueError(
                f"{path}: no image is in the split {name!r} (it has {held}); choose a split that has images, or the "
                "list of that split."
            )
        return records


def read_index(path: Path) -> Index:
    """Read a part's list or index.csv, and the class names beside it; where masks lie is not kept."""
    names = read_class_names(path)
    ids = {name: class_id for class_id, name in enumerate(names, start=1)}
    return Index([_record(row, ids, path) for row in each_row(path)], names)


def read_class_names(path: Path) -> tuple[str, ...]:
    """Return the names of the classes in the order of their mask ids; `path` is classes.json, or a list beside it."""
    return _read_classes(path, "classes")


def read_file_ids(index: Path) -> np.ndarray:
    """Return the (C + 1,) int64 ids in the data set's own mask files by our mask ids 0..C; 0 is background in both.

    They differ where the run takes some classes of a larger data set.

    Args:
        index: a list of images; the ids stand in classes.json beside it.
    """
    return np.array([0, *_read_classes(index, "file_ids")], dtype=np.int64)


def _read_classes(index: Path, key: str) -> tuple:
    path = Path(index).with_name(CLASSES)
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: does not tell the classes ({error}); run `orandnet dataset classes`.") from error


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a part's list or of index.csv as text; ValueError if it is missing or has other columns."""
    return list(each_row(path))


def each_row(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a list as text, one in memory at a time; ValueError as `read_rows`."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) not in (COLUMNS, PART_COLUMNS):
                raise ValueError(
                    f"{path}: the columns are {reader.fieldnames}, not {','.join(PART_COLUMNS)}; make it again."
                )
            yield from reader
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such list; run `orandnet dataset images`.") from None


def write_rows(path: Path, rows: Iterable[dict[str, object]], columns: tuple[str, ...]) -> None:
    """Write a list, atomically; keys that are no column are left out."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _record(row: dict[str, str], ids: dict[str, int], path: Path) -> Record:
    try:
        classes = sorted(ids[name] for name in row["labels"].split(";") if name)
        size = (int(row["height"]), int(row["width"]))
        # equal text is kept once
        return Record(row["image_id"], row["image"], sys.intern(row["split"]), size, tuple(classes))
    except (KeyError, ValueError, AttributeError, TypeError) as error:  # a row that is cut off has None for text
        raise ValueError(f"{path}: the row of {row['image_id']} does not fit ({error}); make it again.") from error
