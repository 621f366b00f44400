"""Image-level labels of images that belong to no data set, from a CSV beside them."""

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from orandnet.dataset.class_names import nearest, split_labels
from orandnet.dataset.layouts.folder import read_label_rows
from orandnet.dataset.new_images import NewImage
from orandnet.dataset.problems import refuse
from orandnet.dataset.table import Row
from orandnet.job.progress import say


def labels_of(images: list[NewImage], path: Path, class_names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return name of the image -> mask ids of its labels, ascending.

    A row belongs to the image whose path from the folder, or name, with or without its end, stands in the column
    `image`, or else in `image_id`. Rows of other images are allowed.

    Args:
        images: the images.
        path: CSV with the columns image_id and labels (class names joined by `;`).
        class_names: of the classifier, by mask id from 1.

    Raises:
        ValueError: if an image has no row, no label, or a label that is no class; if two share a row.
    """
    rows = _rows(path)
    owners: dict[int, NewImage] = {}
    labels, problems = {}, []
    for image in images:
        row = next((rows[form] for form in _forms(image) if form in rows), None)
        other = image if row is None else owners.setdefault(row.line, image)
        faults = list(_faults(row, path, class_names)) if row else [f"{path}: has no row for {image.name}; add one."]
        if other is not image:
            faults = [f"{path}: line {row.line} stands for {other.name} and {image.name}; write their paths as ids."]
        problems += faults
        if not faults:
            labels[image.name] = tuple(sorted({class_names.index(name) + 1 for name in _names(row)}))
    refuse(problems, about=str(path))
    unused = len({row.line for row in rows.values()} - owners.keys())
    if unused:
        say(f"{path}: {unused} rows are of other images, and left out")
    return labels


def _rows(path: Path) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for row in read_label_rows(path):
        key = _composed((row.cells.get("image") or row.cells["image_id"]).replace("\\", "/"))
        first = rows.setdefault(key, row)
        if first is not row:
            raise ValueError(f"{path}: {key} has two rows, the second in line {row.line}; join its labels with `;`.")
    return rows


def _forms(image: NewImage) -> Iterator[str]:
    """What a row may call an image, the most exact first."""
    for name in (image.name, PurePosixPath(image.name).name):
        yield _composed(name)
        yield _composed(str(PurePosixPath(name).with_suffix("")))


def _names(row: Row) -> list[str]:
    return split_labels(row.cells["labels"])


def _faults(row: Row, path: Path, class_names: Sequence[str]) -> Iterator[str]:
    names = _names(row)
    if not names:
        yield f"{path}: line {row.line} has no label, and a CAM is made for each label; write one, or move the image."
    for name in names:
        if name not in class_names:
            near = nearest(name, class_names)
            hint = f"write {near!r}" if near else f"it knows {', '.join(class_names[:9])}"
            yield f"{path}: line {row.line} has the label {name!r}, no class of the classifier; {hint}."


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
