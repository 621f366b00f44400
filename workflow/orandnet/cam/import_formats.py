"""CAM files of other methods: one reader per format.

A reader takes the file and what is known of the image, and returns class -> (h, w) map. A class is an id of the data
set's mask files, or a name that is not among its classes. Readers raise ValueError for what is not of their format.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.files.mask import IGNORE_INDEX, read_mask
from orandnet.files.pickle_reader import read_pickled_npy
from orandnet.files.picture import MOST_BYTES, decode_picture
from orandnet.files.plain_arrays import read_npz
from orandnet.files.regular import read_regular

UNKNOWN_PIXEL = 0.5  # score where a mask says 255: as likely the class as not
BRIGHTEST = {"1": 1, "L": 255, "I;16": 65535, "I": 65535}  # PIL's mode of a grey image -> its white

STRETCHED = 1024  # largest side of a map that has nothing to do with its image's size

Maps = dict[int | str, np.ndarray]


class Known(NamedTuple):
    """What a reader is told.

    Attributes:
        labels: of the image, in ascending order, as ids of the data set's mask files.
        ids: such an id of each class by name.
        size: (H, W) of the image.
        others: whether a file may hold maps of classes that the data set does not have.
    """

    labels: tuple[int, ...]
    ids: dict[str, int]
    size: tuple[int, int]
    others: bool

    @property
    def most_cells(self) -> int:
        """Cells that a map of the image may have: twice its sides, or what a network may have stretched it to."""
        return max(4 * self.size[0] * self.size[1], STRETCHED**2)

    @property
    def most_bytes(self) -> int:
        """Bytes that the maps of all classes may take: in 64 bits, with a background, and twice, as IRN holds them."""
        highest = IGNORE_INDEX if self.others else max(self.ids.values())
        return 2 * 8 * (highest + 1) * self.most_cells + 2**20


def read_irn(path: Path, known: Known) -> Maps:
    """Return the maps of IRN, ReCAM and ORANDNet: a dict of `keys` (0-based classes) and `high_res` or `cam`."""
    return _keyed(path, known, num_background=0)


def read_amn(path: Path, known: Known) -> Maps:
    """Return the maps of AMN, whose first channel is the background and has no key."""
    return _keyed(path, known, num_background=1)


def read_class_maps(path: Path, known: Known) -> Maps:
    """Return the maps of PSA, SEAM, EPS and MCTformer: a dict of 0-based class -> (h, w)."""
    content = _pickled_dict(path, known)
    return _distinct(((_number(key, path) + 1, _numbers(value, 2, path)) for key, value in content.items()), path)


def read_arrays(path: Path, known: Known) -> Maps:
    """Return maps that lie in plain arrays: .npz with `classes` and `scores`, or .npy of labels or all classes."""
    if path.suffix == ".npz":
        found = read_npz(path, ("classes", "scores"), most_bytes=known.most_bytes)
        classes, scores = found["classes"], _numbers(found["scores"], 3, path)
        if classes.shape != scores.shape[:1]:
            raise ValueError(f"{path}: has {classes.size} classes for {len(scores)} maps; write one of each.")
        return _distinct(((_number(key, path), scores[row]) for row, key in enumerate(classes)), path)
    scores = _numbers(read_pickled_npy(path, most_bytes=known.most_bytes), 3, path)
    if len(scores) == len(known.labels):
        return dict(zip(known.labels, scores, strict=True))
    highest = max(known.ids.values())
    if len(scores) != highest:  # one more may be a background
        raise ValueError(
            f"{path}: has {len(scores)} maps, but the image has {len(known.labels)} labels and class numbers reach "
            f"{highest}; write a map per label or per class, without background, or an .npz that names its classes."
        )
    return {label: scores[label - 1] for label in known.labels}


def read_soft_png(path: Path, known: Known) -> Maps:
    """Return the maps of a folder of grey images, named by class."""
    found = []
    for file in sorted(path.glob("*.png")):
        name = file.stem
        found.append((known.ids.get(name, int(name) if name.isdecimal() else name), _grey(file, known.most_cells)))
    return _distinct(found, path)


def read_hard_png(path: Path, known: Known) -> Maps:
    """Return a mask as maps, of the image's labels at least: 1 at the class, 0.5 where the mask says 255."""
    mask = read_mask(path, most_pixels=known.most_cells)
    present = set(np.unique(mask).tolist()) - {0, IGNORE_INDEX}
    unknown = np.float32(UNKNOWN_PIXEL) * (mask == IGNORE_INDEX)
    return {label: (mask == label) + unknown for label in sorted(present | set(known.labels))}


READERS = {
    "irn": read_irn,
    "amn": read_amn,
    "class_maps": read_class_maps,
    "arrays": read_arrays,
    "soft_png": read_soft_png,
    "hard_png": read_hard_png,
}


def _keyed(path: Path, known: Known, *, num_background: int) -> Maps:
    content = _pickled_dict(path, known)
    name = "high_res" if content.get("high_res") is not None else "cam"
    if "keys" not in content or name not in content:
        raise ValueError(
            f"{path}: has the entries {list(content)[:9]}, not keys and high_res or cam; check the format."
        )
    keys, scores = np.asarray(content["keys"]).reshape(-1), _numbers(content[name], 3, path)
    if len(scores) != len(keys) + num_background:
        raise ValueError(
            f"{path}: {name} has {len(scores)} channels for {len(keys)} keys, not {len(keys) + num_background}; "
            "the format amn has a background channel, irn has none."
        )
    return _distinct(((_number(key, path) + 1, scores[row + num_background]) for row, key in enumerate(keys)), path)


def _pickled_dict(path: Path, known: Known) -> dict:
    content = read_pickled_npy(path, most_bytes=known.most_bytes)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds a {type(content).__name__}, not a dict; check the format.")
    return content


def _distinct(pairs: Iterable[tuple[int | str, np.ndarray]], path: Path) -> Maps:
    maps: Maps = {}
    for key, scores in pairs:
        if key in maps:
            raise ValueError(f"{path}: has class {key} twice; keep one map per class.")
        maps[key] = scores
    return maps


def _number(key: object, path: Path) -> int:
    """Return a class number, which may be an int of numpy or text."""
    if isinstance(key, int | np.integer) or (isinstance(key, str) and key.isdecimal()):
        return int(key)
    raise ValueError(f"{path}: {key!r} is no class number; check the format.")


def _numbers(content: object, num_axes: int, path: Path) -> np.ndarray:
    """Return real numbers with that many axes."""
    array = np.asarray(content)
    if array.dtype.kind not in "biuf" or array.ndim != num_axes or not array.size:
        what = f"an array of {array.dtype} {array.shape}"
        raise ValueError(f"{path}: holds {what} where maps belong, {num_axes} axes of numbers; check the format.")
    return array


def _grey(path: Path, most_cells: int) -> np.ndarray:
    content = read_regular(path, what="soft mask", most_bytes=MOST_BYTES)
    image, _ = decode_picture(content, path, formats=("PNG",), what="soft mask", most_pixels=most_cells)
    if image.mode not in BRIGHTEST:
        raise ValueError(f"{path}: is of mode {image.mode}; save a soft mask as grey of 8 or 16 bits.")
    return np.asarray(image, dtype=np.float32) / np.float32(BRIGHTEST[image.mode])
