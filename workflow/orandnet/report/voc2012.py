"""Whether a run is on PASCAL VOC 2012 itself: its own 20 classes and its own lists of images."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from orandnet.dataset.index import read_file_ids, read_index

# fmt: off
CLASSES = [
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
]
# fmt: on
# SHA-256 of the sorted image ids, one a line: train of 1,464 images, train_aug of 10,582 (VOC with SBD), val of 1,449
LISTS = {
    "train": "129f1fe991729b1862115b77738c938c149c1f167baa02b4b3186aea9f0d6a84",
    "train_aug": "855dff350b7f447bf43cb98ea626a32e0d0b3b7c5786e03b2712a21355b635bf",
    "val": "6f8edc37993764f6e212237d39546fb595246244147e8a050813c520aac0ade1",
}


def digest(image_ids: Iterable[str]) -> str:
    """Return the SHA-256 of a list of images, in hexadecimal digits; their order does not matter."""
    return hashlib.sha256("\n".join(sorted(image_ids)).encode()).hexdigest()


def is_voc2012(train_aug: Path, val: Path) -> bool:
    """Return whether two lists of a data set, with their classes, are PASCAL VOC 2012's.

    Args:
        train_aug: train_aug.csv of the data set, which holds train.
        val: val.csv.
    """
    images, scored = read_index(train_aug), read_index(val)
    if list(images.class_names) != CLASSES or read_file_ids(train_aug).tolist() != [*range(len(CLASSES) + 1)]:
        return False
    found = {"train": images.subset("train"), "train_aug": images.subset("train_aug"), "val": scored.subset("val")}
    return {name: digest(record.image_id for record in records) for name, records in found.items()} == LISTS
