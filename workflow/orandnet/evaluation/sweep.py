"""All background thresholds of an image in one pass.

For every pixel only its strongest class and score matter: the pixel is foreground at exactly those thresholds that
lie below the score. So pixels are counted once by (true class, strongest class, number of thresholds below the
score), and a cumulative sum gives the confusion matrix of every threshold.
"""

import numpy as np

from orandnet.evaluation.confusion import NUM_IDS, Scores, check_ids
from orandnet.files.mask import IGNORE_INDEX
from orandnet.pseudo_mask.threshold import (
    Curve,
    ThresholdRule,
    as_scores,
    check_classes,
    confidence,
    select_threshold,
    strongest_class,
)

WITHOUT_TRUTH = ("otsu", "fixed")  # rules that look at no true mask
NUM_CELLS = 4096  # of [0, 1]; a power of two, so that finding a score's cell rounds nothing


def even_thresholds(number: int) -> np.ndarray:
    """Return `number` background thresholds, (T,) float64, ascending from 0 to 1 in equal steps."""
    return np.round(np.linspace(0, 1, number), 6)


def confusion_by_threshold(
    scores: np.ndarray,
    classes: np.ndarray,
    ground_truth: np.ndarray,
    thresholds: np.ndarray,
    *,
    num_classes: int,
) -> np.ndarray:
    """Return the confusion matrix of the pseudo mask at every background threshold.

    Equal to `confusion_matrix(pseudo_mask(scores, classes, background_threshold=t), ground_truth)` for each t.

    Args:
        scores: (K, H, W) float, as a rule in [0, 1]; K may be 0.
        classes: (K,) mask ids of the maps, ascending.
        ground_truth: (H, W) mask ids; pixels of 255 are not counted.
        thresholds: (T,) in any order, repetitions allowed.
        num_classes: number of classes C with background.

    Returns:
        (T, C, C) int64, rows = ground truth, in the order of `thresholds`.

    Raises:
        ValueError: if shapes do not fit or an id is not below `num_classes`.
    """
    scores, ground_truth = as_scores(scores), np.asarray(ground_truth)
    classes = check_classes(scores, classes)
    if ground_truth.shape != scores.shape[1:]:
        raise ValueError(
            f"scores: {scores.shape[1:]} pixels, but the ground truth has {ground_truth.shape}; resize the scores."
        )
    if classes.size and classes[-1] >= num_classes:
        raise ValueError(f"classes: {classes[-1]} is outside the {num_classes} classes; use one class list.")
    thresholds = np.asarray(thresholds, dtype=scores.dtype)
    order = np.argsort(thresholds, kind="stable")
    counts = _histogram(scores, ground_truth, thresholds[order])
    check_ids(counts[:IGNORE_INDEX].sum((1, 2)), num_classes, "ground truth")
    confusions = np.empty((len(thresholds), num_classes, num_classes), dtype=np.int64)
    confusions[order] = _confusions(counts[:num_classes], classes)
    return confusions


def _histogram(scores: np.ndarray, ground_truth: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Return (256, max(K, 1), T + 1) pixels by true id, position of the strongest class, thresholds below it."""
    best, position = strongest_class(scores)
    shape = (NUM_IDS, max(len(scores), 1), len(ascending) + 1)
    places = (ground_truth.astype(np.intp) * shape[1] + position) * shape[2] + count_below(best, ascending)
    return np.bincount(places.ravel(), minlength=np.prod(shape)).reshape(shape)


def _confusions(counts: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return (T, C, C) confusion matrices of ascending thresholds from the (C, K, T + 1) histogram."""
    num_classes, _, num_bins = counts.shape
    # foreground at threshold i are the pixels with more than i thresholds below their score
    foreground = np.cumsum(counts[:, :, :0:-1], axis=2)[:, :, ::-1]
    confusions = np.zeros((num_bins - 1, num_classes, num_classes), dtype=np.int64)
    confusions[:, :, classes] = np.moveaxis(foreground[:, : len(classes)], 2, 0)
    confusions[:, :, 0] = counts.sum((1, 2)) - confusions.sum(2)
    return confusions


def count_below(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Return how many thresholds lie strictly below each value, exactly as `numpy.searchsorted` but much faster.

    [0, 1] is cut into cells. In a cell that holds no threshold the count is read from a table; the few values of
    other cells are searched.

    Args:
        values: (H, W) float; values outside [0, 1] are allowed.
        ascending: (T,) thresholds of the same type, ascending.

    Returns:
        (H, W) intp in 0..T.
    """
    edges = np.r_[-np.inf, np.arange(1, NUM_CELLS + 1) / NUM_CELLS, np.inf]
    below_edge = np.searchsorted(ascending, edges)
    unclear = -1
    table = np.where(np.diff(below_edge) > 0, unclear, below_edge[:-1])
    counts = table.take(np.clip(values.ravel() * NUM_CELLS, 0, NUM_CELLS).astype(np.intp))
    searched = np.flatnonzero(counts == unclear)
    counts[searched] = np.searchsorted(ascending, values.ravel()[searched])
    return counts.reshape(values.shape)


def kept_share(scores: np.ndarray, background_threshold: float, ignore_below: float) -> float:
    """Return the share, in 0..1, of the pixels whose class in the arg-max is not less probable than `ignore_below`."""
    probable = confidence(scores, background_threshold=background_threshold)
    return float(np.count_nonzero(probable >= ignore_below) / probable.size)


def curve_of(thresholds: np.ndarray, by_threshold: Scores) -> Curve:
    """Return the curve of a sweep, in percent.

    Args:
        thresholds: (T,) background thresholds.
        by_threshold: scores with means of shape (T,).
    """
    means = (by_threshold.miou, by_threshold.mean_precision, by_threshold.mean_recall)
    return Curve(np.asarray(thresholds, dtype=float), *(100 * values for values in means))


def thresholds_by_rule(curve: Curve, *, background_threshold: float, otsu: float) -> dict[ThresholdRule, float]:
    """Return the threshold that every rule chooses on a curve, those without ground truth first.

    Where no true pixel counts, all rules that ask for some have Otsu's threshold; nothing is scored there.
    """
    tuned = ("best_miou", "precision_ge_recall")
    if np.isnan(curve.miou).all():
        return {"otsu": otsu, "fixed": background_threshold} | dict.fromkeys(tuned, otsu)
    return {
        rule: select_threshold(curve, rule, background_threshold=background_threshold, otsu=otsu)
        for rule in (*WITHOUT_TRUTH, *tuned)
    }
