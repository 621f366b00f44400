"""Images that belong to no data set: a folder of them, in folders of their own or not."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.dataset.image import decode_rgb, read_image_file
from orandnet.dataset.layouts.entries import IMAGE_SUFFIXES, LONGEST_ID
from orandnet.dataset.problems import SHOWN, refuse
from orandnet.files.manifest import digest
from orandnet.job.progress import say


class NewImage(NamedTuple):
    """An image file.

    Attributes:
        name: its path from the folder that was searched, with `/` between the parts.
        path: the file.
    """

    name: str
    path: Path

    def file_in(self, folder: Path, suffix: str) -> Path:
        """Return the file for this image in another folder: the same folders and name, another suffix."""
        return folder / Path(self.name).with_suffix(suffix)


def images_under(folder: Path, output: Path) -> list[NewImage]:
    """Return the images of a folder and all folders in it, by name; what is hidden is left out.

    Args:
        folder: where to look; links to folders are followed.
        output: where files of the same names are to be written.

    Raises:
        ValueError: if there is no such folder or no image in it, if the output lies in it, or if files of two images
            would have one name.
        OSError: if a folder cannot be read.
    """
    if not folder.is_dir():
        what = "is a file; give its folder" if folder.exists() else "there is no such folder; correct it"
        raise ValueError(f"--images: {folder}: {what}.")
    inner = folder.resolve()
    if inner in (output.resolve(), *output.resolve().parents):
        raise ValueError(f"--output: {output} lies in the folder of the images, {folder}; give one outside of it.")
    files = [NewImage(name, folder / name) for name in sorted(_files(folder))]
    images = [image for image in files if image.path.suffix.lower() in IMAGE_SUFFIXES]
    others = Counter(file.path.suffix.lower() or "none" for file in files) - Counter(
        image.path.suffix.lower() for image in images
    )
    left_out = ", ".join(f"{count} of {suffix}" for suffix, count in sorted(others.items())[:9])
    if not images:
        held = f"only files that end otherwise ({left_out})" if others else "no file"
        raise ValueError(f"--images: {folder} holds {held}; give a folder of images ({', '.join(IMAGE_SUFFIXES)}).")
    if others:
        say(f"--images: left out, since their names do not end as those of images: {left_out}.")
    refuse(list(_clashes(images)), about=str(folder))
    return images


def refuse_left_out(problems: list[str], number: int, *, what: str) -> None:
    """Raise a ValueError on the images that were left out, if there are any: whoever asked for `number` has fewer."""
    if problems:
        lines = problems[:SHOWN] + ["..."] * (len(problems) > SHOWN)
        shown = f" {lines[0]}" if len(lines) == 1 else "\n  ".join(["", *lines])
        raise ValueError(f"{len(problems)} of {number} images without a {what}, the others have one:{shown}")


def read_each(images: list[NewImage]) -> Iterator[tuple[NewImage, str, np.ndarray | ValueError]]:
    """Yield each image, the SHA-256 of its file, and its (H, W, 3) uint8 RGB, or why it cannot be read."""
    for image in images:
        sha256, found = "", None
        try:
            content = read_image_file(image.path)
            sha256 = digest(content)
            found = decode_rgb(content, image.path)
        except ValueError as error:
            found = error
        yield image, sha256, found


def _files(folder: Path) -> Iterator[str]:
    """The files under a folder by their paths from it."""
    seen: dict[str, str] = {}

    def unreadable(error: OSError) -> None:
        raise error

    for root, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        first = seen.setdefault(os.path.realpath(root), root)
        if first != root:
            raise ValueError(f"--images: {root} is the folder {first} once more, by a link; remove the link.")
        place = Path(root).relative_to(folder)
        yield from ((place / name).as_posix() for name in files if not name.startswith("."))


def _clashes(images: list[NewImage]) -> Iterator[str]:
    """Say which images cannot have files of their own."""
    by_stem: dict[Path, NewImage] = {}
    for image in images:
        other = by_stem.setdefault(Path(image.name).with_suffix(""), image)
        if other is not image:
            yield f"{image.path}: has the name of {other.path.name} but for its end; rename one of the two."
        if len(os.fsencode(image.path.name)) > LONGEST_ID:
            yield f"{image.path}: has a name of more than {LONGEST_ID} bytes; shorten it."
