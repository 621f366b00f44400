"""Otsu's threshold of a method's scores over all training images, which asks no ground truth.

Otsu (1979) splits a histogram where the two sides' means are furthest apart, weighted by their shares: the largest
variance between the sides. That supposes that both sides are spread alike. Scores of a classifier are; those of a
product of n such scores are crowded at 0, and those of their union at 1. So scores are counted on the scale of the
members:

    single   p                   a source, the mean
    sum      p / n               the members' sum
    product  p^(1/n)             AND of n members, ORANDNet that learns it
    union    1 - (1 - p)^(1/n)   OR of n members

On it a pixel on which all members have the score p has the score p itself, and the threshold goes back the same way. A
pixel's score is the highest over the image's classes, as in the arg-max against the background.
"""

from typing import NamedTuple

import numpy as np

from orandnet.pseudo_mask import Form, from_members

BINS = 1024  # of [0, 1]; a power of two, so that the edges are exact


class Split(NamedTuple):
    """Where a histogram over [0, 1] is split, and the means of both sides."""

    threshold: float
    lower_mean: float
    upper_mean: float


def to_members(scores: np.ndarray, form: Form, members: int) -> np.ndarray:
    """Return the scores on the scale of the members.

    Args:
        scores: float array in [0, 1]; of a sum up to the number of members.
        form: what the scores are made of.
        members: number of members n, 1 or more.
    """
    if form == "product":
        return scores ** (1 / members)
    if form == "union":
        return 1 - (1 - scores) ** (1 / members)
    return scores / members if form == "sum" else scores


def histogram(scores: np.ndarray, form: Form, members: int) -> np.ndarray:
    """Return the (BINS,) int64 numbers of cells by their highest score, on the scale of the members.

    Args:
        scores: (K, h, w) float; of an image without classes (K = 0) nothing is counted. Scores that an offset raised
            above the scale count as its end.
        form: what the scores are made of.
        members: number of members.
    """
    if not len(scores):
        return np.zeros(BINS, dtype=np.int64)
    highest = to_members(scores.max(axis=0).clip(0, members if form == "sum" else 1), form, members)
    places = (highest * BINS).astype(np.int64).clip(0, BINS - 1)
    return np.bincount(places.ravel(), minlength=BINS)


def otsu_split(counts: np.ndarray) -> Split:
    """Return the split of a histogram over [0, 1] with the largest variance between its sides.

    Of several equal ones, as over a gap, the middle. Where all cells lie in one bin there is nothing to split:
    threshold and means are that bin's centre.

    Args:
        counts: (B,) non-negative numbers of equal bins, not all 0.
    """
    share = counts / counts.sum()
    centres = (np.arange(len(counts)) + 0.5) / len(counts)
    lower, moment = np.cumsum(share)[:-1], np.cumsum(share * centres)[:-1]
    mean = float(share @ centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mean * lower - moment) ** 2 / (lower * (1 - lower))
    between = np.where((lower > 0) & (lower < 1 - 1e-12), between, -np.inf)
    if not np.isfinite(between).any():
        return Split(mean, mean, mean)
    best = int(between.argmax())
    gap = np.flatnonzero(lower == lower[best])  # splitting anywhere in a row of empty bins is the same
    threshold = (gap[0] + gap[-1] + 2) / 2 / len(counts)
    return Split(float(threshold), float(moment[best] / lower[best]), float((mean - moment[best]) / (1 - lower[best])))


def thresholds_of(split: Split, form: Form, members: int, *, margin: float) -> tuple[float, ...]:
    """Return the scores of the background, of sure background and of sure objects, as scores of the method.

    Args:
        split: on the scale of the members.
        form: what the scores are made of.
        members: number of members.
        margin: how far the sure sides lie from the threshold, in 0..1 of the way to the mean of each side.
    """
    sides = (split.threshold + margin * (mean - split.threshold) for mean in (split.lower_mean, split.upper_mean))
    return tuple(from_members(score, form, members) for score in (split.threshold, *sides))
