"""Masks drawn from COCO's outlines."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from pycocotools import mask as rle

from orandnet.dataset.layouts.coco_annotations import Instance, Picture
from orandnet.files.mask import IGNORE_INDEX


class Shape(NamedTuple):
    """The pixels of an instance, (H, W) bool, and its area, by which it lies over or under others."""

    inside: np.ndarray
    area: float


def draw_mask(picture: Picture, class_ids: dict[int, int], *, boxes: str) -> np.ndarray:
    """Return the (H, W) uint8 class ids of an image; crowds are 255, and so are categories that are no classes.

    Instances are laid over crowds, and smaller ones (by their annotated area, else by their pixels) over larger ones,
    so that what lies in front of or on an object is kept; of two with equal area the later annotation is on top.

    Args:
        picture: the image.
        class_ids: of each category that is a class.
        boxes: what becomes of objects that have a box and no outline: with `ignore` its pixels are 255 under all else.

    Raises:
        ValueError: for a segmentation that is no polygon or run length of the image's size; or if the mask would show
            no pixel of a class that the image is labelled with, since that object has no outline.
    """
    mask = np.zeros(picture.size, dtype=np.uint8)
    drawn = [(one, _shape(one, picture)) for one in picture.instances if one.segmentation is not None]
    bare = [one for one in picture.instances if one.segmentation is None]
    outlined = {one.category for one, _ in drawn if not one.crowd}
    for one in bare:
        if boxes == "ignore":
            _fill_box(mask, one, picture)
        elif one.category in class_ids and one.category not in outlined:
            raise ValueError(
                f"{picture.file}: the annotation {one.annotation_id} has no outline, so that the mask would show "
                "nothing of a class that the image is labelled with; outline it, or set dataset.boxes: ignore."
            )
    for one, shape in sorted(drawn, key=lambda pair: (not pair[0].crowd, -pair[1].area, pair[0].annotation_id)):
        mask[shape.inside] = IGNORE_INDEX if one.crowd else class_ids.get(one.category, IGNORE_INDEX)
    return mask


def _shape(one: Instance, picture: Picture) -> Shape:
    try:
        inside = _inside(one.segmentation, picture.size)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise ValueError(
            f"{picture.file}: the annotation {one.annotation_id} cannot be drawn ({error}); mend it, or download or "
            "export the annotations again."
        ) from error
    return Shape(inside, float(np.count_nonzero(inside)) if one.area is None else one.area)


def _fill_box(mask: np.ndarray, one: Instance, picture: Picture) -> None:
    if one.box is None:
        raise ValueError(
            f"{picture.file}: the annotation {one.annotation_id} has neither outline nor box; draw it, or drop it."
        )
    left, top, width, height = one.box
    rows = slice(max(0, int(np.floor(top))), max(0, int(np.ceil(top + height))))
    mask[rows, max(0, int(np.floor(left))) : max(0, int(np.ceil(left + width)))] = IGNORE_INDEX


def _inside(segmentation: list | dict, size: tuple[int, int]) -> np.ndarray:
    """The (H, W) bool pixels of one segmentation."""
    if isinstance(segmentation, list):
        polygons = [[float(corner) for corner in polygon] for polygon in segmentation]
        return rle.decode(rle.merge(rle.frPyObjects(polygons, *size))).astype(bool)
    if [int(side) for side in segmentation["size"]] != list(size):
        raise ValueError(f"its run lengths are of {segmentation['size']} pixels (H, W), the image of {list(size)}")
    counts = segmentation["counts"]
    counts = _run_lengths(counts) if isinstance(counts, str | bytes) else [int(count) for count in counts]
    # the decoder writes what the runs say, wherever the image ends
    if min(counts, default=0) < 0 or sum(counts) != size[0] * size[1]:
        raise ValueError(f"its run lengths cover {sum(counts)} pixels of {size[0] * size[1]}")
    values = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return values.reshape(size[::-1]).T


def _run_lengths(text: str | bytes) -> list[int]:
    """Return the run lengths in COCO's compressed form.

    Each number is written in groups of five bits, the lowest first, as characters from 48 on; bit 6 says that more
    follow, and the highest bit of the last group is the sign. From the fourth on, it is the difference to the number
    two before (the form is that of pycocotools).
    """
    counts: list[int] = []
    codes: Iterable[int] = text.encode() if isinstance(text, str) else text
    value, shift = 0, 0
    for code in codes:
        group = code - 48
        if not 0 <= group < 64 or shift > 60:
            raise ValueError(f"the character {code} in its run lengths")
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            value -= (group & 16) and 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise ValueError("its run lengths are cut off")
    return counts
