"""Everything there is to know about a data set: its index, its manifest, and how to read its true masks."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from orandnet.dataset.inspection import Inspection, digest, inspect
from orandnet.dataset.labels import Classes, class_list, labels_path, read_labels
from orandnet.dataset.layouts.entries import SPLITS, Entry
from orandnet.dataset.layouts.folder import read_folder, with_classes
from orandnet.dataset.layouts.voc import read_voc
from orandnet.dataset.mask_ids import color_rows, colors_of, id_translation
from orandnet.dataset.problems import refuse
from orandnet.dataset.settings import Settings


class Survey(NamedTuple):
    """Rows of index.csv, content of manifest.json, content of ground_truth.json."""

    rows: list[dict]
    manifest: dict
    ground_truth: dict


def survey(settings: Settings, *, threads: int = 1) -> Survey:
    """Check every file of a data set (kind voc or folder) and describe it; ValueError names the first few faults."""
    if settings.kind == "folder":
        settings = with_classes(settings)
    classes = class_list(settings)
    entries = read_folder(settings) if settings.kind == "folder" else read_voc(settings)
    labels = read_labels(settings, {entry.image_id: entry.split for entry in entries})
    counts = _images_per_class(classes, entries, labels)
    if settings.limit is None:  # a quick run may miss a class
        refuse(_unlearnable(counts, settings))
    translation = id_translation(classes.file_ids)
    strict = settings.other_mask_ids == "error"
    colors = color_rows(settings, dict(zip(classes.names, classes.file_ids, strict=True)))
    found = inspect(entries, mask_ids=list(translation), colors=colors_of(colors), strict=strict, threads=threads)
    masks = [(entry.image_id, seen.mask_sha256) for entry, seen in zip(entries, found, strict=True) if entry.mask]
    ground_truth = {
        "ids": {str(file_id): class_id for file_id, class_id in translation.items()},
        "other_ids": settings.other_mask_ids,
        "mask_colors": colors,
        "num_masks": len(masks),
        "sha256": digest(masks),
    }
    return Survey(_rows(entries, found, labels), _manifest(entries, found, counts, classes), ground_truth)


def _images_per_class(classes: Classes, entries: Sequence[Entry], labels: dict) -> dict[str, int]:
    training = (entry.image_id for entry in entries if entry.split in ("train", "train_aug"))
    counts = Counter(name for image_id in training for name in labels[image_id])
    return {name: counts[name] for name in classes.names}


def _unlearnable(counts: dict[str, int], settings: Settings) -> list[str]:
    return [
        f"{labels_path(settings)}: no training image shows the class {name}; add images or drop the class."
        for name, count in counts.items()
        if count == 0
    ]


def _rows(entries: Sequence[Entry], found: Sequence[Inspection], labels: dict) -> list[dict]:
    return [
        {
            "image_id": entry.image_id,
            "image": entry.image,
            "mask": entry.mask or "",
            "split": entry.split,
            "height": seen.size[0],
            "width": seen.size[1],
            "labels": ";".join(labels[entry.image_id]),
        }
        for entry, seen in zip(entries, found, strict=True)
    ]


def _manifest(entries: Sequence[Entry], found: Sequence[Inspection], counts: dict[str, int], classes: Classes) -> dict:
    """Return what manifest.json says about the data set.

    `file_ids` are the ids of the classes in the data set's own files. `num_images` of train_aug counts those of train
    too. `training_images` are those of a class in train_aug.
    """
    sizes = Counter(entry.split for entry in entries)
    num_images = {split: sizes[split] for split in SPLITS} | {"train_aug": sizes["train"] + sizes["train_aug"]}
    hashes = [(entry.image_id, seen.image_sha256) for entry, seen in zip(entries, found, strict=True)]
    return {
        "classes": list(counts),
        "file_ids": list(classes.file_ids),
        "num_images": num_images,
        "training_images": counts,
        "images_sha256": digest(hashes),
    }
