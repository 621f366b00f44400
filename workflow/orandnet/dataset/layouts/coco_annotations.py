"""COCO's JSON of instances, as COCO and annotation tools write it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from orandnet.dataset.problems import require_file
from orandnet.dataset.text import read_text

LARGEST_IMAGE = 2**27  # pixels; what is larger is no photograph
Id = int | str


class Instance(NamedTuple):
    """An annotated object, or a crowd.

    `segmentation` is a list of polygons or run lengths (RLE); None without an outline. `area` is None where the file
    has none. `box` is (x, y, width, height) in pixels.
    """

    annotation_id: Id
    category: Id
    area: float | None
    crowd: bool
    segmentation: list | dict | None
    box: tuple[float, ...] | None


class Picture(NamedTuple):
    """An image with its instances, in no order; `size` is (H, W)."""

    file_name: str
    size: tuple[int, int]
    instances: tuple[Instance, ...]


class Annotations(NamedTuple):
    """A file's categories by id, its images by ascending id, and how many annotations name no image of it."""

    categories: dict[Id, str]
    pictures: list[Picture]
    num_stray: int


def read_annotations(path: Path) -> Annotations:
    """Read a JSON of COCO instances.

    Raises:
        ValueError: names the file, the entry, its value, and what to do.
    """
    require_file(path, needed_for="dataset.kind: coco")
    try:
        content = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: is no JSON ({error}); make or download it again.") from error
    lists = {name: _objects(path, content, name) for name in ("images", "categories", "annotations")}
    categories = {_id(path, "categories", one): str(one.get("name", "")).strip() for one in lists["categories"]}
    if len(categories) < len(lists["categories"]):
        raise ValueError(f"{path}: two categories have one id; give each its own.")
    instances: dict[Id, list[Instance]] = {}
    for number, one in enumerate(lists["annotations"]):
        image, instance = _instance(path, number, one)
        if instance.category not in categories:
            raise ValueError(
                f"{path}: the annotation {instance.annotation_id} has the category {instance.category}, which "
                "`categories` lacks; add it there, or correct the annotation."
            )
        instances.setdefault(image, []).append(instance)
    images = {_id(path, "images", one): one for one in lists["images"]}
    if len(images) < len(lists["images"]):
        raise ValueError(f"{path}: two images have one id; give each its own.")
    pictures = [_picture(path, images[i], instances.pop(i, ())) for i in sorted(images, key=id_order)]
    return Annotations(categories, pictures, sum(map(len, instances.values())))


def _objects(path: Path, content: Any, name: str) -> list[dict]:
    found = content.get(name, [] if name == "annotations" else None) if isinstance(content, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"{path}: has no list {name!r} of objects, as COCO instances have; give such a file.")
    return found


def _instance(path: Path, number: int, one: dict) -> tuple[Id, Instance]:
    where = f"annotation {one.get('id', f'number {number + 1}')}"
    area, box, outline = one.get("area"), one.get("bbox") or None, one.get("segmentation")
    if area is not None:
        area = _number(path, where, "area", area)
    if box is not None:
        if not isinstance(box, list) or len(box) != 4:
            raise ValueError(f"{path}: the {where} has the bbox {box!r}; write [x, y, width, height].")
        box = tuple(_number(path, where, "bbox", value) for value in box)
    instance = Instance(
        _id(path, where, one) if "id" in one else number + 1,
        _id(path, where, one, "category_id"),
        area,
        bool(_number(path, where, "iscrowd", one.get("iscrowd") or 0)),
        None if outline in ([], [[]], {}, "") else outline,
        box,
    )
    return _id(path, where, one, "image_id"), instance


def _picture(path: Path, image: dict, instances: list[Instance] | tuple) -> Picture:
    name = image.get("file_name")
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{path}: the image {image['id']} has the file_name {name!r}; write the name of its file.")
    size = tuple(_number(path, f"image {name}", key, image.get(key)) for key in ("height", "width"))
    if any(side != int(side) or side < 1 for side in size) or size[0] * size[1] > LARGEST_IMAGE:
        raise ValueError(f"{path}: the image {name} has height and width {size}; write those of its file, in pixels.")
    return Picture(name.strip(), (int(size[0]), int(size[1])), tuple(instances))


def _number(path: Path, where: str, key: str, value: Any) -> float:
    """A finite number, as a number or as text."""
    try:
        if isinstance(value, bool) and key != "iscrowd":
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not math.isfinite(number):
        raise ValueError(f"{path}: the {where} has the {key} {value!r}, which is no number; correct it.")
    return number


def _id(path: Path, where: str, one: Mapping, key: str = "id") -> Id:
    """An id as an integer where it is one, in whatever form, so that 1, 1.0 and "1" are the same."""
    value = one.get(key)
    if isinstance(value, str) and value.strip():
        text = value.strip()
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 30 else text
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        return int(value)
    raise ValueError(f"{path}: {where}: has the {key} {value!r}; write an integer or a text.")


def id_order(value: Id) -> tuple:
    """Return what ids are sorted by: numbers first."""
    return (isinstance(value, str), value)
