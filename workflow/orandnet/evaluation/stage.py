"""Scores or masks -> numbers against the ground truth, in percent."""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.index import Index, Record, read_index
from orandnet.evaluation.confusion import Scores, confusion_matrix, scores
from orandnet.evaluation.doubts import doubts, edge_doubts
from orandnet.evaluation.settings import Settings
from orandnet.evaluation.sweep import (
    WITHOUT_TRUTH,
    confusion_by_threshold,
    curve_of,
    even_thresholds,
    kept_share,
    thresholds_by_rule,
)
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import MaskList
from orandnet.files.store import CamStore
from orandnet.files.thresholds import read_thresholds
from orandnet.job.progress import say, track
from orandnet.job.warnings import warn
from orandnet.maps.grid import resize_scores

SUMMARY = ("miou", "precision", "recall", "legacy20_miou", "legacy20_precision", "legacy20_recall")


def cam(
    *,
    index: Path,
    ground_truth: Path,
    cams: list[Path],
    otsu: Path,
    output: Path,
    curve_output: Path,
    per_class_output: Path,
    settings: Settings,
    background_threshold: float,
    ignore_below: float | None = None,
    split: str = "train",
) -> None:
    """Evaluate the masks of a CAM store at every background threshold.

    Args:
        index: list of the images (train_aug.csv, val.csv).
        ground_truth: ground_truth/<part>.json of the same images.
        cams: shards of the CAM store.
        otsu: otsu.json of the method: the threshold of the rule `otsu`.
        output: summary (CSV), one row per threshold rule; where masks ignore what is doubtful, also the share of the
            pixels that is `kept`. The scores are those of all pixels.
        curve_output: mIoU, mean precision and mean recall by threshold (CSV), and the number of classes that are
            predicted there, over which the precision is the mean.
        per_class_output: the numbers of every class by threshold rule (CSV).
        settings: which thresholds.
        background_threshold: the threshold of the rule `fixed`.
        ignore_below: pixels whose class is less probable are left out of the masks.
        split: images to evaluate.
    """
    images, grid = read_index(index), even_thresholds(settings.num_thresholds)
    free = {"background_threshold": background_threshold, "otsu": read_thresholds(otsu).background_threshold}
    thresholds = np.append(grid, [*free.values()])
    records, truth = images.filled_subset(split, index), GroundTruth(index, ground_truth)
    confusion = _sweep(images, records, CamStore(cams), truth, thresholds)
    by_threshold = scores(confusion[: len(grid)])
    curve, predicted = curve_of(grid, by_threshold), np.isfinite(by_threshold.precision).sum(-1)
    confusion_at = dict(zip(thresholds.tolist(), confusion, strict=True))
    chosen = thresholds_by_rule(curve, **free)
    confusions = {rule: confusion_at[at] for rule, at in chosen.items()}
    kept = _kept(records, CamStore(cams), chosen, ignore_below)
    rows = (
        (rule, chosen[rule], *_summary(c), *kept.get(rule, ()), str(rule not in WITHOUT_TRUTH).lower())
        for rule, c in confusions.items()
    )
    _warn(confusions["otsu"], images, f"evaluation of CAMs on {split} at the threshold {free['otsu']:g}")
    tuned = {rule: at for rule, at in chosen.items() if rule not in WITHOUT_TRUTH}
    for doubt in edge_doubts(grid, tuned, f"evaluation of CAMs on {split}"):
        warn(*doubt)
    columns = (column.tolist() for column in (*curve, predicted))
    _write(curve_output, (*curve._fields, "predicted_classes"), zip(*columns, strict=True))
    _write(
        output,
        ("threshold_rule", "background_threshold", *SUMMARY, *(["kept"] if kept else []), "tuned_on_ground_truth"),
        rows,
    )
    _write_per_class(per_class_output, "threshold_rule", images, confusions)


