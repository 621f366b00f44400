"""From class probabilities to masks: without and with a dense CRF.

Needs no torch, so that worker processes start fast.
"""

import numpy as np

from orandnet.crf.dense_crf import CrfSettings, crf_from_probabilities


def variant_scores(
    rgb: np.ndarray,
    probabilities: dict[str, np.ndarray],
    *,
    variants: tuple[str, ...],
    crf: CrfSettings,
    min_probability: float,
) -> dict[str, np.ndarray]:
    """Return the class probabilities of each variant, (C, H, W) float32 in [0, 1] that sum to 1 at every pixel.

    Args:
        rgb: (H, W, 3) uint8.
        probabilities: `ss` and `ms` -> (C, H, W) float32 in [0, 1].
        variants: names of probabilities, with `_crf` behind where a dense CRF refines them.
        crf: settings of the CRF.
        min_probability: classes that stay below it are left out of the CRF.
    """
    scores = {variant: probabilities[variant.removesuffix("_crf")] for variant in variants}
    refined = [variant for variant in variants if variant.endswith("_crf")]
    if refined:
        together = np.stack([scores[variant] for variant in refined])
        together = crf_from_probabilities(rgb, together, settings=crf, min_probability=min_probability)
        scores |= dict(zip(refined, together, strict=True))
    return scores


def variant_masks(rgb: np.ndarray, probabilities: dict[str, np.ndarray], **how: object) -> dict[str, np.ndarray]:
    """Return the mask of each variant, (H, W) uint8 mask ids; the arguments are those of `variant_scores`."""
    return {name: mask_of(scores) for name, scores in variant_scores(rgb, probabilities, **how).items()}


def mask_of(scores: np.ndarray) -> np.ndarray:
    """Return the most probable class of each pixel, (H, W) uint8, of (C, H, W) probabilities."""
    mask, best = np.zeros(scores.shape[1:], dtype=np.uint8), scores[0]
    for class_id in range(1, len(scores)):
        higher = scores[class_id] > best
        if higher.any():  # not where the CRF left a class out
            # a class exceeds every id so far, so the maximum overwrites; numpy's arg-max is slower
            mask = np.maximum(mask, higher * np.uint8(class_id))
            best = np.maximum(best, scores[class_id])
    return mask
