"""CAM files of other methods: one reader per format.

A reader takes the file and what is known of the image, and returns class -> (h, w) map. A class is an id of the data
set's mask files, or a name that is not among its classes. Readers raise ValueError for what is not of their format.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.cam.settings import PRESETS, DictForm, ImportSettings
from orandnet.files.dumps import first_entry, read_dict, real_numbers
from orandnet.files.mask import IGNORE_INDEX, read_mask
from orandnet.files.pickle_reader import read_pickled_npy
from orandnet.files.picture import MOST_BYTES, decode_picture
from orandnet.files.plain_arrays import read_npz
from orandnet.files.regular import read_regular
from orandnet.maps.grid import most_cells

UNKNOWN_PIXEL = 0.5  # score where a mask says 255: as likely the class as not
BRIGHTEST = {"1": 1, "L": 255, "I;16": 65535, "I": 65535}  # PIL's mode of a grey image -> its white

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
        """Cells that a map of the image may have."""
        return most_cells(self.size)

    @property
    def most_bytes(self) -> int:
        """Bytes that the maps of all classes may take: in 64 bits, with a background, and twice, as IRN holds them."""
        highest = IGNORE_INDEX if self.others else max(self.ids.values())
        return 2 * 8 * (highest + 1) * self.most_cells + 2**20


def read_maps(path: Path, known: Known, settings: ImportSettings) -> Maps:
    """Return the maps in a file of any format; ValueError names the file and what is wrong with it."""
    form = settings.form or PRESETS.get(settings.format)
    if form is not None:
        return read_dict_of_maps(path, known, form)
    return READERS[settings.format](path, known)


def read_dict_of_maps(path: Path, known: Known, form: DictForm) -> Maps:
    """Return the maps in a dict of arrays, whose entries `form` describes; a batch axis of length 1 may be there."""
    content = read_dict(path, most_bytes=known.most_bytes)
    name = first_entry(content, form.maps)
    wanted = " or ".join(form.maps)
    if name is None or (form.keys is not None and form.keys not in content):
        wanted = f"{form.keys} and {wanted}" if form.keys is not None else wanted
        raise ValueError(f"{path}: has the entries {list(content)[:9]}, not {wanted}; check the format.")
    scores = ACTIVATIONS[form.activation](real_numbers(content[name], 3, path))
    num_background = int(form.background == "first")
    if form.keys is None:
        return _of_all_classes(scores, path, known, num_background)
    keys = np.asarray(content[form.keys]).reshape(-1)
    if len(scores) != len(keys) + num_background:
        raise ValueError(
            f"{path}: {name} has {len(scores)} channels for {len(keys)} keys, not {len(keys) + num_background}; "
            "the format amn has a background channel, irn has none, and background says it of a dict."
        )
    maps = _by_mask_id(keys, scores[num_background:], path, form)
    if form.predicted:
        empty = np.zeros(scores.shape[1:], np.float32)
        return {label: maps.get(label, empty) for label in known.labels}
    return maps


def _by_mask_id(keys: np.ndarray, scores: np.ndarray, path: Path, form: DictForm) -> Maps:
    first = 1 if form.keys_start == 0 else 0  # what makes an id of a key
    ids = [_number(key, path) + first for key in keys]
    background = 0 if form.keys_start == "mask_ids" else None
    if 0 in ids and background is None:
        raise ValueError(f"{path}: has the key {-first}, but keys start at {form.keys_start}; check keys_start.")
    return _distinct(((class_id, scores[row]) for row, class_id in enumerate(ids) if class_id != background), path)


def _of_all_classes(scores: np.ndarray, path: Path, known: Known, num_background: int) -> Maps:
    """Return the labels' maps among those of all classes, in the order of the mask ids."""
    number = len(scores) - num_background
    highest = max(known.ids.values())
    if number != highest and not (known.others and number > highest):
        raise ValueError(
            f"{path}: has {len(scores)} maps without keys, but class numbers reach {highest}; write a map per class"
            f"{' behind one of the background' if num_background else ''}, or check background."
        )
    return {label: scores[label - 1 + num_background] for label in known.labels}


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return (K, h, w) float32 in [0, 1] that sums to 1 over the first axis, from real numbers."""
    scores = scores.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # not finite before is not finite after, which is refused
        scores = np.exp(scores - scores.max(axis=0))
        return scores / scores.sum(axis=0)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-scores)) as float32, in a form that does not overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * scores.astype(np.float32))


ACTIVATIONS = {"none": lambda scores: scores, "softmax": softmax, "sigmoid": sigmoid}


def read_class_maps(path: Path, known: Known) -> Maps:
    """Return the maps of PSA, SEAM, EPS and MCTformer: a dict of 0-based class -> (h, w)."""
    content = read_dict(path, most_bytes=known.most_bytes)
    return _distinct(((_number(key, path) + 1, real_numbers(value, 2, path)) for key, value in content.items()), path)


def read_arrays(path: Path, known: Known) -> Maps:
    """Return maps that lie in plain arrays: .npz with `classes` and `scores`, or .npy of labels or all classes."""
    if path.suffix == ".npz":
        found = read_npz(path, ("classes", "scores"), most_bytes=known.most_bytes)
        classes, scores = found["classes"], real_numbers(found["scores"], 3, path)
        if classes.shape != scores.shape[:1]:
            raise ValueError(f"{path}: has {classes.size} classes for {len(scores)} maps; write one of each.")
        return _distinct(((_number(key, path), scores[row]) for row, key in enumerate(classes)), path)
    scores = real_numbers(read_pickled_npy(path, most_bytes=known.most_bytes), 3, path)
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
        found.append((known.ids.get(name, int(name) if name.isdecimal() else name), read_grey(file, known.most_cells)))
    return _distinct(found, path)


def read_hard_png(path: Path, known: Known) -> Maps:
    """Return a mask as maps, of the image's labels at least: 1 at the class, 0.5 where the mask says 255."""
    mask = read_mask(path, most_pixels=known.most_cells)
    present = set(np.unique(mask).tolist()) - {0, IGNORE_INDEX}
    unknown = np.float32(UNKNOWN_PIXEL) * (mask == IGNORE_INDEX)
    return {label: (mask == label) + unknown for label in sorted(present | set(known.labels))}


READERS = {  # of formats that are no dict of entries
    "class_maps": read_class_maps,
    "arrays": read_arrays,
    "soft_png": read_soft_png,
    "hard_png": read_hard_png,
}


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


def read_grey(path: Path, most_cells: int) -> np.ndarray:
    """Return a grey image of 8 or 16 bits as (h, w) float32 in [0, 1]; ValueError for any other file."""
    content = read_regular(path, what="soft mask", most_bytes=MOST_BYTES)
    image, *_ = decode_picture(content, path, formats=("PNG",), what="soft mask", most_pixels=most_cells)
    if image.mode not in BRIGHTEST:
        raise ValueError(f"{path}: is of mode {image.mode}; save a soft mask as grey of 8 or 16 bits.")
    return np.asarray(image, dtype=np.float32) / np.float32(BRIGHTEST[image.mode])
