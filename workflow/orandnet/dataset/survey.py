"""What a data set holds, part by part, so that what depends on one part waits for and follows that part alone."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from orandnet.dataset.inspection import Pair, digest, inspect_images, inspect_masks
from orandnet.dataset.labels import Classes, class_list, read_labels
from orandnet.dataset.layouts import folder, voc
from orandnet.dataset.layouts.entries import MASK_SUFFIXES, Entry, labels_path
from orandnet.dataset.mask_ids import color_rows, colors_of, id_translation
from orandnet.dataset.plausibility import compare_masks, numbers_that_are_no_ids
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import MaskSettings, Settings
from orandnet.job.progress import say
from orandnet.job.warnings import warn


def find_classes(settings: Settings) -> Classes:
    """Return the class list of a data set (kind voc or folder); that of a folder may come from its CSV."""
    return class_list(folder.with_classes(settings) if settings.kind == "folder" else settings)


def survey_images(
    settings: Settings, part: str, *, leave_out: Path | None = None, threads: int = 1
) -> list[dict[str, object]]:
    """Check every image of a part of a data set (kind voc or folder); ValueError names the first few faults.

    Args:
        settings: which data set.
        part: train_aug (with train), val or test.
        leave_out: a folder in which no images are looked for.
        threads: number of files that are decoded at a time.

    Returns:
        The rows of the part's list, see `index.PART_COLUMNS`.
    """
    if settings.kind == "folder":
        settings = folder.with_classes(settings)
        entries = folder.read_folder(settings, part, leave_out=leave_out)
    else:
        entries = voc.read_voc(settings, part)
    labels = read_labels(settings, {entry.image_id: entry.split for entry in entries})
    if part == "train_aug" and settings.limit is None:  # a quick run may miss a class
        refuse(_unlearnable(class_list(settings), entries, labels, settings))
    if part == "train_aug":
        counts = images_per_class(class_list(settings).names, labels.values())
        say("dataset: training images of each class: " + ", ".join(f"{name} {n}" for name, n in counts.items()) + ".")
    found = inspect_images([entry.image for entry in entries], threads=threads)
    return [
        {
            "image_id": entry.image_id,
            "image": entry.image,
            "split": entry.split,
            "height": seen.size[0],
            "width": seen.size[1],
            "labels": ";".join(labels[entry.image_id]),
            "orientation": seen.orientation,
            "sha256": seen.sha256,
        }
        for entry, seen in zip(entries, found, strict=True)
    ]


def survey_masks(
    rows: Sequence[dict[str, str]], settings: MaskSettings, classes: Classes, folder: Path, *, threads: int = 1
) -> dict[str, object]:
    """Check the true masks of a part of a data set, also against its labels; ValueError names the first few faults.

    Args:
        rows: the part's list; each image of train and val must have a mask.
        settings: what becomes of ids outside the class list.
        classes: names, and their ids in the masks.
        folder: where the masks lie, as <image_id>.png or another lossless format.
        threads: number of files that are decoded at a time.

    Returns:
        Content of ground_truth/<part>.json: `masks` (image id -> file), `ids` (id in a file -> our id), `other_ids`,
        `colors` (see `mask_ids.color_rows`), `turned` (image id -> EXIF orientation of masks that lie as their image's
        file does), and `sha256` over all masks.
    """
    refuse(numbers_that_are_no_ids(classes))
    files = voc.files_in(folder, MASK_SUFFIXES, [row["image_id"] for row in rows])
    refuse(
        [
            f"{folder}: has no mask {row['image_id']}.png, which {row['split']} is evaluated with; add the mask, take "
            "the image out of that split, or (kind: folder) leave out dataset.masks to score nothing."
            for row in rows
            if row["split"] in ("train", "val") and row["image_id"] not in files
        ]
    )
    by_id = {row["image_id"]: row for row in rows}
    translation = id_translation(classes.file_ids)
    colors = color_rows(settings, dict(zip(classes.names, classes.file_ids, strict=True)))
    found = inspect_masks(
        [_pair(by_id[image_id], path) for image_id, path in files.items()],
        mask_ids=list(translation),
        colors=colors_of(colors),
        strict=settings.other_mask_ids == "error",
        threads=threads,
    )
    by_mask = dict(zip(files, found, strict=True))
    compare_masks(
        rows,
        {image_id: seen.ids for image_id, seen in by_mask.items()},
        classes,
        folder,
        quick=settings.limit is not None,
        warn=warn,
    )
    return {
        "ids": {str(file_id): class_id for file_id, class_id in translation.items()},
        "other_ids": settings.other_mask_ids,
        "colors": colors,
        "turned": {image_id: seen.orientation for image_id, seen in by_mask.items() if seen.orientation > 1},
        "sha256": digest((image_id, seen.sha256) for image_id, seen in by_mask.items()),
        "masks": {image_id: str(path) for image_id, path in files.items()},
    }


def _pair(row: dict[str, str], mask: Path) -> Pair:
    return Pair(mask, Path(row["image"]), (int(row["height"]), int(row["width"])), int(row["orientation"]))


def images_per_class(names: Iterable[str], labels: Iterable[Iterable[str]]) -> dict[str, int]:
    """Return the number of images of each class, by the labels of all images."""
    counts = Counter(name for its in labels for name in its)
    return {name: counts[name] for name in names}


def _unlearnable(classes: Classes, entries: Sequence[Entry], labels: dict, settings: Settings) -> list[str]:
    counts = images_per_class(classes.names, (labels[entry.image_id] for entry in entries))
    return [
        f"{labels_path(settings)}: no training image shows the class {name}; add images or drop the class."
        for name, count in counts.items()
        if count == 0
    ]
