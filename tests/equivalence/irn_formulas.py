"""IRN's formulas (Ahn, Cho and Kwak, CVPR 2019), pair by pair and in float64, as slowly as they read.

Arrays are numpy. A pair is two cells of the grid; nothing here knows of offsets, shifts or sparse matrices.
"""

import math
from itertools import product

import numpy as np


def path_cells(dy, dx):
    """Return the cells of the box between (0, 0) and (dy, dx) that lie closer than 1 to the line through both."""
    box = product(range(min(0, dy), max(0, dy) + 1), range(min(0, dx), max(0, dx) + 1))
    return {(y, x) for y, x in box if abs(dy * x - dx * y) / math.hypot(dy, dx) < 1}


def pairs(shape, radius):
    """Yield each pair of cells closer than `radius` once, the upper cell, or the left one of a row, first."""
    cells = list(product(range(shape[0]), range(shape[1])))
    for first, (y, x) in enumerate(cells):
        for v, u in cells[first + 1 :]:
            if (v - y) ** 2 + (u - x) ** 2 < radius**2:
                yield (y, x), (v, u)


def affinity(boundary, one, other):
    """Return 1 - the strongest boundary on the path between two cells."""
    path = path_cells(other[0] - one[0], other[1] - one[1])
    return 1 - max(boundary[one[0] + y, one[1] + x] for y, x in path)


def loss(boundaries, labels, radius):
    """Return the loss of (N, h, w) boundaries against (N, h, w) labels: a quarter each of the two kinds of pairs that
    belong together, background and foreground, and one half of those that do not.
    """
    costs = {"background": [], "foreground": [], "different": []}
    for boundary, label in zip(boundaries, labels, strict=True):
        for one, other in pairs(boundary.shape, radius):
            if 255 in (label[one], label[other]):
                continue
            a = affinity(boundary, one, other)
            if label[one] != label[other]:
                costs["different"].append(-math.log(1 + 1e-5 - a))
            else:
                costs["foreground" if label[one] else "background"].append(-math.log(a + 1e-5))
    means = {kind: np.mean(found) if found else 0.0 for kind, found in costs.items()}
    return means["background"] / 4 + means["foreground"] / 4 + means["different"] / 2


def walk(scores, boundary, radius, beta, exp_times):
    """Return (K, h, w) scores after 2^exp_times steps, by squaring the dense transition matrix."""
    height, width = boundary.shape
    matrix = np.eye(height * width)
    for one, other in pairs(boundary.shape, radius):
        i, j = one[0] * width + one[1], other[0] * width + other[1]
        matrix[i, j] = matrix[j, i] = affinity(boundary, one, other) ** beta
    matrix = matrix / matrix.sum(axis=0, keepdims=True)
    for _ in range(exp_times):
        matrix = matrix @ matrix
    return ((scores * (1 - boundary)).reshape(len(scores), -1) @ matrix).reshape(scores.shape)


def mean_field(rgb, labels, num_labels, confidence, *, steps, terms):
    """Return the labels after a fully connected CRF (Kraehenbuehl and Koltun 2011), with every pair of pixels summed.

    A kernel is normalised on both sides by the square root of its row sums. `terms` are (weight, standard deviation of
    the position, of the colour or None).
    """
    height, width = labels.shape
    y, x = np.mgrid[:height, :width]
    place, color = np.stack([y, x], axis=2).reshape(-1, 2).astype(float), rgb.reshape(-1, 3).astype(float)
    total = np.zeros((height * width, height * width))
    for weight, spatial, chromatic in terms:
        features = [place / spatial] + ([] if chromatic is None else [color / chromatic])
        features = np.concatenate(features, axis=1)
        kernel = np.exp(-((features[:, None] - features[None]) ** 2).sum(axis=2) / 2)
        norm = np.sqrt(kernel.sum(axis=1))
        total += weight * kernel / np.outer(norm, norm)
    is_label = labels.reshape(-1, 1) == np.arange(num_labels)
    unary = np.log(np.where(is_label, confidence, (1 - confidence) / (num_labels - 1)))
    belief = np.exp(unary) / np.exp(unary).sum(axis=1, keepdims=True)
    for _ in range(steps):
        belief = np.exp(unary + total @ belief)
        belief /= belief.sum(axis=1, keepdims=True)
    return belief.argmax(axis=1).reshape(height, width)


def inter_pixel_label(rgb, scores, classes, *, foreground, background):
    """Return the mask ids of the sure pixels: those the CRF calls a class against the high threshold, and those it
    calls background against the low one as well.
    """
    terms = ((3.0, 3.0, None), (10.0, 50.0, 5.0))
    found = []
    for threshold in (foreground, background):
        raw = np.concatenate([np.full((1, *scores.shape[1:]), threshold), scores]).argmax(axis=0)
        found.append(mean_field(rgb, raw, len(classes) + 1, 0.7, steps=10, terms=terms))
    ids = np.array([0, *classes])
    label = np.where(found[0] == 0, 255, ids[found[0]])
    label[(found[0] == 0) & (found[1] == 0)] = 0
    return label
