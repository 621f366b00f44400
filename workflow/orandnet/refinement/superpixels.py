"""Superpixels of an image, by scikit-image."""

import numpy as np
from skimage.segmentation import felzenszwalb, slic

from orandnet.refinement.segments import segments_of
from orandnet.refinement.settings import SuperpixelRefinement


def superpixels(rgb: np.ndarray, settings: SuperpixelRefinement) -> list[np.ndarray]:
    """Return the flat positions of the pixels of each superpixel of an (H, W, 3) uint8 image, which they cover."""
    if settings.algorithm == "slic":
        labels = slic(
            rgb,
            n_segments=settings.num_segments,
            compactness=settings.compactness,
            sigma=settings.sigma,
            start_label=0,
        )
    else:
        labels = felzenszwalb(rgb, scale=settings.scale, sigma=settings.sigma, min_size=settings.min_size)
    return segments_of(labels)
