"""COCO instances as a folder of images, a CSV of labels, and masks, both from the annotations."""

import csv
import json
import multiprocessing
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from orandnet.dataset.coco_settings import CocoSplit
from orandnet.dataset.layouts.coco_annotations import Annotations, Id, Picture, id_order, read_annotations
from orandnet.dataset.layouts.coco_masks import draw_mask
from orandnet.dataset.layouts.entries import SPLITS, image_id_of, is_image_id
from orandnet.dataset.layouts.folder import HELD_OUT, read_label_rows
from orandnet.dataset.problems import refuse, repeated
from orandnet.dataset.settings import MaskSettings, Settings, check_classes
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import write_mask
from orandnet.job.progress import say, track

CATEGORIES = "categories.json"
_CHUNK = 64  # images per task of a process


class Located(NamedTuple):
    """An image of a split: its id, its file under the root, and what is annotated."""

    image_id: str
    image: str
    split: str
    picture: Picture


def write_coco_labels(path: Path, settings: Settings) -> None:
    """Write labels, splits and files of all images (CSV), and the classes (JSON) beside it.

    Images without any annotation belong to no split but test. The labels of an image are the categories of all its
    annotations, crowds included. Class ids are 1, 2, ... by ascending id of the categories that train or train_aug has.

    Raises:
        ValueError: if a file of annotations is missing, is no COCO instances file, or contradicts another.
    """
    files = {split: part for split, part in settings.coco.splits().items() if part is not None}
    found = {split: read_annotations(settings.root / part.annotations) for split, part in files.items()}
    classes = _classes(settings, found)
    rows = _located(settings, files, found)
    with atomic_path(path.with_name(CATEGORIES)) as temporary:
        temporary.write_text(json.dumps(list(classes.items()), ensure_ascii=False) + "\n", encoding="utf-8")
    _write_labels(path, classes, rows)


def read_coco_names(labels: Path) -> list[str]:
    """Return the names of the classes beside the labels that `write_coco_labels` wrote."""
    return [name for _, name in _read_classes(labels)]


def draw_coco_masks(
    folder: Path, settings: MaskSettings, labels: Path, *, part: str, image_ids: Collection[str], threads: int
) -> None:
    """Draw the masks of some images of a part, train_aug or val, as <image_id>.png; `threads` processes draw.

    Args:
        folder: where to write.
        settings: root and files of the annotations.
        labels: what `write_coco_labels` wrote.
        part: the part that the images are of.
        image_ids: the images.
        threads: number of processes.

    Raises:
        ValueError: with the first few annotations that cannot be drawn.
    """
    ids = {row.cells["image"]: row.cells["image_id"] for row in read_label_rows(labels)}
    class_ids = {category: number for number, (category, _) in enumerate(_read_classes(labels), start=1)}
    splits = ("val",) if part == "val" and settings.coco.val is not None else ("train", "train_aug")
    tasks = []
    for its in (its for split, its in settings.coco.splits().items() if split in splits and its is not None):
        for picture in read_annotations(settings.root / its.annotations).pictures:
            image_id = ids.get(_file_of(settings.root, its, picture))
            if image_id in image_ids:
                tasks.append((image_id, picture))
    folder.mkdir(parents=True, exist_ok=True)
    _write_masks(folder, tasks, class_ids, settings.coco.boxes, threads)


def _read_classes(labels: Path) -> list[tuple[Id, str]]:
    return [(category, name) for category, name in json.loads(labels.with_name(CATEGORIES).read_text("utf-8"))]


def _classes(settings: Settings, found: dict[str, Annotations]) -> dict[Id, str]:
    """Names by category, ascending, of those that the training images show."""
    names: dict[Id, str] = {}
    used: dict[str, set] = {"train": set(), "others": set()}
    for split, its in found.items():
        path = settings.root / settings.coco.splits()[split].annotations
        other = next((c for c, name in its.categories.items() if names.setdefault(c, name) != name), None)
        if other is not None:
            raise ValueError(
                f"{path}: calls the category {other} {its.categories[other]!r}, another file {names[other]!r}; give "
                "the files of one release."
            )
        used["train" if split in ("train", "train_aug") else "others"] |= {
            one.category for picture in its.pictures for one in picture.instances
        }
        if its.num_stray:
            say(f"{path}: {its.num_stray} annotations are of images that it does not list; they are left out.")
    unseen = [names[category] for category in used["others"] - used["train"]]
    if unseen and settings.other_mask_ids == "error":
        raise ValueError(
            f"dataset.coco: no training image shows {', '.join(sorted(unseen))}, which another split does; add images, "
            "or set dataset.other_mask_ids: ignore, which leaves them out of the scores."
        )
    unused = [name for category, name in names.items() if category not in used["train"] and name not in unseen]
    if unused:
        say(f"dataset.coco: {len(unused)} categories without annotations are no classes: {', '.join(unused)}.")
    chosen = {category: names[category] for category in sorted(used["train"], key=id_order)}
    try:
        check_classes(list(chosen.values()))
    except ValueError as error:
        raise ValueError(f"{settings.root / settings.coco.train.annotations}: a category: {error}") from None
    return chosen


