"""The masks of a folder of new images: what is there is kept, what cannot be read is named and left out."""

from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.dataset.new_images import NewImage, read_each
from orandnet.files.folder_record import FolderRecord
from orandnet.job.ending import is_lack_of_memory
from orandnet.job.progress import say, track
from orandnet.job.read_ahead import read_ahead
from orandnet.prediction.model import Segmenter
from orandnet.prediction.outputs import Outputs, write_outputs
from orandnet.prediction.workers import ordered_starmap


class Wanted(NamedTuple):
    """What is written of each image beside its mask."""

    overlay: bool
    probabilities: bool

    def outputs(self, image: NewImage, folder: Path) -> Outputs:
        """Return the files of an image in the output folder."""
        return Outputs(
            image.file_in(folder, ".png"),
            image.file_in(folder / "overlay", ".png") if self.overlay else None,
            image.file_in(folder / "probabilities", ".npz") if self.probabilities else None,
        )

    def check_names(self, images: list[NewImage], folder: Path) -> None:
        """Refuse names under which one file would lie in the place of another, or of its folder; ValueError."""
        owners: dict[Path, NewImage] = {}
        for image in images:
            for path in filter(None, self.outputs(image, folder)):
                other = owners.setdefault(path, image)
                if other is not image:
                    raise ValueError(f"{path}: would be written for {other.path} and {image.path}; rename one of them.")
        for path, image in owners.items():
            blocked = next((parent for parent in path.parents if parent in owners), None)
            if blocked is not None:
                raise ValueError(
                    f"{blocked}: would be written for {owners[blocked].path}, and be the folder for {image.path}; "
                    "rename one of them."
                )


def predict_folder(
    model: Segmenter, images: list[NewImage], record: FolderRecord, wanted: Wanted, *, threads: int
) -> list[str]:
    """Write the files of every image that has not all of them; return a line on each image that has none.

    Args:
        model: the segmenter.
        images: what to predict.
        record: of the output folder.
        wanted: which files.
        threads: the CRFs have one less, each in a process of its own.
    """
    folder = record.folder
    todo = [image for image in images if not record.holds(*image, filter(None, wanted.outputs(image, folder)))]
    if len(todo) < len(images):
        say(f"predict: {len(images) - len(todo)} of {len(images)} images have their files, and are kept")
    problems: list[str] = []
    started: deque[tuple[str, str]] = deque()  # images on their way through the CRF, in order

    def items() -> Iterator[tuple[Outputs, np.ndarray, dict[str, np.ndarray]]]:
        for image, sha256, found in track(read_ahead(read_each(todo)), "predict", len(todo)):
            before_crf = found if isinstance(found, ValueError) else _before_crf(model, image, found)
            if isinstance(before_crf, ValueError):
                problems.append(str(before_crf))
                say(f"predict: left out: {before_crf}")
                continue
            started.append((image.name, sha256))
            yield wanted.outputs(image, folder), found, before_crf

    write = partial(write_outputs, class_names=model.class_names, variant=model.variant, **model.refinement)
    for _ in ordered_starmap(write, items(), processes=max(0, threads - 1)):
        record.add(*started.popleft())
    return problems


def _before_crf(model: Segmenter, image: NewImage, rgb: np.ndarray) -> dict[str, np.ndarray] | ValueError:
    """Return the probabilities of an image, or the error of one that is too large for the memory."""
    try:
        return model.before_crf(rgb)
    except Exception as error:
        if not is_lack_of_memory(error):
            raise
        height, width = rgb.shape[:2]
        return ValueError(
            f"{image.path}: its {width} x {height} pixels need more memory than there is on {model.device}; make it "
            "smaller, or try --variant ss or --device cpu."
        )
