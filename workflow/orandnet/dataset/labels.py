"""Image-level labels: the only supervision of the pipeline."""

import csv
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.dataset.layouts.entries import labels_path
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import Settings
from orandnet.files.pickle_reader import read_pickled_npy


class Classes(NamedTuple):
    """The class list: names in the order of our mask ids 1, 2, ... and their ids in the mask files."""

    names: tuple[str, ...]
    file_ids: tuple[int, ...]


class Found(NamedTuple):
    """Labels of one image: known class names, and whatever lies outside the class list."""

    names: frozenset[str]
    others: frozenset[str]


def class_list(settings: Settings) -> Classes:
    """Return the classes of the settings; a mapping is ordered by its ids, as canonical JSON sorts keys."""
    classes = settings.classes
    names = sorted(classes, key=classes.__getitem__) if isinstance(classes, dict) else classes
    return Classes(tuple(names), tuple(settings.file_ids))


def read_labels(settings: Settings, splits: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the class names of every image, in class order; () where nothing is known outside train_aug.

    Args:
        settings: tell where the labels are and what becomes of labels outside the classes. In a CSV, which
            people write by hand, such a label is always an error.
        splits: image id -> split.

    Raises:
        ValueError: a missing or damaged file, a label outside the classes, a training image without a label.
    """
    classes = class_list(settings)
    path = labels_path(settings)
    look_up, strict = _source(path, classes, settings)
    labels, problems = {}, []
    for image_id, split in splits.items():
        try:
            found = look_up(image_id)
        except ValueError as error:
            problems.append(str(error))
            continue
        problems += _faults(image_id, split, found, path=path, strict=strict)
        names = found.names if found else ()
        labels[image_id] = tuple(name for name in classes.names if name in names)
    refuse(problems)
    return labels


def _source(path: Path, classes: Classes, settings: Settings) -> tuple[Callable[[str], Found | None], bool]:
    """A function from image id to labels, and whether labels outside the classes are errors."""
    strict = settings.other_mask_ids == "error"
    if path.is_dir():
        return lambda image_id: _from_xml(path / f"{image_id}.xml", classes), strict
    if path.suffix == ".npy":
        exact = not isinstance(settings.classes, dict)
        return _npy_source(path, classes, exact=exact), strict
    if path.suffix == ".csv":
        return _csv_source(path, classes), True
    raise ValueError(f"dataset.labels: {path} is neither .npy nor .csv; give a cls_labels.npy, a CSV or `annotations`.")


def _faults(image_id: str, split: str, found: Found | None, *, path: Path, strict: bool) -> Iterable[str]:
    if found and found.others and strict:
        yield (
            f"{path}: labels {image_id} with {', '.join(sorted(found.others))}, outside dataset.classes; "
            "add the class"
            + (", or correct the label." if path.suffix == ".csv" else ", or set other_mask_ids: ignore.")
        )
    elif split in ("train", "train_aug") and not (found and found.names):
        yield (
            f"{path}: gives the training image {image_id} no label of dataset.classes; "
            f"label it or remove it from the lists."
        )


def _from_xml(path: Path, classes: Classes) -> Found | None:
    """Names of all objects, the difficult ones included, as the field's cls_labels.npy counts them."""
    if not path.is_file():
        return None
    try:
        names = {(node.text or "").strip() for node in ElementTree.parse(path).iterfind("object/name")}
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: is not well-formed XML ({error}); copy the annotation again.") from error
    return Found(frozenset(names & {*classes.names}), frozenset(names - {*classes.names}))


def _csv_source(path: Path, classes: Classes) -> Callable[[str], Found | None]:
    rows: dict[str, Found] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"image_id", "labels"} <= {*(reader.fieldnames or ())}:
            raise ValueError(f"{path}: has the columns {reader.fieldnames}; it needs image_id and labels.")
        for row in reader:
            if row["image_id"] in rows:
                raise ValueError(f"{path}: {row['image_id']} has two rows; join its labels with `;` in one.")
            names = {name.strip() for name in (row["labels"] or "").split(";")} - {""}
            rows[row["image_id"]] = Found(frozenset(names & {*classes.names}), frozenset(names - {*classes.names}))
    return rows.get


def _npy_source(path: Path, classes: Classes, *, exact: bool) -> Callable[[str], Found | None]:
    """Labels of a cls_labels.npy: column i belongs to mask id i + 1."""
    rows, num_columns = _label_vectors(path, num_needed=max(classes.file_ids), exact=exact)
    by_id = dict(zip(classes.file_ids, classes.names, strict=True))

    def look_up(image_id: str) -> Found | None:
        number = image_id.replace("_", "")
        vector = rows.get(image_id, rows.get(str(int(number))) if number.isdecimal() else None)
        if vector is None:
            return None
        if vector.shape != (num_columns,) or not np.isin(vector, (0, 1)).all():
            raise ValueError(f"{path}: {image_id} has no vector of {num_columns} zeros and ones; make it again.")
        ids = (np.flatnonzero(vector) + 1).tolist()
        names = frozenset(by_id[class_id] for class_id in ids if class_id in by_id)
        return Found(names, frozenset(f"id {class_id}" for class_id in ids if class_id not in by_id))

    return look_up


def _label_vectors(path: Path, *, num_needed: int, exact: bool) -> tuple[dict[str, np.ndarray], int]:
    """0/1 vectors by id (text, or the digits of a number such as 2007000032), and how long they should be.

    With a plain list of classes the vectors must have as many columns, else the columns would belong to other
    classes than the list says (`exact`).
    """
    content = read_pickled_npy(path)
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path}: holds a {type(content).__name__}, not a dict of labels; give a cls_labels.npy.")
    rows = {str(key): np.asarray(value) for key, value in content.items()}
    num_columns = next(iter(rows.values())).size
    if num_columns < num_needed or (exact and num_columns != num_needed):
        raise ValueError(
            f"{path}: has {num_columns} labels per image, dataset.classes ask for {num_needed}; "
            "give the classes as a mapping of name to VOC id (cat: 8)."
        )
    return rows, num_columns
