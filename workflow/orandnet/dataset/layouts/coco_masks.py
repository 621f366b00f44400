"""COCO's instances drawn as masks."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from pycocotools import mask as rle

from orandnet.dataset.layouts.coco_annotations import Id, Instance, Picture, id_order
from orandnet.files.mask import IGNORE_INDEX

FARTHEST = 1e6  # pixels from the corner; coordinates beyond are no part of an image


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
                layers.append(((not one.crowd, -area, id_order(one.annotation_id), order), one, runs))
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
