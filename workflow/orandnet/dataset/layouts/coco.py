"""COCO 2014 as a folder of images, a CSV of labels, and masks, both from the annotations of its instances."""

import csv
import json
import multiprocessing
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from pycocotools import mask as rle

from orandnet.dataset.layouts.coco_annotations import SPLITS, Picture, annotation_file, read_instances
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import Settings
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import IGNORE_INDEX, write_mask
from orandnet.job.progress import track

CATEGORIES = "categories.json"
_CHUNK = 64  # images per task of a process


def write_coco_labels(path: Path, settings: Settings) -> None:
    """Write the labels and splits of all images (CSV), and the category names (JSON) beside it.

    Images without any annotation belong to no split. The labels of an image are the categories of all its
    annotations, crowds included. Class ids are 1, 2, ... by ascending category id.

    Raises:
        ValueError: if an annotation file is missing, is no COCO instances file, or contradicts the other.
    """
    names, pictures = None, {}
    for split in SPLITS:
        annotations = annotation_file(settings.root, split)
        found, pictures[split] = read_instances(annotations)
        if names not in (None, found):
            raise ValueError(f"{annotations}: has other categories than that of train; give two files of one release.")
        names = found
    with atomic_path(path.with_name(CATEGORIES)) as temporary:
        temporary.write_text(json.dumps(names) + "\n", encoding="utf-8")
    _write_labels(path, names, {split: its[: settings.limit] for split, its in pictures.items()})


def read_coco_names(labels: Path) -> list[str]:
    """Return the category names beside the labels that `write_coco_labels` wrote."""
    return json.loads(labels.with_name(CATEGORIES).read_text(encoding="utf-8"))


def draw_coco_masks(folder: Path, root: Path, split: str, image_ids: Collection[str], *, threads: int) -> None:
    """Draw the masks of some images of a split, train or val, as <image_id>.png; `threads` processes draw.

    Raises:
        ValueError: with the first few annotations that cannot be drawn.
    """
    _, pictures = read_instances(annotation_file(root, split))
    folder.mkdir(parents=True, exist_ok=True)
    _write_masks(folder, [picture for picture in pictures if picture.image_id in image_ids], threads)


def draw_mask(picture: Picture) -> np.ndarray:
    """Return the (H, W) uint8 class ids of an image; crowds are 255.

    Instances are laid over crowds, and smaller ones (by their annotated area) over larger ones, so that what lies
    in front of or on an object is kept; of two with equal area the later annotation is on top.

    Raises:
        ValueError: for a segmentation that is no polygon or run length of the image's size.
    """
    mask = np.zeros(picture.size, dtype=np.uint8)
    for one in sorted(picture.instances, key=lambda one: (not one.crowd, -one.area, one.annotation_id)):
        try:
            inside = _inside(one.segmentation, picture.size)
            mask[inside] = IGNORE_INDEX if one.crowd else one.class_id
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueError(
                f"{picture.image_id}: the annotation {one.annotation_id} cannot be drawn ({error}); "
                "download the annotations again."
            ) from error
    return mask


def _inside(segmentation: list | dict, size: tuple[int, int]) -> np.ndarray:
    """The (H, W) bool pixels of one segmentation."""
    if isinstance(segmentation, list):
        runs = rle.merge(rle.frPyObjects(segmentation, *size))
    else:
        runs = rle.frPyObjects(segmentation, *size) if isinstance(segmentation["counts"], list) else segmentation
    return rle.decode(runs).astype(bool)


def _write_labels(path: Path, names: list[str], pictures: dict[str, list[Picture]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image_id", "labels", "split"))
        for split, its in pictures.items():
            for picture in its:
                class_ids = sorted({one.class_id for one in picture.instances})
                labels = ";".join(names[class_id - 1] for class_id in class_ids)
                writer.writerow((picture.image_id, labels, split))


def _write_masks(folder: Path, pictures: list[Picture], processes: int) -> None:
    chunks = [pictures[start : start + _CHUNK] for start in range(0, len(pictures), _CHUNK)]
    draw = partial(_draw_chunk, folder)
    # spawned, not forked: a fork of a process with threads may hang
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        faults = list(track(pool.map(draw, chunks), "Drawing masks", total=len(chunks)))
    refuse([fault for its in faults for fault in its])


def _draw_chunk(folder: Path, pictures: list[Picture]) -> list[str]:
    """Write the masks of some images; return what is wrong with them."""
    faults = []
    for picture in pictures:
        try:
            write_mask(folder / f"{picture.image_id}.png", draw_mask(picture))
        except ValueError as error:
            faults.append(str(error))
    return faults
