"""What may lie under the name of a picture or an array, and what must be said of it.

One line more is one case more for each place.
"""

import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

SIZE = (12, 16)
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 12\n%%EndComments\nshowpage\n%%EOF\n"


class Intruder(NamedTuple):
    """Puts itself at a path; `words` stand in the line that refuses it as a picture, and as an array."""

    put: Callable[[Path], None]
    as_picture: str
    as_array: str = "not a readable .np"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *, depth: int = 8, color: int = 0, rows: bytes = b"", before: bytes = b"") -> bytes:
    """Return a PNG of any header, whatever pixels follow."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encoded(kind: str, mode: str = "L", **options) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(file, kind, **options)
    return file.getvalue()


def pages(kind: str, mode: str = "RGB") -> bytes:
    return encoded(kind, mode, save_all=True, append_images=[Image.new(mode, SIZE[::-1], 9)])


def bytes_of(content: bytes) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.write_bytes(content)

    return put


def npy_header(shape: tuple, descr: str = "<f4") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def bind(path: Path) -> None:
    """Make a socket; its name may have a hundred letters, so it is made from its folder."""
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(before)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def linked_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"a")


INTRUDERS = {
    "a folder": Intruder(Path.mkdir, "is a folder"),
    "a named pipe": Intruder(os.mkfifo, "is a named pipe"),
    "a socket": Intruder(bind, "is a socket"),
    "a device": Intruder(lambda path: path.symlink_to("/dev/zero"), "is a device"),
    "a link to nothing": Intruder(lambda path: path.symlink_to("nowhere"), "is a link to nothing, nowhere"),
    "nothing in it": Intruder(bytes_of(b""), "it holds nothing"),
    "a terabyte": Intruder(sparse, "1099511627776 bytes", "a1.np"),
    "PostScript": Intruder(bytes_of(POSTSCRIPT), "it holds PostScript"),
    "PostScript for DOS": Intruder(bytes_of(b"\xc5\xd0\xd3\xc6" + bytes(26) + POSTSCRIPT), "it holds PostScript"),
    "PDF": Intruder(bytes_of(b"%PDF-1.4\n%%EOF\n"), "it holds PDF"),
    "HTML": Intruder(bytes_of(b"<!DOCTYPE html><html>not found</html>"), "it holds HTML or XML"),
    "text": Intruder(bytes_of(b"hello\n" * 99), "it holds no picture"),
    "a pointer of Git LFS": Intruder(
        bytes_of(b"version https://git-lfs.github.com/spec/v1\n"), "it holds Git LFS pointer"
    ),
    "GIF": Intruder(bytes_of(encoded("GIF", "P")), "it holds GIF"),
    "a zip": Intruder(linked_zip, "it holds zip"),
    "other formats of Pillow": Intruder(bytes_of(encoded("PPM")), "it holds no picture"),
    "a bomb": Intruder(bytes_of(png(60000, 60000)), "is too large"),
    "a PNG without pixels": Intruder(bytes_of(png(16, 12)), "cannot be decoded"),
    "a PNG of no size": Intruder(bytes_of(png(0, 12)), "cannot be decoded"),
    "a cut PNG": Intruder(bytes_of(encoded("PNG")[:-60]), "cannot be decoded"),
    "half a header": Intruder(bytes_of(encoded("PNG")[:20]), "cannot be decoded"),
    "a text that unpacks to 100 MB": Intruder(
        bytes_of(png(16, 12, before=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000), 9)))),
        "cannot be decoded",
    ),
    "a TIFF of two pages": Intruder(bytes_of(pages("TIFF")), "holds 2 pictures"),
    "a TIFF that holds itself": Intruder(bytes_of(b"II*\0\x08\0\0\0\0\0\x08\0\0\0"), "cannot be decoded"),
}
# what no mask may be, though a photograph may
NO_MASKS = {
    "JPEG": Intruder(bytes_of(encoded("JPEG")), "it holds JPEG"),
    "JPEG of many colours": Intruder(bytes_of(encoded("JPEG", "RGB")), "it holds JPEG"),
    "WebP": Intruder(bytes_of(encoded("WEBP", "RGB")), "it holds WEBP"),
    "a TIFF that is compressed as JPEG": Intruder(bytes_of(encoded("TIFF", compression="jpeg")), "compressed as JPEG"),
    "two bits": Intruder(bytes_of(png(16, 12, depth=2, rows=bytes(5 * 12))), "less than 8-bit grey"),
    "four bits": Intruder(bytes_of(png(16, 12, depth=4, rows=bytes(9 * 12))), "less than 8-bit grey"),
    "one bit": Intruder(bytes_of(encoded("PNG", "1")), "not mode 1"),
    "sixteen bits": Intruder(bytes_of(encoded("PNG", "I;16")), "not mode I;16"),
    "colours": Intruder(bytes_of(encoded("PNG", "RGB")), "not mode RGB"),
    "grey and transparency": Intruder(bytes_of(encoded("PNG", "LA")), "not mode LA"),
    "white is zero": Intruder(bytes_of(encoded("TIFF", "L", tiffinfo={262: 0})), "inverted grey"),
}
# as an image of numbers between 0 and 1
NO_SOFT_MASKS = {name: NO_MASKS[name] for name in ("JPEG", "WebP")} | {
    "colours": NO_MASKS["colours"]._replace(as_picture="is of mode RGB"),
    "a TIFF of two pages": Intruder(bytes_of(pages("TIFF")), "it holds TIFF"),
    "a palette": Intruder(bytes_of(encoded("PNG", "P")), "is of mode P"),
}
# as a map of numbers, which may have 16 bits
NO_SEGMENT_MAPS = {
    name: NO_MASKS[name]._replace(as_picture="is not of 8 or 16 bits")
    for name in ("two bits", "four bits", "one bit", "colours", "grey and transparency")
} | {
    "JPEG": NO_MASKS["JPEG"],
    "a TIFF of two pages": NO_SOFT_MASKS["a TIFF of two pages"],
    "another size": Intruder(bytes_of(png(5, 5, rows=bytes(30))), "the image (12, 16)"),
}
