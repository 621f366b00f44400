"""The images of a data set before their files have been looked into, and where its labels lie, whatever its layout."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orandnet.dataset.problems import require_file
from orandnet.dataset.settings import Settings

SPLITS = ("train", "train_aug", "val", "test")
PARTS = {"train_aug": ("train", "train_aug"), "val": ("val",), "test": ("test",)}  # splits whose images are one list
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
_IMAGE_ID = re.compile(r"[\w][\w.@+=-]*")


@dataclass(frozen=True)
class Entry:
    """An image: `split` of train_aug are those that are not in train."""

    image_id: str
    image: Path
    split: str


def image_id_of(field: str) -> str:
    """Return the image id in a bare id, a file name or a path."""
    name = field.replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else name


def is_image_id(text: str) -> bool:
    """Return whether a text can name the files of an image."""
    return _IMAGE_ID.fullmatch(text) is not None


def files_by_stem(paths: Iterable[Path], suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files with one of the suffixes by name without suffix; ValueError if two share it."""
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if path.suffix.lower() in suffixes:
            if path.stem in found:
                other = found[path.stem]
                name = other.name if other.parent == path.parent else other
                raise ValueError(f"{path}: lies beside {name}; keep one file per image id.")
            found[path.stem] = path
    return found


def labels_path(settings: Settings) -> Path:
    """Return the file or folder of the labels; ValueError if there is none."""
    if settings.labels == "annotations":
        folder = settings.root / "Annotations"
        if not folder.is_dir():
            raise ValueError(
                f"dataset.labels: {folder} does not exist; give the path of a cls_labels.npy or of a CSV "
                "with the columns image_id,labels."
            )
        return folder
    given = Path(settings.labels)
    path = given if given.is_file() else settings.root / given
    require_file(given if not path.is_file() else path, needed_for="dataset.labels")
    return path
