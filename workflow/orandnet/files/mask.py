"""Masks as palette PNGs, and the lists that declare them to the workflow.

Ten thousand PNGs are no good as outputs of a workflow. A list (CSV `image_id,variant,sha256`) stands for
them; the PNGs lie beside it at `<folder of the list>/<variant>/<image_id>.png`, without a variant folder
where `variant` is "".
"""

import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from orandnet.files.atomic import atomic_path
from orandnet.files.mask_colors import ColorTable
from orandnet.files.palette import renumbered, voc_palette
from orandnet.files.picture import LOSSLESS_FORMATS, LOSSY_COMPRESSIONS, MOST_BYTES, MOST_PIXELS, decode_picture
from orandnet.files.regular import read_regular

IGNORE_INDEX = 255
LIST_COLUMNS = ("image_id", "variant", "sha256")
_PALETTE = voc_palette()

# how ids are told: None, by indices if the palette does not say otherwise; by colours; by indices whatever the palette
Colors = ColorTable | Literal["indices"] | None


def write_mask(path: Path, mask: np.ndarray) -> str:
    """Write a mask as an 8-bit palette PNG in VOC colours, atomically; return the SHA-256 of the file.

    Args:
        path: the PNG.
        mask: (H, W) uint8 mask ids, 255 = ignore.
    """
    try:
        encoded = encode_mask(mask)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return write_encoded_mask(path, encoded)


def write_encoded_mask(path: Path, encoded: bytes) -> str:
    """Write what `encode_mask` returned, atomically; return the SHA-256 of the file."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)
    return hashlib.sha256(encoded).hexdigest()


def encode_mask(mask: np.ndarray) -> bytes:
    """Return an 8-bit palette PNG in VOC colours of a mask, (H, W) uint8 mask ids."""
    if mask.dtype != np.uint8 or mask.ndim != 2 or 0 in mask.shape:
        raise ValueError(f"a mask must be a filled (H, W) uint8 array, not {mask.dtype} {mask.shape}; convert it.")
    image = Image.fromarray(mask)
    image.putpalette(_PALETTE)
    encoded = io.BytesIO()
    image.save(encoded, format="PNG")
    return encoded.getvalue()


def read_mask(path: Path, *, colors: Colors = None, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """Return the mask ids of a mask file as (H, W) uint8.

    PNG, TIFF without lossy compression, and BMP are read. Ids are the indices of a palette (P) or the levels of an
    8-bit grey (L) image.

    Args:
        path: the mask.
        colors: a table to read ids by colour, of an RGB or palette image; `indices` to look at no palette's colours.
        most_pixels: a larger mask is refused before it is decoded.

    Raises:
        ValueError: if the file is missing, no plain file, damaged, or no such image; a palette whose colours are those
            of VOC at other indices is refused, since its indices are hardly class ids.
    """
    return decode_mask(read_mask_file(path), path, colors=colors, most_pixels=most_pixels)


def read_mask_file(path: Path) -> bytes:
    """Return the bytes of a mask's file; ValueError if it is missing, no plain file or too large."""
    return read_regular(path, what="mask", most_bytes=MOST_BYTES)