def prediction(
    *,
    index: Path,
    ground_truth: Path,
    masks: list[Path],
    output: Path,
    per_class_output: Path,
    confusion_output: Path,
    split: str = "val",
) -> None:
    """Evaluate predicted masks, every variant (single or multi scale, with or without CRF) by itself.

    Args:
        index: list of the images (train_aug.csv, val.csv).
        ground_truth: ground_truth/<part>.json of the same images.
        masks: lists of the predicted masks (CSV).
        output: summary (CSV), one row per variant.
        per_class_output: the numbers of every class by variant (CSV).
        confusion_output: pixels of each true class (rows) predicted as each class (columns), by variant (CSV).
        split: images to evaluate.
    """
    images, truth, predicted = read_index(index), GroundTruth(index, ground_truth), MaskList(masks)
    shape = (images.num_classes, images.num_classes)
    confusions = {variant: np.zeros(shape, dtype=np.int64) for variant in predicted.variants}
    for record in track(_with_masks(images.filled_subset(split, index), truth, split), f"evaluation of {split}"):
        true = truth.read(record.image_id)
        for variant, confusion in confusions.items():
            mask = predicted.read(record.image_id, variant)
            confusion += confusion_matrix(mask, true, num_classes=images.num_classes)
    for variant, confusion in confusions.items():
        _warn(confusion, images, f"evaluation of {split} ({variant})" if variant else f"evaluation of {split}")
    rows = ((variant, *_summary(confusion)) for variant, confusion in confusions.items())
    _write(output, ("variant", *SUMMARY), rows)
    _write_per_class(per_class_output, "variant", images, confusions)
    _write_confusion(confusion_output, images, confusions)


def _with_masks(records: list[Record], truth: GroundTruth, split: str) -> list[Record]:
    """Return the images that have a true mask: of those that are only trained on, in train_aug, some may have none."""
    found = [record for record in records if record.split != "train_aug" or truth.has(record.image_id)]
    if len(found) < len(records):
        say(f"evaluation of {split}: {len(found)} of {len(records)} images have a true mask; they are scored.")
    return found


def _sweep(
    images: Index, records: list[Record], store: CamStore, truth: GroundTruth, thresholds: np.ndarray
) -> np.ndarray:
    """Return the (T, C, C) confusion matrices of all records, one image in memory at a time."""
    total = np.zeros((len(thresholds), images.num_classes, images.num_classes), dtype=np.int64)
    for record in track(records, "threshold sweep"):
        stored = store[record.image_id]
        total += confusion_by_threshold(
            resize_scores(stored.scores, record.size),
            stored.classes,
            truth.read(record.image_id),
            thresholds,
            num_classes=images.num_classes,
        )
    return total


def _kept(
    records: list[Record], store: CamStore, thresholds: dict[str, float], ignore_below: float | None
) -> dict[str, tuple[float]]:
    """Return the percentage of pixels that the masks of each rule keep; nothing where they keep all."""
    if ignore_below is None:
        return {}
    kept, pixels = dict.fromkeys(thresholds, 0.0), 0
    for record in track(records, "kept pixels"):
        scores = resize_scores(store[record.image_id].scores, record.size)
        area = record.size[0] * record.size[1]
        pixels += area
        for rule, threshold in thresholds.items():
            kept[rule] += area * kept_share(scores, threshold, ignore_below)
    return {rule: (100 * number / pixels,) for rule, number in kept.items()}


def _warn(confusion: np.ndarray, images: Index, what: str) -> None:
    for code, message in doubts(confusion, images.class_names, what):
        warn(code, message)


def _summary(confusion: np.ndarray) -> tuple:
    """Return the percentages of SUMMARY; of one class and background the legacy ones say nothing, and are nan."""
    legacy = _means(scores(confusion, drop_last=True)) if len(confusion) >= 3 else (math.nan,) * 3
    return (*_means(scores(confusion)), *legacy)


def _means(result: Scores) -> tuple[float, ...]:
    return tuple(100 * float(mean) for mean in (result.miou, result.mean_precision, result.mean_recall))


def _write_per_class(path: Path, key: str, images: Index, confusions: dict[str, np.ndarray]) -> None:
    names = _names(images)
    rows = (row for name, confusion in confusions.items() for row in _per_class(name, names, scores(confusion)))
    _write(path, (key, "class", "iou", "precision", "recall"), rows)


def _per_class(key: str, names: Sequence[str], result: Scores) -> Iterator[tuple]:
    for name, *values in zip(names, result.iou, result.precision, result.recall, strict=True):
        yield (key, name, *(100 * float(value) for value in values))


def _names(images: Index) -> tuple[str, ...]:
    return ("background", *images.class_names)


def _write_confusion(path: Path, images: Index, confusions: dict[str, np.ndarray]) -> None:
    """Write counts as a table per variant; columns are told by their place, since a class may have any name."""
    names = _names(images)
    rows = (
        (variant, name, *counts)
        for variant, confusion in confusions.items()
        for name, counts in zip(names, confusion.tolist(), strict=True)
    )
    _write(path, ("variant", "true", *names), rows)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a CSV, numbers in full precision, undefined ones (nan) as empty cells."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([["" if value != value else value for value in row] for row in rows])


COMMANDS = {"cam": cam, "prediction": prediction}
