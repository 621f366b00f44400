"""Files of COCO's form: images, categories and annotated objects, as COCO itself and annotation tools write them."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from orandnet.files.picture import MOST_PIXELS
from orandnet.files.regular import read_regular

FAR = 10  # a corner may lie so many sides of its image outside; one at 10^9 would be drawn for ever


class Instance(NamedTuple):
    """An annotated object, or a crowd.

    Attributes:
        annotation_id: of the file, or its place in it.
        category: id in the file.
        area: in pixels; None where the file does not tell.
        crowd: whether it is a crowd, whose pixels are ignored.
        segmentation: a list of polygons, or run lengths (RLE); None where there is only a box.
        box: left, top, width, height in pixels; None where there is none.
    """

    annotation_id: int
    category: int
    area: float | None
    crowd: bool
    segmentation: list | dict | None
    box: tuple[float, ...] | None


class Picture(NamedTuple):
    """An image with its instances, in no order; `size` is (H, W), `file` its path in the annotations."""

    file: str
    size: tuple[int, int]
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Annotations:
    """What a file holds: category names by id, its images that have annotations, and what was left out, counted."""

    names: dict[int, str]
    pictures: list[Picture]
    left_out: Counter = field(default_factory=Counter)


def read_annotations(path: Path) -> Annotations:
    """Read a file of COCO's form. Numbers may be written as 480.0 or "480"; `area` and `iscrowd` may be absent.

    Raises:
        ValueError: names the file and the entry that is wrong.
    """
    try:
        content = json.loads(read_regular(path, what="annotation file needed for dataset.kind: coco"))
    except (ValueError, RecursionError) as error:
        told = str(error)
        raise ValueError(
            told if told.startswith(str(path)) else f"{path}: is no JSON ({told}); download or export it again."
        ) from None
    try:
        return _annotations(content)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path}: is no file of COCO instances ({reason}); mend, download or export it again."
        ) from None


def _annotations(content: Any) -> Annotations:
    categories = [(_integer(one["id"], "category"), one["name"]) for one in content["categories"]]
    names = dict(sorted(categories))
    if len(names) < len(categories):
        raise ValueError("two categories have one id")
    if not all(isinstance(name, str) and name.strip() for name in names.values()):
        raise ValueError("a category has no name")
    left_out, by_image = Counter(), {}
    for number, one in enumerate(content["annotations"]):
        try:
            instance = _instance(one, number, names, left_out)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"annotation {_name(one, number)}: {reason}") from None
        by_image.setdefault(_integer(one["image_id"], "image_id"), []).append(instance)
    images = sorted(((_integer(one["id"], "image"), one) for one in content["images"]), key=lambda pair: pair[0])
    twice = next((number for number, count in Counter(number for number, _ in images).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"two images have the id {twice}")
    pictures = [_picture(one, by_image[number]) for number, one in images if number in by_image]
    return Annotations({number: name.strip() for number, name in names.items()}, pictures, left_out)


def _name(one: object, number: int) -> object:
    return one.get("id", f"number {number}") if isinstance(one, Mapping) else f"number {number}"


def _instance(one: Mapping, number: int, names: dict[int, str], left_out: Counter) -> Instance:
    category = _integer(one["category_id"], "category_id")
    if category not in names:
        raise ValueError(f"it is of the category {category}, which `categories` lacks; add it, or drop the annotation")
    segmentation = one.get("segmentation")
    if isinstance(segmentation, list):
        if segmentation and not isinstance(segmentation[0], list):  # one polygon without its list
            segmentation = [segmentation]
        polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
        left_out["polygons of fewer than three corners"] += len(segmentation) - len(polygons)
        segmentation = polygons
    if not segmentation:
        left_out["objects without an outline"] += 1
    box, area = one.get("bbox"), one.get("area")
    return Instance(
        _integer(one.get("id", number), "id"),
        category,
        None if area is None else _number(area, "area"),
        bool(_integer(one.get("iscrowd") or 0, "iscrowd")),
        segmentation or None,
        tuple(_number(side, "bbox") for side in box) if box and len(box) == 4 else None,
    )


def _picture(one: Mapping, instances: list[Instance]) -> Picture:
    name = one["file_name"]
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"an image has the file_name {name!r}")
    try:
        size = (_integer(one["height"], "height"), _integer(one["width"], "width"))
    except KeyError as error:
        raise ValueError(f"the image {name} has no {error}") from None
    if min(size) < 1 or size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"the image {name} has {size[1]} x {size[0]} pixels")
    furthest = FAR * max(size)
    for instance in instances:
        for polygon in instance.segmentation if isinstance(instance.segmentation, list) else []:
            if not all(abs(_number(corner, "a corner")) <= furthest for corner in polygon):
                raise ValueError(f"annotation {instance.annotation_id}: a corner lies far outside of the image {name}")
    return Picture(name, size, tuple(instances))


def _integer(value: object, what: str) -> int:
    """Return a whole number, which pandas writes as 480.0 and some tools as text."""
    number = _number(value, what)
    if number != int(number):
        raise ValueError(f"{what} is {value!r}, no whole number")
    return int(value) if isinstance(value, int | str) and not str(value).count(".") else int(number)


def _number(value: object, what: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{what} is {str(value)[:60]!r}, no number")
    return number
