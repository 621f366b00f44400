"""From class scores to mask ids: the arg-max against a constant background, and the choice of that constant.

One convention holds in the whole package. The background has the score `background_threshold` at every pixel and
comes first in the arg-max; the classes follow in ascending order. So a pixel is foreground only if its highest score
is strictly above the threshold, and equal classes go to the lowest id. A threshold is rounded to the type of the
scores before it is compared, as in an arg-max over one array.
"""

from typing import NamedTuple

import numpy as np

from orandnet.files.mask import IGNORE_INDEX
from orandnet.pseudo_mask import ThresholdRule

SMALLEST_ODDS = 1e-6  # a threshold of 0 or 1 leaves no doubt, and no number


class Curve(NamedTuple):
    """Quality by background threshold; arrays (T,) float in one unit, entries may be nan where undefined."""

    background_threshold: np.ndarray
    miou: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def as_scores(scores: np.ndarray) -> np.ndarray:
    """Return scores as (K, H, W) float32, or float64 where they are float64.

    Raises:
        ValueError: if the array has not three axes.
    """
    scores = np.asarray(scores)
    if scores.ndim != 3:
        raise ValueError(f"scores: the shape is {scores.shape}; give one map per class, (K, H, W).")
    return scores if scores.dtype == np.float64 else scores.astype(np.float32, copy=False)


def strongest_class(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest score of every pixel and the position of its class, the first one where scores tie.

    Args:
        scores: (K, H, W) float; K may be 0.

    Returns:
        (H, W) scores, -inf without classes, and (H, W) intp positions in 0..K-1, 0 without classes.
    """
    position = np.zeros(scores.shape[1:], dtype=np.intp)
    if not len(scores):
        return np.full(scores.shape[1:], -np.inf, dtype=scores.dtype), position
    best = scores[0]
    for k in range(1, len(scores)):
        # k exceeds every position so far, so the maximum overwrites; indexing by a mask is ten times slower
        position = np.maximum(position, (scores[k] > best) * np.intp(k))
        best = np.maximum(best, scores[k])
    return best, position


def check_classes(scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the classes as (K,) int64 after a check that they name the maps, ascending, in 1..254.

    Raises:
        ValueError: if the number, the order or the range is wrong.
    """
    classes = np.asarray(classes, dtype=np.int64)
    if classes.shape != scores.shape[:1]:
        raise ValueError(f"classes: {classes.tolist()} do not name {len(scores)} maps; give one mask id per map.")
    if classes.size and (classes[0] < 1 or classes[-1] > 254 or (np.diff(classes) <= 0).any()):
        raise ValueError(f"classes: {classes.tolist()} are not ascending mask ids in 1..254; sort them.")
    return classes


def pseudo_mask(scores: np.ndarray, classes: np.ndarray, *, background_threshold: float) -> np.ndarray:
    """Return the mask of the arg-max over [background_threshold, scores...], background first.

    Args:
        scores: (K, H, W) float, as a rule in [0, 1]; K may be 0.
        classes: (K,) mask ids of the maps, ascending.
        background_threshold: score of the background at every pixel.

    Returns:
        (H, W) uint8 mask ids; no pixel is ignored.
    """
    scores = as_scores(scores)
    classes = check_classes(scores, classes)
    best, position = strongest_class(scores)
    ids = np.append(classes, 0).astype(np.uint8)  # one entry more, so that K = 0 can be indexed
    return np.where(best > scores.dtype.type(background_threshold), ids[position], np.uint8(0))


def confidence(scores: np.ndarray, *, background_threshold: float) -> np.ndarray:
    """Return the probability of every pixel's class in the arg-max, the background's included.

    Classes weigh what they score, and the background (1 - s) t / (1 - t), where s is the highest score: as much as the
    best class where that equals the threshold t, nothing where it is sure. Of the scores that a CRF's probabilities p
    became, p / (max p + background), this gives the CRF's own probability where t is 1/2.

    Args:
        scores: (K, H, W) float in [0, 1]; K may be 0.
        background_threshold: score of the background.

    Returns:
        (H, W) float in (0, 1].
    """
    scores = as_scores(scores)
    best, _ = strongest_class(scores)
    best = best.clip(0, 1)  # without classes the background is sure
    limit = min(max(background_threshold, SMALLEST_ODDS), 1 - SMALLEST_ODDS)
    background = (1 - best) * scores.dtype.type(limit / (1 - limit))
    return np.maximum(best, background) / (background + scores.sum(axis=0))


def without_doubtful(mask: np.ndarray, probable: np.ndarray, ignore_below: float) -> np.ndarray:
    """Return a mask that is 255 where its class is less probable than `ignore_below`.

    Args:
        mask: (H, W) uint8 mask ids.
        probable: (H, W) float, as `confidence` gives.
        ignore_below: probability in (0, 1).
    """
    return np.where(probable < ignore_below, np.uint8(IGNORE_INDEX), mask)


def select_threshold(
    curve: Curve | None, rule: ThresholdRule, *, background_threshold: float, otsu: float | None = None
) -> float:
    """Return the background threshold that a rule chooses.

    fixed               -> `background_threshold`; needs no curve and no ground truth.
    otsu                -> `otsu`, which the scores themselves gave; needs no curve and no ground truth.
    best_miou           -> the lowest threshold of the highest mIoU.
    precision_ge_recall -> going up, the first threshold whose mean precision is at least its mean recall, the rule
                           that the published numbers of Park & Shim (2024) fit. Where precision stays below recall,
                           the threshold of the smallest gap between them.

    The last two look at ground truth, through the curve.

    Args:
        curve: quality by threshold, in any order.
        rule: which rule.
        background_threshold: what `fixed` returns.
        otsu: what `otsu` returns.
    """
    if rule == "fixed":
        return float(background_threshold)
    if rule == "otsu":
        if otsu is None:
            raise ValueError("threshold_rule: 'otsu' needs the thresholds that the scores give; give otsu.json.")
        return float(otsu)
    if curve is None:
        raise ValueError(f"threshold_rule: {rule!r} needs a threshold curve, and there is none; give curve.csv.")
    ascending = np.argsort(curve.background_threshold, kind="stable")
    thresholds, miou, precision, recall = (np.asarray(values, dtype=float)[ascending] for values in curve)
    # 0 where precision has reached recall: the first minimum is then the first such threshold
    merit = miou if rule == "best_miou" else -np.maximum(recall - precision, 0)
    if np.isnan(merit).all():
        raise ValueError(f"threshold_rule: {rule!r} finds no number in the curve; evaluate images with labels.")
    return float(thresholds[np.nanargmax(merit)])
