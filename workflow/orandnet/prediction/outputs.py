"""The files of one new image: its mask, a picture to look at, and its class probabilities.

Needs no torch, so that worker processes start fast.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.files.atomic import atomic_path
from orandnet.files.mask import write_mask
from orandnet.prediction.variants import mask_of, variant_scores


class Outputs(NamedTuple):
    """Where the files of an image belong; None for what is not asked for.

    Attributes:
        mask: palette PNG of the image's size.
        overlay: the mask in colours over the image, with the names of its classes below (PNG).
        probabilities: `probabilities` (C, H, W) float16 (npz).
    """

    mask: Path
    overlay: Path | None
    probabilities: Path | None


def write_outputs(
    outputs: Outputs,
    rgb: np.ndarray,
    before_crf: dict[str, np.ndarray],
    *,
    class_names: Sequence[str],
    variant: str,
    **refinement: object,
) -> None:
    """Refine the probabilities of an image and write its files.

    Args:
        outputs: which files.
        rgb: (H, W, 3) uint8.
        before_crf: as `variant_scores` takes them.
        class_names: by mask id.
        variant: which one is written.
        refinement: further arguments of `variant_scores`.
    """
    scores = variant_scores(rgb, before_crf, **refinement)[variant]
    mask = mask_of(scores)
    if outputs.probabilities is not None:
        file = io.BytesIO()
        np.savez_compressed(file, probabilities=scores.astype(np.float16))
        with atomic_path(outputs.probabilities) as temporary:
            temporary.write_bytes(file.getvalue())
    if outputs.overlay is not None:
        _write_overlay(outputs.overlay, rgb, mask, class_names)
    write_mask(outputs.mask, mask)


def _write_overlay(path: Path, rgb: np.ndarray, mask: np.ndarray, class_names: Sequence[str]) -> None:
    from orandnet.maps.pictures import mask_colors, mask_over, save_picture, with_names  # waits for matplotlib

    ids = np.unique(mask)
    colors = [tuple(color) for color in mask_colors(ids).tolist()]
    names = [(class_names[mask_id], color) for mask_id, color in zip(ids.tolist(), colors, strict=True)]
    save_picture(with_names(mask_over(rgb, mask), names), path)
