"""Confusion matrices and the numbers read from them.

One matrix is summed over a whole data set before anything is divided (Everingham et al., VOC). What a class counts
for, where it is rare, is where published code disagrees; here

    IoU        TP / (TP + FP + FN)   undefined only if the class is neither in the truth nor predicted
    precision  TP / (TP + FP)        undefined if the class is never predicted
    recall     TP / (TP + FN)        undefined if the class is not in the truth

An undefined value is nan, an empty cell in tables, and left out of the mean: mean precision goes over the classes that
are predicted anywhere, mean recall over those in the truth. A method that predicts one class alone may so have a high
mean precision; its mIoU, where each missed class counts 0, tells. A class that is absent from the truth but predicted
counts as IoU 0 and precision 0, since its false positives are errors, and it leaves recall alone. Means go over all
classes, background included. On a data set that holds and predicts every class all conventions agree.
"""

from typing import NamedTuple

import numpy as np

from orandnet.files.mask import IGNORE_INDEX

NUM_IDS = 256  # what a uint8 mask can hold


class Scores(NamedTuple):
    """Per class (..., C) float64 in [0, 1] or nan, and their means (...,) over the classes that are defined."""

    iou: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    miou: np.ndarray
    mean_precision: np.ndarray
    mean_recall: np.ndarray


def confusion_matrix(prediction: np.ndarray, ground_truth: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Return how many pixels of each true class were predicted as each class.

    Args:
        prediction: (H, W) uint8 mask ids; 255 counts as background, as in IRN (Ahn et al., 2019), so that leaving
            pixels undecided cannot raise a score.
        ground_truth: (H, W) uint8 mask ids; pixels of 255 are not counted.
        num_classes: number of classes C with background, at most 255.

    Returns:
        (C, C) int64, rows = ground truth, columns = prediction.

    Raises:
        ValueError: if the shapes differ or an id other than 255 is not below `num_classes`.
    """
    prediction, ground_truth = _ids(prediction, "prediction"), _ids(ground_truth, "ground truth")
    if prediction.shape != ground_truth.shape:
        raise ValueError(
            f"prediction: the shape {prediction.shape} differs from the ground truth's {ground_truth.shape}; "
            "resize the prediction to its image."
        )
    # masks have long runs of equal pixels: far fewer runs than pixels need to be looked at and counted
    truths, guesses = ground_truth.ravel(), prediction.ravel()
    starts = _run_starts(truths, guesses)
    lengths = np.diff(starts, append=truths.size)
    truths, guesses = truths[starts], guesses[starts]
    for ids, name in ((truths, "ground truth"), (guesses, "prediction")):
        check_ids(np.bincount(ids, minlength=NUM_IDS)[:IGNORE_INDEX], num_classes, name)
    # beside the classes one row and one column for what is ignored: a table so small is filled and summed quickly
    side = num_classes + 1
    pairs = np.minimum(truths, num_classes).astype(np.intp) * side + np.minimum(guesses, num_classes)
    counts = np.bincount(pairs, weights=lengths, minlength=side * side).reshape(side, side)
    counts[:, 0] += counts[:, num_classes]
    return counts[:num_classes, :num_classes].astype(np.int64)


def _run_starts(truths: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """Return where (N,) uint8 ids differ, in either array, from those before them; the first place counts."""
    changed = np.ones(truths.size, dtype=bool)
    np.not_equal(truths[1:], truths[:-1], out=changed[1:])
    changed[1:] |= guesses[1:] != guesses[:-1]
    return np.flatnonzero(changed)


def _ids(mask: np.ndarray, name: str) -> np.ndarray:
    mask = np.asarray(mask)
    if mask.dtype == np.uint8:
        return mask
    if not np.issubdtype(mask.dtype, np.integer) or (mask.size and (mask.min() < 0 or mask.max() > 255)):
        raise ValueError(f"{name}: a mask of type {mask.dtype} holds no uint8 ids; convert it to mask ids.")
    return mask.astype(np.uint8)


def check_ids(counts: np.ndarray, num_classes: int, name: str) -> None:
    """Refuse counted ids from `num_classes` on.

    Args:
        counts: (255,) pixels of every id, ignored ones left out.
        num_classes: number of classes with background.
        name: what was counted, for the message.
    """
    strange = np.flatnonzero(counts[num_classes:])
    if strange.size:
        raise ValueError(
            f"{name}: mask id {num_classes + strange[0]} is outside the {num_classes} classes "
            "(0 = background, 255 = ignore); give the class list that the masks were made with."
        )


def scores(confusion: np.ndarray, *, drop_last: bool = False) -> Scores:
    """Return IoU, precision and recall per class and their means (conventions: top of the module).

    Args:
        confusion: (..., C, C) counts, rows = ground truth.
        drop_last: remove the row and the column of the last class, as if pixels whose truth or prediction is that
            class were not there: a car taken for a tvmonitor is then no error of either. The evaluator of the
            published ORANDNet numbers counts 20 of VOC's 21 classes so (no tvmonitor).
    """
    confusion = np.asarray(confusion)
    if drop_last:
        confusion = confusion[..., :-1, :-1]
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    predicted, true = confusion.sum(-2), confusion.sum(-1)
    per_class = (_ratio(hits, predicted + true - hits), _ratio(hits, predicted), _ratio(hits, true))
    return Scores(*per_class, *map(_mean, per_class))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    undefined = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)


def _mean(values: np.ndarray) -> np.ndarray:
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))
