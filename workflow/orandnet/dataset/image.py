"""Photographs as arrays."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

_ORIENTATION = 0x0112
_UPRIGHT = (None, 0, 1)  # 0 is written by some cameras for "unknown"
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")


def read_rgb(path: Path) -> np.ndarray:
    """Return an image as a new (H, W, 3) uint8 array in RGB.

    Grey, palette, CMYK and 16-bit grey (scaled to 8 bits) are converted; transparency is laid over white, as
    viewers show it. ValueError for a file that is missing, damaged or truncated, that holds floats, or whose
    EXIF orientation asks viewers to turn it (its mask would not fit what a person sees).
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such image; correct the path or the list.") from None
    return decode_rgb(content, path)


def decode_rgb(content: bytes, path: Path) -> np.ndarray:
    """Return the image in the bytes of a file like `read_rgb`; `path` is for messages only."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            orientation = image.getexif().get(_ORIENTATION)
            image.load()
            rgb = _to_rgb(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = str(error).replace("\n", " ")
        raise ValueError(f"{path}: the image cannot be decoded ({reason}); copy it again or unlist it.") from error
    if orientation not in _UPRIGHT:
        raise ValueError(
            f"{path}: EXIF orientation is {orientation}, not 1; turn the pixels and drop the tag "
            "(e.g. `exiftran -ai` or `mogrify -auto-orient`) so that image and mask agree."
        )
    return rgb


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no defined white")
    if image.mode in _DEEP_GREY:
        grey = (np.clip(np.asarray(image).astype(np.int64), 0, 65535) / 257).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.array(image.convert("RGB"))
