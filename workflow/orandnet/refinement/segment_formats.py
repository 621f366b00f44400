"""Files of class-agnostic segments: one reader per format.

A reader takes the file and the image's size and returns the flat positions of the pixels of each segment. It raises
ValueError for what is not of its format, before it takes more memory than an image's segments can need.
"""

import json
from pathlib import Path

import numpy as np

from orandnet.dataset.layouts.coco_masks import run_lengths
from orandnet.files.picture import MOST_BYTES, decode_picture
from orandnet.files.plain_arrays import read_npz
from orandnet.files.regular import read_regular, reason
from orandnet.refinement.segments import segments_of

MOST_SEGMENTS = 4096  # of an image; SAM's generator gives some hundred
MOST_COVERS = 256  # times that they may cover the image, one over another
MOST_JSON = 2**26  # bytes
GREY = ("L", "P", "I;16", "I")  # modes of Pillow whose numbers are those of the file

Segments = list[np.ndarray]


def read_segment_npz(path: Path, size: tuple[int, int]) -> Segments:
    """Return the segments of a .npz with the array `segments`, (N, H, W) of bool."""
    pixels = size[0] * size[1]
    found = read_npz(path, ("segments",), most_bytes=MOST_SEGMENTS * pixels + 2**16)["segments"]
    if found.dtype.kind not in "bu" or found.ndim != 3 or found.shape[1:] != size:
        raise ValueError(
            f"{path}: segments is an array of {found.dtype} {found.shape}, not bool (N, {size[0]}, {size[1]}) as the "
            "image; write one map of its size for each segment."
        )
    return _bounded((np.flatnonzero(segment) for segment in found), path, pixels)


def read_coco_rle(path: Path, size: tuple[int, int]) -> Segments:
    """Return the segments of a JSON list of records with run lengths, as SAM's generator or SA-1B writes them."""
    try:
        content = json.loads(read_regular(path, what="file of segments", most_bytes=MOST_JSON))
    except (ValueError, RecursionError) as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path}: is no JSON ({reason(error)}); write the generator's records there.") from None
    records = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(records, list):
        raise ValueError(f"{path}: holds no list of records; write what the mask generator returns.")
    if len(records) > MOST_SEGMENTS:
        raise ValueError(f"{path}: has {len(records)} segments, at most {MOST_SEGMENTS} are taken; leave some out.")
    return _bounded(
        (_of_runs(record, number, path, size) for number, record in enumerate(records)), path, size[0] * size[1]
    )


def read_id_png(path: Path, size: tuple[int, int]) -> Segments:
    """Return the segments of a picture that holds a number for each of them; 0 is none."""
    content = read_regular(path, what="map of segments", most_bytes=MOST_BYTES)
    image, packing, *_ = decode_picture(
        content, path, formats=("PNG",), what="map of segments", most_pixels=4 * size[0] * size[1]
    )
    if image.mode not in GREY or (image.mode == "L" and packing.startswith("L;")):
        raise ValueError(f"{path}: is not of 8 or 16 bits grey, nor a palette of 8 bits; save the numbers so.")
    labels = np.asarray(image)
    if labels.shape != size:
        raise ValueError(f"{path}: has {labels.shape} pixels, the image {size} (H, W); save the map at its size.")
    return [segment for segment in segments_of(labels) if labels.ravel()[segment[0]] != 0]


READERS = {"npz": read_segment_npz, "coco_rle": read_coco_rle, "id_png": read_id_png}


def _of_runs(record: object, number: int, path: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the positions, by rows, that COCO's run lengths name by columns, beginning with what is outside."""
    height, width = size
    try:
        runs = record["segmentation"]
        if [int(side) for side in runs["size"]] != [height, width]:
            raise ValueError(f"its size is {runs['size']}, the image's {[height, width]}")
        counts = runs["counts"]
        lengths = [int(count) for count in counts] if isinstance(counts, list) else run_lengths(counts)
        if sum(lengths) != height * width or min(lengths) < 0:
            raise ValueError(f"its run lengths add up to {sum(lengths)}, not to {height * width} pixels")
    except (TypeError, KeyError, ValueError, IndexError, OverflowError) as error:
        raise ValueError(
            f"{path}: segment {number} cannot be read ({reason(error)}); write run lengths of the image's size."
        ) from None
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return np.flatnonzero(inside.reshape(width, height).T)


def _bounded(segments, path: Path, pixels: int) -> Segments:
    """Return the segments that are not empty, unless together they would take too much memory."""
    found, total = [], 0
    for segment in segments:
        total += len(segment)
        if total > MOST_COVERS * pixels:
            raise ValueError(f"{path}: its segments cover the image more than {MOST_COVERS} times; leave some out.")
        if len(segment):
            found.append(segment.astype(np.int32))
    return found
