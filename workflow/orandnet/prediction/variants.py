"""From class probabilities to masks: without and with a dense CRF.

Needs no torch, so that worker processes start fast.
"""

import numpy as np

from orandnet.crf import CrfSettings, crf_from_probabilities


def variant_masks(
    rgb: np.ndarray,
    probabilities: dict[str, np.ndarray],
    *,
    variants: tuple[str, ...],
    crf: CrfSettings,
    min_probability: float,
) -> dict[str, np.ndarray]:
    """Return the mask of each variant, (H, W) uint8 mask ids.

    Args:
        rgb: (H, W, 3) uint8.
        probabilities: `ss` and `ms` -> (C, H, W) float32 in [0, 1].
        variants: names of probabilities, with `_crf` behind where a dense CRF refines them.
        crf: settings of the CRF.
        min_probability: classes that stay below it are left out of the CRF.
    """
    masks = {}
    for variant in variants:
        scores = probabilities[variant.removesuffix("_crf")]
        if variant.endswith("_crf"):
            scores = crf_from_probabilities(rgb, scores, settings=crf, min_probability=min_probability)
        masks[variant] = scores.argmax(axis=0).astype(np.uint8)
    return masks
