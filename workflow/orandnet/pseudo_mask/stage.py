"""Scores of a CAM store -> their thresholds without ground truth, and pseudo masks of the train_aug images."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orandnet.dataset.index import Record, read_index
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import IGNORE_INDEX, write_mask, write_mask_list
from orandnet.files.store import CamStore, shard_slice
from orandnet.files.thresholds import Thresholds, read_thresholds, write_thresholds
from orandnet.job.progress import track
from orandnet.job.warnings import warn
from orandnet.maps.grid import resize_scores
from orandnet.pseudo_mask.otsu import BINS, Split, histogram, otsu_split, thresholds_of
from orandnet.pseudo_mask.settings import TUNED, MethodSettings, OtsuSettings
from orandnet.pseudo_mask.threshold import Curve, confidence, pseudo_mask, select_threshold, without_doubtful

# shares of the foreground, mean over the images, outside which masks hardly show objects: on PASCAL VOC it is a quarter
LEAST_FOREGROUND, MOST_FOREGROUND = 0.01, 0.95
LEAST_KEPT = 0.001  # share of pixels that are not ignored


def run(
    *,
    index: Path,
    cams: list[Path],
    output: Path,
    threshold_output: Path,
    settings: MethodSettings,
    curve: Path | None = None,
    otsu: Path | None = None,
    shard: str = "1-of-1",
) -> None:
    """Write palette PNGs beside their list, and how their threshold was chosen.

    Args:
        index: train_aug.csv of the data set.
        cams: shards of the CAM store to make masks of.
        output: list of the shard's masks (CSV); the PNGs lie beside it.
        threshold_output: JSON: the rule, the threshold, whether ground truth chose it, and the foreground share.
        settings: rule and threshold of this method.
        curve: curve.csv of the method's evaluation; needed by the rules that are tuned on ground truth.
        otsu: otsu.json of the method; needed by the rule `otsu`.
        shard: which part of the train_aug images, as `<i>-of-<n>`.
    """
    chosen = select_threshold(
        read_curve(curve) if curve else None,
        settings.threshold_rule,
        background_threshold=settings.background_threshold,
        otsu=read_thresholds(otsu).background_threshold if otsu else None,
    )
    records = shard_slice(read_index(index).filled_subset("train_aug", index), shard)
    shares: list[tuple[float, float]] = []
    write_mask_list(output, _masks(records, CamStore(cams), output.parent, chosen, settings, shares))
    _save_choice(threshold_output, settings.threshold_rule, chosen, shares)


def otsu(*, index: Path, cams: list[Path], output: Path, settings: OtsuSettings) -> None:
    """Write the thresholds that the scores of all training images give, without any true mask.

    Args:
        index: train_aug.csv of the data set.
        cams: all shards of the CAM store.
        output: JSON with the background's threshold, and those of sure background and sure objects.
        settings: what the scores are made of.
    """
    store, counts = CamStore(cams), np.zeros(BINS, dtype=np.int64)
    for record in track(read_index(index).filled_subset("train_aug", index), "otsu"):
        counts += histogram(store[record.image_id].scores, settings.form, settings.members)
    if not counts.any():
        raise ValueError(f"{index}: no training image has a label, so there are no scores; check the labels.")
    split = otsu_split(counts)
    if split.lower_mean == split.upper_mean:
        warn(
            "scores_alike",
            f"{output}: all scores are alike, {split.threshold:.3f}; no threshold tells objects from the rest.",
        )
    found = thresholds_of(split, settings.form, settings.members, margin=settings.sure_margin)
    write_thresholds(output, Thresholds(*found), **_facts(split, counts))


def _facts(split: Split, counts: np.ndarray) -> dict:
    foreground = float(counts[round(split.threshold * BINS) :].sum() / counts.sum())
    return {"members_scale": split._asdict(), "num_cells": int(counts.sum()), "foreground_share": foreground}


def read_curve(path: Path) -> Curve:
    """Return a threshold curve as the evaluation wrote it; an empty cell is nan."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(Curve._fields) <= set(rows[0]):
        raise ValueError(f"{path}: no threshold curve with {', '.join(Curve._fields)}; evaluate the CAMs first.")
    return Curve(*(np.array([float(row[name] or "nan") for row in rows]) for name in Curve._fields))


def _masks(
    records: list[Record],
    store: CamStore,
    folder: Path,
    threshold: float,
    settings: MethodSettings,
    shares: list[tuple[float, float]],
) -> Iterator[dict]:
    """Write each mask and yield its row; `shares` is given the parts of each that are foreground, and that are kept."""
    for record in track(records, "pseudo masks"):
        cam = store[record.image_id]
        scores = resize_scores(cam.scores, record.size)
        mask = pseudo_mask(scores, cam.classes, background_threshold=threshold)
        foreground = np.count_nonzero(mask)
        if settings.ignore_below is not None:
            probable = confidence(scores, background_threshold=threshold)
            mask = without_doubtful(mask, probable, settings.ignore_below)
        shares.append((foreground / mask.size, np.count_nonzero(mask != IGNORE_INDEX) / mask.size))
        yield {
            "image_id": record.image_id,
            "sha256": write_mask(folder / f"{record.image_id}.png", mask),
        }


def _save_choice(path: Path, rule: str, threshold: float, shares: list[tuple[float, float]]) -> None:
    share, kept = np.mean(shares, axis=0).tolist() if shares else (None, None)
    if share is not None and share < LEAST_FOREGROUND:
        warn(
            "little_foreground",
            f"{path}: only {share:.2%} of the pixels of {len(shares)} pseudo masks are foreground; lower "
            f"background_threshold (it is {threshold:g}) or look at the CAMs; the segmenter would learn background.",
        )
    if share is not None and share > MOST_FOREGROUND:
        warn(
            "little_background",
            f"{path}: {share:.2%} of the pixels of {len(shares)} pseudo masks are foreground; raise "
            f"background_threshold (it is {threshold:g}) or look at the CAMs; the segmenter would learn none.",
        )
    choice = {
        "threshold_rule": rule,
        "background_threshold": threshold,
        "tuned_on_ground_truth": rule in TUNED,
        "num_images": len(shares),
        "foreground_share": share,
        "kept_share": kept,
    }
    if kept is not None and kept < LEAST_KEPT:
        warn(
            "little_kept",
            f"{path}: only {kept:.4%} of the pixels of {len(shares)} pseudo masks are kept; lower "
            "pseudo_mask.ignore_below, or the segmenter learns nothing.",
        )
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(choice, indent=2, sort_keys=True) + "\n", encoding="utf-8")


COMMANDS = {"": run, "otsu": otsu}
