"""Image-level labels: the only supervision of the pipeline."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.dataset.class_names import nearest, split_labels
from orandnet.dataset.labels_xml import object_names
from orandnet.dataset.layouts.entries import image_id_of, labels_path
from orandnet.dataset.layouts.folder import read_label_rows
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import TABLE_SUFFIXES, Settings
from orandnet.files.pickle_reader import read_pickled_npy
from orandnet.job.progress import say

_VOC_ID = re.compile(r"[0-9]{4}_[0-9]{6}")  # a cls_labels.npy has such ids as numbers, without the underscore


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
    look_up, strict = _source(path, classes, settings, splits)
    labels, problems, dropped = {}, [], Counter()
    for image_id, split in splits.items():
        try:
            found = look_up(image_id)
        except ValueError as error:
            problems.append(str(error))
            continue
        problems += _faults(image_id, split, found, classes=classes, path=path, strict=strict)
        names = found.names if found else ()
        dropped.update(found.others if found else ())
        labels[image_id] = tuple(name for name in classes.names if name in names)
    refuse(problems)
    if dropped:
        counts = ", ".join(f"{name} ({count} images)" for name, count in sorted(dropped.items()))
        say(f"dataset.other_mask_ids: ignore: these labels are outside dataset.classes and dropped: {counts}.")
    return labels


def _source(
    path: Path, classes: Classes, settings: Settings, image_ids: Collection[str]
) -> tuple[Callable[[str], Found | None], bool]:
    """A function from image id to labels, and whether labels outside the classes are errors."""
    strict = settings.other_mask_ids == "error"
    if path.is_dir():
        return lambda image_id: _from_xml(path / f"{image_id}.xml", classes), strict
    suffix = path.suffix.lower()
    if suffix == ".npy":
        exact = not isinstance(settings.classes, dict)
        return _npy_source(path, classes, image_ids, exact=exact), strict
    if suffix in TABLE_SUFFIXES:
        return _csv_source(path, classes), True
    raise ValueError(f"dataset.labels: {path} is neither .npy nor .csv; give a cls_labels.npy, a CSV or `annotations`.")


def _faults(
    image_id: str, split: str, found: Found | None, *, classes: Classes, path: Path, strict: bool
) -> Iterable[str]:
    others = sorted(found.others) if found else []
    near = {name: other for name in others if (other := nearest(name, classes.names))}
    if near:  # whatever becomes of other labels: this one is a class
        name, other = next(iter(near.items()))
        yield f"{path}: labels {image_id} with {name!r}, which the classes write {other!r}; write it in one form."
    elif others and strict:
        yield (
            f"{path}: labels {image_id} with {', '.join(others)}, outside dataset.classes; "
            "add the class"
            + (
                ", or correct the label."
                if path.suffix.lower() in TABLE_SUFFIXES
                else ", or set other_mask_ids: ignore."
            )
        )
    elif split in ("train", "train_aug") and not (found and found.names):
        yield (
            f"{path}: gives the training image {image_id} no label of dataset.classes; "
            f"label it or remove it from the lists."
        )


def _found(names: set[str], classes: Classes) -> Found:
    known = {*classes.names}
    return Found(frozenset(names & known), frozenset(names - known))


def _from_xml(path: Path, classes: Classes) -> Found | None:
    return _found(object_names(path), classes) if path.is_file() else None


def _csv_source(path: Path, classes: Classes) -> Callable[[str], Found | None]:
    rows: dict[str, Found] = {}
    for line, cells in read_label_rows(path):
        image_id = cells["image_id"]
        if image_id in rows:
            raise ValueError(f"{path}: {image_id} has two rows, the second in line {line}; join its labels with `;`.")
        rows[image_id] = _found({*split_labels(cells["labels"])}, classes)
    return rows.get


def _npy_source(
    path: Path, classes: Classes, image_ids: Collection[str], *, exact: bool
) -> Callable[[str], Found | None]:
    """Labels of a cls_labels.npy: column i belongs to mask id i + 1."""
    rows, num_columns = _label_vectors(path, num_needed=max(classes.file_ids), exact=exact)
    by_id = dict(zip(classes.file_ids, classes.names, strict=True))
    keys = _keys_of(path, image_ids, rows)

    def look_up(image_id: str) -> Found | None:
        if image_id not in keys:
            return None
        vector = rows[keys[image_id]]
        if vector.shape != (num_columns,) or vector.dtype.kind not in "bifu" or not np.isin(vector, (0, 1)).all():
            raise ValueError(f"{path}: {image_id} has no vector of {num_columns} zeros and ones; make it again.")
        ids = (np.flatnonzero(vector) + 1).tolist()
        names = frozenset(by_id[class_id] for class_id in ids if class_id in by_id)
        return Found(names, frozenset(f"id {class_id}" for class_id in ids if class_id not in by_id))

    return look_up


def _keys_of(path: Path, image_ids: Collection[str], rows: dict[str, np.ndarray]) -> dict[str, str]:
    """Which key of the file each image has: its id, or the number that VOC's and decimal ids are written as.

    Raises:
        ValueError: if one key would serve two images.
    """
    keys: dict[str, str] = {}
    for image_id in image_ids:
        is_number = _VOC_ID.fullmatch(image_id) or (image_id.isascii() and image_id.isdecimal())
        forms = [image_id, *([str(int(image_id.replace("_", "")))] if is_number else [])]
        key = next((form for form in forms if form in rows), None)
        if key is not None:
            keys[image_id] = key
    owners: dict[str, str] = {}
    for image_id, key in keys.items():
        if owners.setdefault(key, image_id) != image_id:
            raise ValueError(
                f"{path}: has one vector, {key}, for the images {owners[key]} and {image_id}; write the whole ids as "
                "keys."
            )
    return keys


def _label_vectors(path: Path, *, num_needed: int, exact: bool) -> tuple[dict[str, np.ndarray], int]:
    """0/1 vectors by id, and their length.

    An id is text without folder and suffix, or the digits of a number such as 2007000032.

    With a plain list of classes the vectors must have as many columns, else the columns would belong to other
    classes than the list says (`exact`).
    """
    content = read_pickled_npy(path)
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path}: holds a {type(content).__name__}, not a dict of labels; give a cls_labels.npy.")
    as_text = {key: key.decode(errors="replace") if isinstance(key, bytes) else str(key) for key in content}
    rows = {image_id_of(as_text[key]): value for key, value in content.items()}
    if len(rows) < len(content):
        raise ValueError(f"{path}: has several keys for one image; keep one form of its id.")
    rows = {key: np.asarray(value) for key, value in rows.items()}
    num_columns = next(iter(rows.values())).size
    if num_columns < num_needed or (exact and num_columns != num_needed):
        raise ValueError(
            f"{path}: has {num_columns} labels per image, dataset.classes ask for {num_needed}; "
            "give the classes as a mapping of name to VOC id (cat: 8)."
        )
    return rows, num_columns
