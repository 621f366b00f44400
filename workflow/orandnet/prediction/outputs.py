"""The files of one new image: its mask, a picture to look at, and its class probabilities.

Needs no torch, so that worker processes start fast.
"""

import io
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
        overlay: the mask in colours over the image (PNG).
        probabilities: `probabilities` (C, H, W) float16 (npz).
    """

    mask: Path
    overlay: Path | None
    probabilities: Path | None


def write_outputs(
    outputs: Outputs, rgb: np.ndarray, before_crf: dict[str, np.ndarray], *, variant: str, **refinement: object
) -> None:
    """Refine the probabilities of an image, (H, W, 3) uint8, and write its files; see `variant_scores`."""
    scores = variant_scores(rgb, before_crf, **refinement)[variant]
    mask = mask_of(scores)
    if outputs.probabilities is not None:
        file = io.BytesIO()
        np.savez_compressed(file, probabilities=scores.astype(np.float16))
        with atomic_path(outputs.probabilities) as temporary:
            temporary.write_bytes(file.getvalue())
    if outputs.overlay is not None:
        from orandnet.maps.pictures import mask_over, save_picture  # waits for matplotlib

        save_picture(mask_over(rgb, mask), outputs.overlay)
    write_mask(outputs.mask, mask)
