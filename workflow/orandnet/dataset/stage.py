"""Stage `dataset`: check a data set part by part, and write the lists that all other stages read.

Trainings read train_aug.csv and classes.json, predictions the list of their split, and what is scored the ground truth
of a part. So a new test image, or masks that are given later, train nothing again.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from orandnet.dataset.download.fetching import fetch_dataset
from orandnet.dataset.index import CLASSES, COLUMNS, PART_COLUMNS, read_file_ids, read_index, read_rows, write_rows
from orandnet.dataset.labels import Classes
from orandnet.dataset.layouts import coco, folder, voc
from orandnet.dataset.layouts.entries import PARTS, labels_path
from orandnet.dataset.overview import check_parts, describe, index_rows
from orandnet.dataset.plausibility import compare_images
from orandnet.dataset.scenes.images import generate, settings_of_scenes
from orandnet.dataset.settings import FetchSettings, MaskSettings, Settings
from orandnet.dataset.survey import find_classes, survey_images, survey_masks
from orandnet.files.atomic import atomic_path
from orandnet.job.progress import say
from orandnet.job.warnings import warn


def fetch(*, output: Path, settings: FetchSettings) -> None:
    """Download a public data set, check and unpack it.

    Args:
        output: what came from where (JSON).
        settings: which data set, and the folder that it is unpacked into.
    """
    _write_json(output, fetch_dataset(settings))


def layout(*, output: Path, settings: Settings) -> None:
    """Draw the embedded scenes, or read COCO's annotations, in a layout that the other commands read.

    Args:
        output: labels.csv of the folder that is written.
        settings: of kind scenes or coco.
    """
    if settings.kind == "scenes":
        generate(output.parent, settings.scenes)
    else:
        coco.write_coco_labels(output, settings)


def classes(*, output: Path, settings: Settings, labels: Path | None = None) -> None:
    """Write the class names in the order of their mask ids 1, 2, ..., and their ids in the data set's own files.

    Args:
        output: the classes (JSON).
        settings: which data set.
        labels: labels.csv that `layout` wrote, for scenes and coco.
    """
    read = _as_read(settings, labels)
    found = find_classes(read)
    if settings.kind == "folder" and not settings.classes:
        for line in folder.near_names(labels_path(read)):
            warn("near_class_names", line)
    numbered = (f"{file_id} {name}" for file_id, name in zip(found.file_ids, found.names, strict=True))
    say(f"dataset: classes by their ids in masks: {', '.join(numbered)}.")
    _write_json(output, {"classes": found.names, "file_ids": found.file_ids})


def images(
    *,
    part: str,
    output: Path,
    settings: Settings,
    labels: Path | None = None,
    leave_out: str | None = None,
    threads: int = 1,
) -> None:
    """Check every image of a part and write its list.

    Args:
        part: train_aug (with train), val or test.
        output: the list (CSV).
        settings: which data set.
        labels: labels.csv that `layout` wrote, for scenes and coco.
        leave_out: folder under dataset.root in which no images are looked for, such as that of the masks.
        threads: number of files that are decoded at a time.
    """
    if part not in PARTS:
        raise ValueError(f"--part: {part!r} is unknown; give one of {', '.join(PARTS)}.")
    masks = folder.mask_folder(settings.root, leave_out) if leave_out else None
    rows = survey_images(_as_read(settings, labels), part, leave_out=masks, threads=threads)
    write_rows(output, rows, PART_COLUMNS)


def ground_truth(
    *, index: Path, output: Path, settings: MaskSettings, labels: Path | None = None, threads: int = 1
) -> None:
    """Check the true masks of a part and write where they lie; COCO's are drawn first unless there are some.

    Args:
        index: list of the part's images.
        output: where the masks lie and what their ids stand for (JSON).
        settings: where to look.
        labels: labels.csv that `layout` wrote, for scenes and coco.
        threads: number of files that are decoded, or processes that draw, at a time.
    """
    rows = read_rows(index)
    if settings.kind == "coco" and settings.masks is None:
        place = labels.with_name("masks")
        wanted = {row["image_id"] for row in rows}
        coco.draw_coco_masks(place, settings, labels, part=index.stem, image_ids=wanted, threads=threads)
    elif settings.kind in ("coco", "folder"):
        place = folder.mask_folder(settings.root, settings.masks)
    else:
        place = voc.mask_folder(labels.parent if settings.kind == "scenes" else settings.root, settings.masks)
    known = Classes(read_index(index).class_names, tuple(read_file_ids(index)[1:].tolist()))
    _write_json(output, survey_masks(rows, settings, known, place, threads=threads))


def run(
    *,
    parts: list[Path],
    output: Path,
    manifest_output: Path,
    settings: Settings,
    ground_truth: list[Path] | None = None,
    labels: Path | None = None,
) -> None:
    """Check the parts against each other, then write the whole for people: every image, and a summary.

    Args:
        parts: lists of train_aug, val and test.
        output: all images with their masks (CSV).
        manifest_output: classes, numbers of images, hash of all images (JSON).
        settings: which numbers of images are expected.
        ground_truth: where the masks of some parts lie (JSON).
        labels: labels.csv that `layout` wrote, for scenes and coco.
    """
    found = {path.stem: read_rows(path) for path in parts}
    check_parts(found, _as_read(settings, labels))
    compare_images([row for rows in found.values() for row in rows], warn=warn)
    masks: dict[str, str] = {}
    for path in ground_truth or []:
        masks |= json.loads(path.read_text(encoding="utf-8"))["masks"]
    names, file_ids = read_index(parts[0]).class_names, read_file_ids(parts[0])[1:].tolist()
    write_rows(output, index_rows(found, masks), COLUMNS)
    _write_json(manifest_output, describe(found, names, file_ids))


class Step(NamedTuple):
    """A part of the work on a data set: the file that it writes, those it reads, and the work."""

    output: Path
    needs: tuple[Path, ...]
    write: Callable[[], None]


def steps(folder: Path, settings: Settings, *, threads: int = 1) -> Iterator[Step]:
    """Yield what writes all lists of a data set into a folder, as the jobs of a run do, in their order."""
    labels = None
    if settings.kind in ("scenes", "coco"):
        labels = folder / settings.kind / "labels.csv"
        yield Step(labels, (), partial(layout, output=labels, settings=settings.of_layout()))
    drawn = () if labels is None else (labels,)
    its_classes = folder / CLASSES
    yield Step(
        its_classes, drawn, partial(classes, output=its_classes, settings=settings.of_images(None), labels=labels)
    )
    parts = [folder / f"{part}.csv" for part in PARTS]
    given = {"labels": labels, "threads": threads}
    leave_out = settings.masks if settings.kind in ("folder", "coco") else None
    for path in parts:
        its = {"part": path.stem, "settings": settings.of_images(path.stem), "leave_out": leave_out}
        yield Step(path, (its_classes,), partial(images, output=path, **its, **given))
    truths = [folder / "ground_truth" / f"{part}.json" for part in ("train_aug", "val")] if settings.scored else []
    for path in truths:
        its = {"index": folder / f"{path.stem}.csv", "settings": settings.narrowed_to(MaskSettings)}
        yield Step(path, (its["index"],), partial(ground_truth, output=path, **its, **given))
    outputs = {"output": folder / "index.csv", "manifest_output": folder / "manifest.json"}
    whole = partial(run, parts=parts, ground_truth=truths, settings=settings, labels=labels, **outputs)
    yield Step(outputs["output"], (*parts, *truths), whole)


def make_all(folder: Path, settings: Settings, *, threads: int = 1) -> None:
    """Write all lists of a data set into a folder, one after the other; for use from Python.

    Raises:
        ValueError: names the first few faults.
    """
    for step in steps(folder, settings, threads=threads):
        step.output.parent.mkdir(parents=True, exist_ok=True)
        step.write()


def _as_read(settings: Settings, labels: Path | None) -> Settings:
    """Return the settings of the layout that is read: scenes are drawn as voc, coco is a folder with a CSV."""
    if settings.kind == "scenes":
        return settings_of_scenes(labels.parent, settings)
    if settings.kind == "coco":
        changes = {"kind": "folder", "classes": coco.read_coco_names(labels), "labels": str(labels)}
        return settings.model_copy(update=changes)
    return settings


def _write_json(path: Path, content: dict) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


COMMANDS = {
    "": run,
    "fetch": fetch,
    "layout": layout,
    "classes": classes,
    "images": images,
    "ground_truth": ground_truth,
}
