"""Segments that know no class take that of a mask: the rule of SAM-enhanced pseudo labels.

Chen, Mai, Li & Chao (2023, arXiv 2305.05803): each segment belongs to the class that it overlaps most. It is chosen if
that class covers enough of it, or if it covers enough of that class. The chosen segments of a class replace its pixels
that lie in any segment. A class for which none is chosen keeps its own, where the authors' code drops it.
"""

from collections.abc import Sequence

import numpy as np

from orandnet.files.mask import IGNORE_INDEX
from orandnet.pseudo_mask.threshold import pseudo_mask

NUM_IDS = IGNORE_INDEX + 1


def merge(
    mask: np.ndarray, segments: Sequence[np.ndarray], *, segment_share: float, class_share: float | None
) -> np.ndarray:
    """Return the mask whose classes have taken the form of segments.

    Of segments that lie over one another, the one that its class covers most is on top; of equal ones the smaller.
    Pixels in no segment at all, and a class for which none is chosen, stay as they are.

    Args:
        mask: (H, W) uint8 mask ids.
        segments: flat positions of the pixels of each, integers; they may overlap and leave pixels out.
        segment_share: a segment is chosen if its class covers at least this share of it.
        class_share: or if it covers at least this share of its class; None: not for that reason.

    Returns:
        (H, W) uint8 mask ids.
    """
    flat = mask.ravel()
    pixels = np.bincount(flat, minlength=NUM_IDS)
    chosen, covered = [], np.zeros(flat.shape, dtype=bool)
    for segment in segments:
        covered[segment] = True
        overlaps = np.bincount(flat[segment], minlength=NUM_IDS)
        overlaps[[0, IGNORE_INDEX]] = 0
        class_id = int(overlaps.argmax())
        if not overlaps[class_id]:
            continue
        purity = overlaps[class_id] / len(segment)
        whole = class_share is not None and overlaps[class_id] >= class_share * pixels[class_id]
        if purity >= segment_share or whole:
            chosen.append((purity, -len(segment), class_id, segment))
    replaced = np.zeros(NUM_IDS, dtype=bool)
    replaced[[class_id for *_, class_id, _ in chosen]] = True
    result = np.where(replaced[flat] & covered, np.uint8(0), flat)
    for _, _, class_id, segment in sorted(chosen, key=lambda one: one[:2]):
        result[segment] = class_id
    return result.reshape(mask.shape)


def segments_of(labels: np.ndarray) -> list[np.ndarray]:
    """Return the flat positions of the pixels of each number in (H, W) integers, in the order of the numbers."""
    flat = labels.ravel()
    order = np.argsort(flat, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(flat[order])) + 1)


def merged_scores(
    scores: np.ndarray,
    classes: np.ndarray,
    segments: Sequence[np.ndarray],
    *,
    background_threshold: float,
    segment_share: float,
    class_share: float | None,
) -> np.ndarray:
    """Return (K, H, W) float32 scores: 1 where the mask of a CAM has the class after the merging, else 0.

    Args:
        scores: (K, H, W) float of the CAM.
        classes: (K,) mask ids.
        segments: as in `merge`, which also says what the shares are.
        background_threshold: of the mask before the merging.
        segment_share, class_share: when a segment is chosen.
    """
    mask = pseudo_mask(scores, classes, background_threshold=background_threshold)
    merged = merge(mask, segments, segment_share=segment_share, class_share=class_share)
    return (merged == np.asarray(classes, dtype=np.int64)[:, None, None]).astype(np.float32)