def decode_mask(content: bytes, path: Path, *, colors: Colors = None, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """Return the mask in the bytes of a file like `read_mask`; `path` is for messages only."""
    return decode_mask_and_turn(content, path, colors=colors, most_pixels=most_pixels)[0]


def decode_mask_and_turn(
    content: bytes, path: Path, *, colors: Colors = None, most_pixels: int = MOST_PIXELS
) -> tuple[np.ndarray, bool]:
    """Return the same mask, and whether it has been turned upright, as its own EXIF orientation says (TIFF)."""
    picture = decode_picture(content, path, formats=LOSSLESS_FORMATS, what="mask", most_pixels=most_pixels)
    return _ids_of(picture.image, picture.packing, path, colors), picture.is_turned


def _ids_of(image: Image.Image, packing: str, path: Path, colors: Colors) -> np.ndarray:
    if image.info.get("compression") in LOSSY_COMPRESSIONS:
        raise ValueError(f"{path}: is compressed as JPEG is, which alters ids; save the mask as PNG.")
    if isinstance(colors, ColorTable):
        return colors.ids_of(image, path)
    # PIL stretches 2- and 4-bit grey to 0..255, and inverts where white is 0, which would change the ids
    stretched = image.mode == "L" and packing.startswith("L;")
    if image.mode not in ("P", "L") or stretched:
        kind = ("inverted" if ";I" in packing else "less than 8-bit") + " grey" if stretched else f"mode {image.mode}"
        raise ValueError(
            f"{path}: a mask must be a palette or 8-bit grey image, not {kind}; save class ids as a palette PNG "
            "(colours alone do not tell the class: of true masks, dataset.mask_colors can)."
        )
    ids = np.array(image)
    if colors is None:
        _refuse_moved_palette(image, ids, path)
    return ids


def _refuse_moved_palette(image: Image.Image, ids: np.ndarray, path: Path) -> None:
    """Refuse a palette image whose colours are VOC's, but at other indices, as editors leave them."""
    palette = image.getpalette("RGB") if image.mode == "P" else None
    if palette is None or palette == _PALETTE[: len(palette)]:
        return
    if problem := renumbered(palette, ids):
        raise ValueError(
            f"{path}: {problem}; save it as it was made. Of true masks, dataset.mask_colors: voc reads ids by colour, "
            "and indices takes them as they are."
        )


def write_mask_list(path: Path, rows: Iterable[dict]) -> None:
    """Write the list of masks that lie beside `path`, atomically, in the order given.

    Args:
        path: the CSV.
        rows: dicts with `image_id`, optionally `variant` (default "") and `sha256` of the PNG (default:
            computed from the file, which must lie in its place). May be a generator that writes each PNG
            before it yields the row.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, LIST_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            row = {"variant": "", **row}
            if "sha256" not in row:
                row["sha256"] = _sha256(_png_path(path, row["image_id"], row["variant"]))
            writer.writerow(row)


def read_mask_list(paths: Iterable[Path]) -> list[dict]:
    """Return the rows of one or more lists: dicts of `image_id`, `variant`, `sha256` and `path` (the PNG)."""
    rows = []
    for path in map(Path, paths):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != LIST_COLUMNS:
                raise ValueError(
                    f"{path}: the columns are {reader.fieldnames}, not {','.join(LIST_COLUMNS)}; "
                    "give a list of masks that a stage wrote."
                )
            rows += [{**row, "path": _png_path(path, row["image_id"], row["variant"])} for row in reader]
    return rows


class MaskList:
    """Masks of one or more lists by image id (and variant)."""

    def __init__(self, paths: Iterable[Path]):
        """Read the lists; a mask that is listed twice is refused."""
        self._rows: dict[tuple[str, str], dict] = {}
        for row in read_mask_list(paths):
            key = (row["image_id"], row["variant"])
            if key in self._rows:
                raise ValueError(
                    f"{row['path']}: the mask is listed twice, first as {self._rows[key]['path']}; "
                    "give every list of one method once."
                )
            self._rows[key] = row

    @property
    def image_ids(self) -> list[str]:
        """Image ids in the order of the lists, each once."""
        return list(dict.fromkeys(image_id for image_id, _ in self._rows))

    @property
    def variants(self) -> list[str]:
        """Variants in the order of their first appearance; [""] where there is one mask per image."""
        return list(dict.fromkeys(variant for _, variant in self._rows))

    def path(self, image_id: str, variant: str = "") -> Path:
        """Return where the PNG of an image lies."""
        return self._row(image_id, variant)["path"]

    def read(self, image_id: str, variant: str = "") -> np.ndarray:
        """Return a mask as (H, W) uint8 after a check that the PNG is still the one that was listed."""
        row = self._row(image_id, variant)
        content = _content(row["path"])
        if hashlib.sha256(content).hexdigest() != row["sha256"]:
            raise ValueError(f"{row['path']}: the mask differs from its list; run the stage that made it again.")
        return decode_mask(content, row["path"])

    def _row(self, image_id: str, variant: str) -> dict:
        if (image_id, variant) not in self._rows:
            raise ValueError(
                f"{image_id}: no mask (variant {variant!r}) of this image in {len(self._rows)} listed; "
                "make the masks of its split."
            )
        return self._rows[image_id, variant]


def _png_path(list_path: Path, image_id: str, variant: str) -> Path:
    return Path(list_path).parent / variant / f"{image_id}.png"


def _sha256(path: Path) -> str:
    return hashlib.sha256(_content(path)).hexdigest()


def _content(path: Path) -> bytes:
    """Return the bytes of a mask of ours that is listed."""
    if not path.exists():
        raise ValueError(f"{path}: the listed mask is missing; run the stage that makes it again.")
    return read_mask_file(path)
