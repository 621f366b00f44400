"""Labels that teach which pixels belong together, from CAMs alone (Ahn, Cho & Kwak 2019)."""

import numpy as np

from orandnet.crf.dense_crf import CrfSettings, crf_from_labels
from orandnet.files.mask import IGNORE_INDEX

BACKGROUND = 0
FEW = 0.01  # share of the pixels


def ir_label(
    rgb: np.ndarray,
    scores: np.ndarray,
    classes: np.ndarray,
    *,
    foreground_threshold: float = 0.30,
    background_threshold: float = 0.05,
    confidence: float = 0.7,
    crf: CrfSettings,
) -> np.ndarray:
    """Return the mask ids of the confident pixels of an image.

    The scores are labelled twice, by arg-max against a constant background score and a dense CRF. What stays
    foreground against the high threshold is confident foreground, what stays background against the low one
    is confident background, and the pixels between teach nothing.

    Args:
        rgb: (H, W, 3) uint8.
        scores: (K, H, W) float in [0, 1].
        classes: (K,) mask ids, K >= 0.
        foreground_threshold: background score of the first labelling.
        background_threshold: background score of the second labelling.
        confidence: probability in (0, 1) that the CRF gives to the arg-max.
        crf: pairwise terms.

    Returns:
        (H, W) uint8 of 0, `classes`, and 255 where unsure.
    """
    thresholds = (foreground_threshold, background_threshold)
    labels = np.stack([label_against(scores, threshold) for threshold in thresholds])
    foreground, background = crf_from_labels(
        rgb, labels, num_labels=len(classes) + 1, confidence=confidence, settings=crf
    )
    return combine(foreground, background, classes)


def count_sure(label: np.ndarray) -> np.ndarray:
    """Return (2,) int64: pixels of an (H, W) label that are sure foreground, and sure background."""
    background = np.count_nonzero(label == BACKGROUND)
    return np.array([np.count_nonzero(label != IGNORE_INDEX) - background, background])


def describe_sure(foreground: float, background: float) -> str:
    """Return a line on the shares, in 0..1, of sure pixels; of few of a kind, with what to change."""
    line = f"{foreground:.0%} of the pixels are sure foreground, {background:.0%} sure background"
    if background < FEW:
        line += "; no boundary can be learned against background: lower pseudo_mask.sure_margin, "
        line += "or raise irn.labels.background_threshold"
    if foreground < FEW:
        line += "; no boundary can be learned around objects: lower pseudo_mask.sure_margin, "
        line += "or irn.labels.foreground_threshold"
    return line + "."


def combine(foreground: np.ndarray, background: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the mask ids on which two labellings agree to be sure.

    Args:
        foreground: (H, W) int in 0..K, 0 where no class reaches the high threshold.
        background: (H, W) int in 0..K, 0 where no class reaches the low threshold.
        classes: (K,) mask ids of the labels 1..K.

    Returns:
        (H, W) uint8: the class where `foreground` names one, 0 where both say background, else 255.
    """
    ids = np.concatenate([[BACKGROUND], classes]).astype(np.uint8)
    named = np.where(foreground > 0, ids[foreground], np.uint8(IGNORE_INDEX))
    return np.where((foreground == 0) & (background == 0), np.uint8(BACKGROUND), named)


def label_against(scores: np.ndarray, background_score: float) -> np.ndarray:
    """Return 1 + the place of the best class where it exceeds the background's score, else 0.

    Args:
        scores: (K, H, W) float.
        background_score: score of the background at every pixel; it wins ties.

    Returns:
        (H, W) int64 in 0..K.
    """
    background = np.full((1, *scores.shape[1:]), background_score, dtype=scores.dtype)
    return np.concatenate([background, scores]).argmax(axis=0)
