"""Features of words in a file: what a text tower made of the classes and of what may stand around them. numpy only."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.files.atomic import atomic_path
from orandnet.files.plain_arrays import read_npz

ARRAYS = ("names", "features", "scale")
MOST_BYTES = 1 << 28  # of an array; 80 classes of the largest CLIP take less than a thousandth
MOST_SCALE = 1e4  # of cosines; trained CLIPs have 100


class WordFeatures(NamedTuple):
    """Unit vectors of words on the sphere where CLIP compares them with images.

    Attributes:
        classes: (C, D) float32 of the foreground classes, in the order of their mask ids 1, 2, ...
        background: (B, D) float32, B at least 1.
        scale: factor of the cosines before the softmax, the inverse of its temperature.
    """

    classes: np.ndarray
    background: np.ndarray
    scale: float


def write_features(path: Path, names: Sequence[str], features: np.ndarray, scale: float) -> None:
    """Write (N, D) features of N words under their names; the file appears under its name when it is whole."""
    with atomic_path(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez(file, names=np.array(names), features=features.astype(np.float32), scale=np.float32(scale))


def read_features(path: Path, class_names: Sequence[str]) -> WordFeatures:
    """Return the features of the classes; all other names in the file are background words.

    Raises:
        ValueError: names the file and what is wrong: it is no .npz of these arrays, their shapes do not fit, a name is
            there twice, a class is missing or nothing but classes is there, or a number is of no use.
    """
    arrays = read_npz(path, ARRAYS, most_bytes=MOST_BYTES)
    names, features, scale = (arrays[name] for name in ARRAYS)
    _check(path, names, features, scale)
    row_of = {str(name): row for row, name in enumerate(names)}
    missing = [name for name in class_names if name not in row_of]
    if missing:
        raise ValueError(f"{path}: has no features of the class {missing[0]!r}; make it for all of dataset.classes.")
    others = [row for name, row in row_of.items() if name not in class_names]
    if not others:
        raise ValueError(f"{path}: has the classes alone; add words of what may stand around them, such as sky.")
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    units = (features / lengths).astype(np.float32)
    return WordFeatures(units[[row_of[name] for name in class_names]], units[others], float(scale))


def _check(path: Path, names: np.ndarray, features: np.ndarray, scale: np.ndarray) -> None:
    if names.ndim != 1 or names.dtype.kind != "U" or len({*names.tolist()}) < len(names):
        raise ValueError(f"{path}: names are {names.dtype} of shape {names.shape}; write (N,) text, each name once.")
    if features.ndim != 2 or features.dtype.kind != "f" or len(features) != len(names) or not features.size:
        raise ValueError(
            f"{path}: features are {features.dtype} of shape {features.shape}; write one row of numbers for each of "
            f"the {len(names)} names."
        )
    if not np.isfinite(features).all() or not np.any(features, axis=1).all():
        raise ValueError(f"{path}: features hold a nan, an infinite number or a row of zeros; make them again.")
    if scale.shape != () or scale.dtype.kind not in "fiu" or not 0 < float(scale) <= MOST_SCALE:
        raise ValueError(
            f"{path}: scale is {scale!r}; write the factor of the cosines, one number, such as OpenAI's 100.0."
        )
