"""Data sets with annotations of COCO's form, as a folder of images, a CSV of labels and masks."""

import csv
import multiprocessing
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from orandnet.dataset.layouts.coco_annotations import Annotations, Picture, read_annotations
from orandnet.dataset.layouts.coco_masks import draw_mask
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import COCO_2014, Settings, check_classes
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import write_mask
from orandnet.job.progress import say, track

UNSPLIT = ""  # the split of images in one file for all: every fifth is val then
_CHUNK = 64  # images per task of a process


class Named(NamedTuple):
    """An image under its id, with its split."""

    image_id: str
    split: str
    picture: Picture


def annotation_files(settings: Settings) -> dict[str, Path]:
    """Return split -> annotation file, by default those of COCO 2014."""
    given = settings.annotations
    if given is None:
        given = COCO_2014
    if isinstance(given, str):
        given = {UNSPLIT: given}
    return {split: _under(settings.root, name) for split, name in given.items()}


def convert_coco(folder: Path, settings: Settings, *, threads: int) -> Settings:
    """Write labels.csv, and masks/ unless the settings name masks; return the settings that read them.

    Images without any annotation belong to no split. The labels of an image are the categories of all its
    annotations, crowds included. Class ids are 1, 2, ... by ascending category id; a category that no training image
    shows is no class. Of annotations of one's own, the images are linked under ids that are unique among all splits.

    Args:
        folder: where to write.
        settings: with the root, and the annotations and images of each split unless they are COCO 2014's.
        threads: processes that draw masks.

    Raises:
        ValueError: if an annotation file or an image is missing, a file is not of COCO's form, or contradicts another.
    """
    files = annotation_files(settings)
    found = {split: read_annotations(path) for split, path in files.items()}
    names = _class_names(files, found)
    class_ids = {category: class_id for class_id, category in enumerate(names, start=1)}
    images = [image for split in found for image in _named(split, found, settings.limit)]
    _tell_left_out(files, found)
    root = settings.root if settings.annotations is None else _link_images(folder / "images", images, settings, files)
    _write_labels(folder / "labels.csv", names, images)
    masks = settings.masks and str(_under(settings.root, settings.masks))
    if masks is None:
        masks = str(folder / "masks")
        _write_masks(folder / "masks", images, partial(draw_mask, class_ids=class_ids, boxes=settings.boxes), threads)
    changes = {"kind": "folder", "root": root, "classes": list(names.values()), "labels": str(folder / "labels.csv")}
    dropped = {"annotations": None, "images": None, "boxes": "error", "download": False}
    return Settings.model_validate({**settings.model_dump(), **changes, **dropped, "masks": masks})


def _under(root: Path, name: str) -> Path:
    return root / name if (root / name).exists() else Path(name) if Path(name).exists() else root / name


def _class_names(files: Mapping[str, Path], found: Mapping[str, Annotations]) -> dict[int, str]:
    """Return category id -> name of those that a training image shows, by ascending id; the others are told."""
    names: dict[int, str] = {}
    for split, its in found.items():
        for number, name in its.names.items():
            if names.setdefault(number, name) != name:
                raise ValueError(
                    f"{files[split]}: calls the category {number} {name!r}, and another split {names[number]!r}; give "
                    "the files of one release or export."
                )
    training = {
        one.category
        for split, its in found.items()
        if split in ("train", "train_aug", UNSPLIT)
        for picture in its.pictures
        for one in picture.instances
    }
    unused = [name for number, name in sorted(names.items()) if number not in training]
    if unused:
        say(
            f"dataset.annotations: no training image shows {', '.join(unused)}: no class of this run; where it is "
            "drawn in other splits, pixels are 255."
        )
    classes = {number: name for number, name in sorted(names.items()) if number in training}
    try:
        check_classes(list(classes.values()))
    except ValueError as error:
        raise ValueError(f"{next(iter(files.values()))}: {error}") from None
    return classes


def _named(split: str, found: Mapping[str, Annotations], limit: int | None) -> list[Named]:
    """Give each image its id: the name of its file, after that of its split where another image bears the same."""
    stems = Counter(_stem(picture) for its in found.values() for picture in its.pictures)
    images = []
    for picture in found[split].pictures[:limit]:
        stem = _stem(picture)
        images.append(Named(stem if stems[stem] == 1 else f"{split}_{stem}", split, picture))
    twice = next((name for name, count in Counter(image.image_id for image in images).items() if count > 1), None)
    if twice:
        raise ValueError(f"dataset.annotations: two images of {split or 'the file'} are called {twice}; rename one.")
    return images


def _stem(picture: Picture) -> str:
    return PurePosixPath(picture.file.replace("\\", "/")).stem


def _tell_left_out(files: Mapping[str, Path], found: Mapping[str, Annotations]) -> None:
    for split, its in found.items():
        told = [f"{count} {what}" for what, count in its.left_out.items() if count]
        if told:
            say(f"{files[split]}: {' and '.join(told)} are not drawn; the images keep their labels.")


def _link_images(folder: Path, images: Sequence[Named], settings: Settings, files: Mapping[str, Path]) -> Path:
    """Link every image under its id, wherever the annotations say that it lies; return the folder of the links."""
    problems = []
    shutil.rmtree(folder, ignore_errors=True)  # links of other annotations
    for image in images:
        places = _places(image, settings, files[image.split])
        found = next((place for place in places if place.exists()), None)
        if found is None:
            problems.append(
                f"{files[image.split]}: its image {image.picture.file} is not at {places[0]}; put it there, or name "
                "its folder in dataset.images."
            )
            continue
        with atomic_path(folder / f"{image.image_id}{found.suffix}") as temporary:
            temporary.symlink_to(found.resolve())
    refuse(problems)
    return folder


def _places(image: Named, settings: Settings, annotations: Path) -> list[Path]:
    """Return where an image may lie: in the folder of its split, or beside its annotations, or under the root."""
    name = PurePosixPath(image.picture.file.replace("\\", "/"))
    given = settings.images.get(image.split) if isinstance(settings.images, dict) else settings.images
    folders = [_under(settings.root, given)] if given else [annotations.parent, settings.root / "images", settings.root]
    inside = not name.is_absolute() and ".." not in name.parts
    return [folder / part for folder in folders for part in ([name] if inside else []) + [name.name]]


def _write_labels(path: Path, names: dict[int, str], images: Sequence[Named]) -> None:
    columns = ("image_id", "labels", "split")
    if all(image.split == UNSPLIT for image in images):
        columns = columns[:2]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for image in images:
            shown = {one.category for one in image.picture.instances}
            labels = ";".join(name for number, name in names.items() if number in shown)
            writer.writerow((image.image_id, labels, image.split)[: len(columns)])


def _write_masks(folder: Path, images: Sequence[Named], draw: partial, processes: int) -> None:
    chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    # spawned, not forked: a fork of a process with threads may hang
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        faults = list(track(pool.map(partial(_draw_chunk, folder, draw), chunks), "Drawing masks", total=len(chunks)))
    refuse([fault for its in faults for fault in its])


def _draw_chunk(folder: Path, draw: partial, images: Sequence[Named]) -> list[str]:
    """Write the masks of some images; return what is wrong with them."""
    faults = []
    for image in images:
        try:
            write_mask(folder / f"{image.image_id}.png", draw(image.picture))
        except ValueError as error:
            faults.append(str(error))
    return faults
