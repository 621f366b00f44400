"""The images of a data set before their files have been looked into, and where its labels lie, whatever its layout."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orandnet.dataset.problems import require_file
from orandnet.dataset.settings import Settings

SPLITS = ("train", "train_aug", "val", "test")
PARTS = {"train_aug": ("train", "train_aug"), "val": ("val",), "test": ("test",)}  # splits whose images are one list
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # categories of characters that no name may hold
LONGEST_ID = 200  # bytes; a temporary file's name adds 40 to it, and file systems allow 255


@dataclass(frozen=True, slots=True)
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
    """Return whether a text can name the files of an image: one part of a path, not hidden, no control characters."""
    return (
        bool(text)
        and text == text.strip()
        and text[0] != "."
        and not set(text) & set("/\\")
        and not any(unicodedata.category(character) in UNSEEN for character in text)
        and len(text.encode()) <= LONGEST_ID
    )


class FilesByStem:
    """Files with one of some suffixes, by their name without suffix."""

    def __init__(self, paths: Iterable[Path], suffixes: tuple[str, ...]):
        """Keep the files among `paths` that have one of the suffixes, in small or large letters."""
        self._found: dict[str, list[Path]] = {}
        for path in sorted(paths):
            if path.suffix.lower() in suffixes:
                self._found.setdefault(path.stem, []).append(path)
        self._composed: dict[str, list[str]] = {}
        for stem in self._found:
            self._composed.setdefault(_composed(stem), []).append(stem)

    def of(self, image_ids: Iterable[str]) -> dict[str, Path]:
        """Return the file of each image id that has one.

        A letter with an accent is one character or two: such forms of a name stand for each other where no file has
        the very name.

        Raises:
            ValueError: if an id has several files, or a file would serve two ids.
        """
        found, owners = {}, {}
        for image_id in image_ids:
            stems = [image_id] if image_id in self._found else self._composed.get(_composed(image_id), [])
            paths = [path for stem in stems for path in self._found[stem]]
            if len(paths) > 1:
                other = paths[0].name if paths[0].parent == paths[1].parent else paths[0]
                raise ValueError(f"{paths[1]}: lies beside {other}; keep one file per image id.")
            if paths:
                found[image_id] = paths[0]
                if owners.setdefault(paths[0], image_id) != image_id:
                    raise ValueError(f"{paths[0]}: is asked for by {owners[paths[0]]!r} and {image_id!r}; keep one id.")
        return found


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def of_other_formats(paths: Iterable[Path]) -> dict[str, str]:
    """Return stem -> what to say of a file that is named like an image but ends in no suffix that is read."""
    return {
        path.stem: f"{path}: is of a format that is not read; save it as one of {', '.join(IMAGE_SUFFIXES)}."
        for path in paths
        if path.suffix and path.suffix.lower() not in IMAGE_SUFFIXES
    }


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
