"""The one door through which pictures come in: photographs, masks and soft masks.

Pillow takes some hundred formats, and for a few it starts another program (Ghostscript for PostScript) or reads what no
data set holds. So every opening names the few formats it takes, whatever the file is called, and the number of pixels
is looked at before any is decoded.
"""

import io
import warnings
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from orandnet.files.regular import reason

PHOTOGRAPH_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
LOSSLESS_FORMATS = ("PNG", "TIFF", "BMP")
LOSSY_COMPRESSIONS = ("jpeg", "tiff_jpeg", "webp")  # of a TIFF
MOST_PIXELS = 10**8  # 10,000 x 10,000: 300 MB as RGB
MOST_BYTES = 2**30  # of a file
ORIENTATIONS = range(2, 9)  # of EXIF: what has to be turned
_ORIENTATION = 0x0112
# Pillow's own limit warns at one size and raises at twice that; here is one limit, and it refuses
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# about faulty metadata, such as EXIF's; they name no file, and the pixels are what counts
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

SIGNATURES = {
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"%PDF": "PDF",
    b"GIF8": "GIF",
    b"\xff\xd8": "JPEG",
    b"\x89PNG": "PNG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"RIFF": "WEBP",
    b"PK\3\4": "zip",
    b"\x1f\x8b": "gzip",
    b"\x93NUMPY": "npy",
    b"<": "HTML or XML",
    b"version https://git-lfs": "Git LFS pointer",
}


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        image: Pillow's image, decoded, its file closed.
        packing: Pillow's name of how the file held the pixels, such as `L;4`.
        orientation: of EXIF, 2 to 8; 1 where the picture is upright or nothing is known.
        is_turned: whether the pixels have been turned upright, as Pillow does to a TIFF; to no other format.
    """

    image: Image.Image
    packing: str
    orientation: int
    is_turned: bool


def decode_picture(
    content: bytes, path: Path, *, formats: tuple[str, ...], what: str, most_pixels: int = MOST_PIXELS
) -> Picture:
    """Return the picture in the bytes of a file.

    Args:
        content: the file.
        path: for messages only.
        formats: Pillow's names of the formats that are taken, by content; no other decoder sees the bytes.
        what: what it should be, for messages, such as "mask".
        most_pixels: a larger picture is refused before it is decoded.

    Raises:
        ValueError: for another format, too many pixels, several pictures in one file, or a damaged or truncated file.
    """
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            _require_one(image, path, what, most_pixels)
            packing = _packing(image)
            # not of a PNG: to look for its tag decodes it, and would take what is damaged in it for a missing tag
            before = _orientation(image) if image.format == "TIFF" else 1
            image.load()
            after = _orientation(image)
            return Picture(image, packing, max(before, after), before > after)
    except _Refused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{path}: the {what} is too large ({error}); make it smaller, or cut it into tiles.") from None
    except UnidentifiedImageError:
        raise ValueError(
            f"{path}: the {what} cannot be decoded (it holds {_kind(content)}; it may be {', '.join(formats)}); "
            "save it as one of these, or take it off the list."
        ) from None
    except Exception as error:  # Pillow's decoders raise nearly anything for a damaged file
        raise ValueError(
            f"{path}: the {what} cannot be decoded ({reason(error)}); copy it again or take it off the list."
        ) from error


class _Refused(ValueError):
    """A picture that is whole, but is not taken."""


def _require_one(image: Image.Image, path: Path, what: str, most_pixels: int) -> None:
    width, height = image.size
    if width * height > most_pixels:
        raise _Refused(
            f"{path}: the {what} is too large ({width} x {height} pixels, at most {most_pixels} are taken); make it "
            "smaller, or cut it into tiles."
        )
    # a telephone's JPEG with a preview behind it (MPO) begins with the photograph
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise _Refused(f"{path}: holds {image.n_frames} pictures; save the one that is meant as a file of its own.")


def _packing(image: Image.Image) -> str:
    """Return Pillow's name of the pixels' form in the file; a decoder has it as text, or first in a tuple."""
    arguments = image.tile[0][3] if image.tile else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(_ORIENTATION)
    except Exception:  # a faulty block says nothing about the pixels, which viewers show all the same
        return 1
    return found if isinstance(found, int) and found in ORIENTATIONS else 1


def _kind(content: bytes) -> str:
    """Say in a word or two what a file seems to be."""
    if not content:
        return "nothing"
    found = next((name for start, name in SIGNATURES.items() if content.lstrip()[: len(start)] == start), None)
    return found or "no picture"
