"""What a dense CRF starts from and ends with: scores of a CAM as probabilities of background and classes, and back."""

import numpy as np

from orandnet.pseudo_mask.otsu import Form, to_members


def with_background(
    scores: np.ndarray, *, background_threshold: float | None, alpha: int, form: Form, members: int
) -> np.ndarray:
    """Return the scores on the scale of the members, behind the background's.

    They are read as probabilities that need not sum to 1: a factor of all labels of a pixel cancels in the mean field.

    Args:
        scores: (K, H, W) float.
        background_threshold: score of the background at every pixel, of the method's own scale; None for
            (1 - max)^alpha, max being the pixel's highest score on the scale of the members (Lin et al. 2023, CLIP-ES).
        alpha: that exponent.
        form: what the scores are made of.
        members: number of members that they are made of.

    Returns:
        (1 + K, H, W) float32 in [0, 1], background first.
    """
    limit = members if form == "sum" else 1
    weights = to_members(scores.clip(0, limit), form, members).astype(np.float32)
    if background_threshold is None:
        background = (1 - weights.max(axis=0, initial=0)) ** alpha
    else:
        level = to_members(np.float64(min(max(background_threshold, 0), limit)), form, members)
        background = np.full(scores.shape[1:], level, dtype=np.float32)
    return np.concatenate([background[None], weights])


def against_background(probabilities: np.ndarray) -> np.ndarray:
    """Return the class scores p / (max p + background) of (1 + K, H, W) probabilities, background first.

    They are in the order of the probabilities, and the highest exceeds one half exactly where its class is more
    probable than the background. With a background of 1 - max they give the probabilities back.
    """
    background, classes = probabilities[:1], probabilities[1:]
    return classes / (classes.max(axis=0, initial=0) + background)
