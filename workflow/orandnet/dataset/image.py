"""Photographs as arrays."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from orandnet.files.picture import MOST_BYTES, PHOTOGRAPH_FORMATS, decode_picture
from orandnet.files.regular import read_regular

# EXIF orientation -> what makes the picture upright
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BACK = {turn: turn for turn in _TURNS} | {6: 8, 8: 6}  # orientation -> whose turn undoes its own
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")


class Photograph(NamedTuple):
    """An image as it lies in its file, and how a viewer would turn it.

    Attributes:
        image: RGB, not turned.
        orientation: of EXIF, 2 to 8; 1 where the image is upright or nothing is known.
    """

    image: Image.Image
    orientation: int

    @property
    def stored_size(self) -> tuple[int, int]:
        """(H, W) in the file."""
        return self.image.height, self.image.width

    @property
    def upright_size(self) -> tuple[int, int]:
        """(H, W) as a viewer shows it."""
        return self.stored_size[::-1] if self.orientation >= 5 else self.stored_size

    def upright(self) -> np.ndarray:
        """Return a new (H, W, 3) uint8 array of the image as a viewer shows it."""
        turn = _TURNS.get(self.orientation)
        return np.array(self.image if turn is None else self.image.transpose(turn))


def turned(mask: np.ndarray, orientation: int) -> np.ndarray:
    """Return a (H, W) uint8 mask turned as viewers turn an image of an EXIF orientation, 2 to 8."""
    return np.array(Image.fromarray(mask).transpose(_TURNS[orientation]))


def read_rgb(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return an image as a new (H, W, 3) uint8 array in RGB.

    JPEG, PNG, TIFF, BMP and WebP are read, whatever the file's name ends in. Grey, palette, CMYK and 16-bit grey
    (scaled to 8 bits) are converted; transparency is laid over white, as viewers show it. An image with an EXIF
    orientation is turned as viewers turn it.

    Args:
        path: the image.
        size: (H, W) by the index. Another size is refused.

    Raises:
        ValueError: for a file that is missing, no plain file, of another format, damaged or truncated, too large, that
            holds floats, or that has not the size of the index.
    """
    return decode_rgb(read_image_file(path), path, size)


def read_image_file(path: Path) -> bytes:
    """Return the bytes of an image's file; ValueError if it is missing, no plain file or too large."""
    return read_regular(path, what="image", most_bytes=MOST_BYTES)


def decode_rgb(content: bytes, path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return the image in the bytes of a file like `read_rgb`; `path` is for messages only."""
    rgb = decode_photograph(content, path).upright()
    if size not in (None, rgb.shape[:2]):
        raise ValueError(
            f"{path}: has {rgb.shape[1]} x {rgb.shape[0]} pixels (W x H), the index says {size[1]} x {size[0]}; run "
            "the data set's check again: snakemake --forcerun dataset_images --until dataset."
        )
    return rgb


def decode_photograph(content: bytes, path: Path) -> Photograph:
    """Return the image in the bytes of a file with its EXIF orientation; ValueError as in `read_rgb`."""
    picture = decode_picture(content, path, formats=PHOTOGRAPH_FORMATS, what="image")
    try:
        rgb = _to_rgb(picture.image)
    except ValueError as error:
        raise ValueError(f"{path}: the image cannot be decoded ({error}); copy it again or unlist it.") from None
    as_stored = rgb.transpose(_TURNS[_BACK[picture.orientation]]) if picture.is_turned else rgb
    return Photograph(as_stored, picture.orientation)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no defined white")
    if image.mode in _DEEP_GREY:
        grey = (np.clip(np.asarray(image).astype(np.int64), 0, 65535) / 257).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB")
