"""Colours of masks: VOC's table, and masks whose ids are told by the colours of their pixels alone."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from orandnet.files.palette import voc_palette

Color = tuple[int, int, int]


def voc_colors() -> dict[Color, int]:
    """Return colour -> id of all 256 ids of VOC's table; 255, the ignored border, is (224, 224, 192)."""
    flat = voc_palette()
    return {tuple(flat[3 * index : 3 * index + 3]): index for index in range(256)}


class ColorTable:
    """What the colours of a mask mean."""

    def __init__(self, ids: Mapping[Color, int]):
        """Hold `ids`, (red, green, blue) -> mask id, all in 0..255."""
        codes = np.array([_code(*color) for color in ids], dtype=np.int64)
        order = np.argsort(codes)
        self._codes, self._ids = codes[order], np.array(list(ids.values()), dtype=np.uint8)[order]

    def ids_of(self, image: Image.Image, path: Path) -> np.ndarray:
        """Return the (H, W) uint8 ids of an RGB, palette or grey image.

        Raises:
            ValueError: names the first pixel whose colour the table lacks, or which is transparent.
        """
        if image.mode not in ("RGB", "RGBA", "P", "L"):
            raise ValueError(f"{path}: mode {image.mode} holds no colours of 8 bits; save the mask as RGB.")
        pixels = np.asarray(image.convert("RGBA"), dtype=np.int64)
        codes = _code(pixels[..., 0], pixels[..., 1], pixels[..., 2])
        found = np.searchsorted(self._codes, codes).clip(max=len(self._codes) - 1)
        wrong = (self._codes[found] != codes) | (pixels[..., 3] != 255)
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            what = f"the colour {tuple(pixels[row, column, :3].tolist())}"
            if pixels[row, column, 3] != 255:
                what = "a transparent colour"
            raise ValueError(
                f"{path}: has {what} at x {column}, y {row} ({np.count_nonzero(wrong)} such pixels), which is not in "
                "dataset.mask_colors; add it, or save the mask without smoothed edges."
            )
        return self._ids[found]


def _code(red, green, blue):
    """Return one number per colour, of ints or of arrays."""
    return (red << 16) | (green << 8) | blue
