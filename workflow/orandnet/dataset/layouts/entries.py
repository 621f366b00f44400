"""The images of a data set before their files have been looked into, whatever its layout."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orandnet.dataset.settings import Settings

SPLITS = ("train", "train_aug", "val", "test")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
_IMAGE_ID = re.compile(r"[\w][\w.@+=-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """An image: `split` of train_aug are those that are not in train."""

    image_id: str
    image: Path
    mask: Path | None
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


def of_other_formats(paths: Iterable[Path]) -> dict[str, str]:
    """Return stem -> what to say of a file that is named like an image but ends in no suffix that is read."""
    return {
        path.stem: f"{path}: is of a format that is not read; save it as one of {', '.join(IMAGE_SUFFIXES)}."
        for path in paths
        if path.suffix and path.suffix.lower() not in IMAGE_SUFFIXES
    }


def wrong_sizes(settings: Settings, counts: dict[str, int], names: dict[str, str]) -> list[str]:
    """Return a line per split whose number of images is not the expected one; nothing in a run with a limit.

    Args:
        settings: with the expected numbers.
        counts: split -> number of images; those of train count in train_aug too.
        names: split -> what the images were listed by.
    """
    if settings.limit is not None:
        return []
    return [
        f"dataset.expected_sizes.{split}: {names[split]} has {counts[split]} images, not the expected {expected}; "
        "complete the list, or correct the number."
        for split, expected in settings.expected_sizes
        if expected is not None and counts[split] != expected
    ]
