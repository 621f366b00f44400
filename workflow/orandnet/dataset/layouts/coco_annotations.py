"""COCO's JSON of instances, as COCO and annotation tools write it: read, and drawn as masks."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as rle

from orandnet.dataset.problems import require_file
from orandnet.dataset.text import read_text
from orandnet.files.mask import IGNORE_INDEX

LARGEST_IMAGE = 2**27  # pixels; what is larger is no photograph
FARTHEST = 1e6  # pixels from the corner; coordinates beyond are no part of an image
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
    pictures = [_picture(path, images[i], instances.pop(i, ())) for i in sorted(images, key=_order)]
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


def _order(value: Id) -> tuple:
    return (isinstance(value, str), value)


def draw_mask(
    picture: Picture, class_ids: Mapping[Id, int], *, boxes: str = "error", notes: Counter | None = None
) -> np.ndarray:
    """Return the (H, W) uint8 class ids of an image; crowds are 255.

    Instances are laid over crowds, and smaller ones (by their annotated area) over larger ones, so that what lies
    in front of or on an object is kept; of two with equal area the later annotation is on top.

    Args:
        picture: the image.
        class_ids: category -> class id; pixels of other categories are 255.
        boxes: what becomes of objects without an outline: `error`, or `ignore`: their box is 255, below all others.
        notes: counts what was left out.

    Raises:
        ValueError: for a segmentation that is no polygon or run length of the image's size, or an object without one.
    """
    mask = np.zeros(picture.size, dtype=np.uint8)
    layers = []
    for order, one in enumerate(picture.instances):
        try:
            runs = None if one.segmentation is None else _runs(one.segmentation, picture.size)
            if one.segmentation is None:
                _lay_box(mask, one, boxes)
            elif runs is None:
                (notes if notes is not None else Counter())["outlines of fewer than three points"] += 1
            else:
                area = float(rle.area(runs)) if one.area is None else one.area
                layers.append(((not one.crowd, -area, _order(one.annotation_id), order), one, runs))
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            raise ValueError(
                f"{picture.file_name}: the annotation {one.annotation_id} cannot be drawn ({error}); correct it, or "
                "download the annotations again."
            ) from error
    for _, one, runs in sorted(layers, key=lambda layer: layer[0]):
        mask[rle.decode(runs).astype(bool)] = IGNORE_INDEX if one.crowd else class_ids.get(one.category, IGNORE_INDEX)
    return mask


def _lay_box(mask: np.ndarray, one: Instance, boxes: str) -> None:
    if boxes == "error" or one.box is None:
        has = "has a box and no outline" if one.box else "has neither outline nor box"
        raise ValueError(f"{has}; dataset.coco.boxes: ignore leaves boxes out of the scores")
    x, y, width, height = (min(max(value, -FARTHEST), FARTHEST) for value in one.box)
    top, left = max(0, int(y)), max(0, int(x))
    mask[top : max(0, int(np.ceil(y + height))), left : max(0, int(np.ceil(x + width)))] = IGNORE_INDEX


def _runs(segmentation: list | dict, size: tuple[int, int]) -> dict | None:
    """The compressed run lengths of a segmentation; None for polygons that enclose nothing."""
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        if tuple(int(side) for side in segmentation["size"]) != size:
            raise ValueError(f"its run lengths are of the size {segmentation['size']}, the image's is {list(size)}")
        counts = [int(count) for count in counts] if isinstance(counts, list) else run_lengths(counts)
        if sum(counts) != size[0] * size[1] or min(counts) < 0:
            raise ValueError(f"its run lengths add up to {sum(counts)}, not to {size[0] * size[1]} pixels")
        return rle.frPyObjects({"size": list(size), "counts": counts}, *size)
    nested = segmentation if isinstance(segmentation[0], list) else [segmentation]
    polygons = [np.asarray(polygon, dtype=float).ravel() for polygon in nested]
    for points in polygons:
        if points.size % 2 or not (np.abs(points) <= FARTHEST).all():
            raise ValueError("a polygon is no list of x and y in pixels")
    polygons = [points.tolist() for points in polygons if points.size >= 6]
    return rle.merge(rle.frPyObjects(polygons, *size)) if polygons else None


def run_lengths(text: str) -> list[int]:
    """Return the run lengths of COCO's compressed form; pycocotools reads and writes beyond its memory on a faulty one.

    Each character holds five bits, the least first, and whether more follow; a number is signed by its last bit. From
    the fourth on, a number is the difference to the last but one (maskApi.c of cocoapi).

    Raises:
        ValueError: for a text that is no such form.
    """
    counts, value, shift = [], 0, 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            raise ValueError("its run lengths are damaged")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (1 << shift) if code & 16 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift or not counts:
        raise ValueError("its run lengths are damaged")
    return counts