def _located(settings: Settings, files: dict[str, CocoSplit], found: dict[str, Annotations]) -> list[Located]:
    """The images of all splits, at most `limit` of each, with ids that differ."""
    pictures = [
        (split, _file_of(settings.root, part, picture), picture)
        for split, part in files.items()
        for picture in found[split].pictures
        if picture.instances or split == "test"
    ]
    in_train = {image for split, image, _ in pictures if split == "train"}
    pictures = [row for row in pictures if row[0] != "train_aug" or row[1] not in in_train]
    twice = repeated(image for _, image, _ in pictures)
    refuse([f"{settings.root / image}: is annotated twice; keep one entry in one split." for image in twice])
    ids = _image_ids([image for _, image, _ in pictures])
    rows = [Located(ids[image], image, split, picture) for split, image, picture in pictures]
    if settings.coco.val is None:
        held_out = set(sorted(row.image_id for row in rows if row.split == "train")[HELD_OUT - 1 :: HELD_OUT])
        rows = [row._replace(split="val") if row.image_id in held_out else row for row in rows]
    return [row for split in SPLITS for row in [row for row in rows if row.split == split][: settings.limit]]


def _file_of(root: Path, part: CocoSplit, picture: Picture) -> str:
    """Where an image lies under the root; names with folders or addresses of other machines end in the file's name."""
    inner = PurePosixPath(picture.file_name.replace("\\", "/"))
    whole = PurePosixPath(part.images) / inner
    if not inner.is_absolute() and ".." not in inner.parts and (root / whole).is_file():
        return str(whole)
    return str(PurePosixPath(part.images) / inner.name)


def _image_ids(images: list[str]) -> dict[str, str]:
    """Id by file: its name, or with its folders where several files have one name."""
    names = {image: image_id_of(image) for image in images}
    counts = Counter(names.values())
    ids = {
        image: name if counts[name] == 1 else f"{image.rpartition('/')[0]}/{name}".replace("/", "_")
        for image, name in names.items()
    }
    wrong = [image for image, image_id in ids.items() if not is_image_id(image_id)]
    refuse([f"{image!r} gives no image id; give the file a plain name." for image in wrong])
    refuse([f"{image_id!r} is the id of two images; rename one." for image_id in repeated(ids.values())])
    return ids


def _write_labels(path: Path, classes: dict[Id, str], rows: list[Located]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image_id", "labels", "split", "image"))
        for row in rows:
            there = {one.category for one in row.picture.instances}
            labels = ";".join(name for category, name in classes.items() if category in there)
            writer.writerow((row.image_id, labels, row.split, row.image))


def _write_masks(
    folder: Path, tasks: list[tuple[str, Picture]], class_ids: dict[Id, int], boxes: str, processes: int
) -> None:
    chunks = [tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK)]
    draw = partial(_draw_chunk, folder, class_ids, boxes)
    if processes == 1:
        done = list(track(map(draw, chunks), "Drawing masks", total=len(chunks)))
    else:  # spawned, not forked: a fork of a process with threads may hang
        with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
            done = list(track(pool.map(draw, chunks), "Drawing masks", total=len(chunks)))
    refuse([fault for faults, _ in done for fault in faults])
    notes = sum((notes for _, notes in done), Counter())
    for what, count in notes.items():
        say(f"dataset.coco: {count} {what} are left out of the masks; their labels are kept.")


def _draw_chunk(
    folder: Path, class_ids: dict[Id, int], boxes: str, tasks: list[tuple[str, Picture]]
) -> tuple[list[str], Counter]:
    """Write the masks of some images; return what is wrong with them, and what was left out."""
    faults, notes = [], Counter()
    for image_id, picture in tasks:
        try:
            write_mask(folder / f"{image_id}.png", draw_mask(picture, class_ids, boxes=boxes, notes=notes))
        except ValueError as error:
            faults.append(str(error))
    return faults, notes
