"""COCO 2014 as a folder of images, a CSV of labels and masks, all from the annotations of its instances."""

import csv
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pycocotools import mask as rle

from orandnet.dataset.problems import refuse, require_file
from orandnet.dataset.settings import Settings, check_classes
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import IGNORE_INDEX, write_mask
from orandnet.job.progress import track

SPLITS = ("train", "val")
_CHUNK = 64  # images per task of a process


class Instance(NamedTuple):
    """An annotated object, or a crowd: `segmentation` is a list of polygons, or run lengths (RLE)."""

    annotation_id: int
    class_id: int
    area: float
    crowd: bool
    segmentation: list | dict


class Picture(NamedTuple):
    """An image with its instances, in no order; `size` is (H, W)."""

    image_id: str
    size: tuple[int, int]
    instances: tuple[Instance, ...]


def convert_coco(folder: Path, settings: Settings, *, threads: int) -> Settings:
    """Write labels.csv, and masks/ unless the settings name masks; return the settings that read them.

    Images without any annotation belong to no split. The labels of an image are the categories of all its
    annotations, crowds included. Class ids are 1, 2, ... by ascending category id.

    Args:
        folder: where to write.
        settings: with the root that holds train2014, val2014 and annotations.
        threads: processes that draw masks.

    Raises:
        ValueError: if an annotation file is missing, is no COCO instances file, or contradicts the other.
    """
    names, pictures = None, {}
    for split in SPLITS:
        path = settings.root / "annotations" / f"instances_{split}2014.json"
        found, pictures[split] = read_instances(path)
        if names not in (None, found):
            raise ValueError(f"{path}: has other categories than that of train; give the two files of one release.")
        names = found
    pictures = {split: its[: settings.limit] for split, its in pictures.items()}
    _write_labels(folder / "labels.csv", names, pictures)
    masks = settings.masks
    if masks is None:
        masks = str(folder / "masks")
        _write_masks(folder / "masks", [picture for its in pictures.values() for picture in its], threads)
    changes = {"kind": "folder", "classes": names, "labels": str(folder / "labels.csv"), "masks": masks}
    return Settings.model_validate({**settings.model_dump(), **changes, "download": False})


def read_instances(path: Path) -> tuple[list[str], list[Picture]]:
    """Return the category names by ascending id, and the images that have annotations, by ascending id."""
    require_file(path, needed_for="dataset.kind: coco")
    try:
        content = json.loads(path.read_bytes())
        categories = sorted(content["categories"], key=lambda category: category["id"])
        class_ids = {category["id"]: class_id for class_id, category in enumerate(categories, start=1)}
        by_image: dict[int, list[Instance]] = {}
        for one in content["annotations"]:
            instance = Instance(
                one["id"], class_ids[one["category_id"]], one["area"], bool(one["iscrowd"]), one["segmentation"]
            )
            by_image.setdefault(one["image_id"], []).append(instance)
        pictures = [
            Picture(Path(image["file_name"]).stem, (image["height"], image["width"]), tuple(by_image[image["id"]]))
            for image in sorted(content["images"], key=lambda image: image["id"])
            if image["id"] in by_image
        ]
        names = [category["name"] for category in categories]
        check_classes(names)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: is no file of COCO instances ({error!r}); download it again.") from error
    return names, pictures


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
