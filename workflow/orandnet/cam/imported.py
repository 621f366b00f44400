"""Maps from another method's files become CAMs: their classes checked, their scores in [0, 1] on the grid.

numpy and PIL only, so that an import does not wait for torch.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orandnet.cam.import_folder import import_folder
from orandnet.cam.import_formats import Known, Maps, read_maps
from orandnet.cam.settings import ImportSettings
from orandnet.dataset.index import Record
from orandnet.dataset.problems import refuse
from orandnet.files.files_by_image import FilesByImage
from orandnet.files.store import Cam
from orandnet.maps import FLAT
from orandnet.maps.grid import covers, to_grid

ROUNDING = 1e-3  # a score may leave [0, 1] by so much, as those of half precision do
SHOWN = 10


def imported_cams(records: list[Record], class_names: tuple[str, ...], settings: ImportSettings) -> Iterator[Cam]:
    """Yield the CAM of each image; after the last, raise a ValueError that names the first faults and their number."""
    folder = import_folder(settings)
    folder.require(record.image_id for record in records)
    problems = []
    for record in records:
        try:
            cam = _imported(record, folder, class_names, settings)
        except ValueError as error:
            problems.append(str(error))
        else:
            yield cam
    refuse(problems, about=settings.path, shown=SHOWN)


def _imported(record: Record, folder: FilesByImage, class_names: tuple[str, ...], settings: ImportSettings) -> Cam:
    path = folder.file_of(record.image_id)
    file_ids = settings.file_ids or range(1, len(class_names) + 1)
    labels = tuple(file_ids[class_id - 1] for class_id in record.classes)
    names = dict(zip(file_ids, class_names, strict=True))
    ids = {name: file_id for file_id, name in names.items()}
    maps = read_maps(path, Known(labels, ids, record.size, settings.other_ids == "ignore"), settings)
    _check_classes(path, maps, labels, names, settings)
    shapes = {maps[label].shape for label in labels}
    if len(shapes) > 1:
        raise ValueError(f"{path}: its maps have different sizes, {sorted(shapes)}; write all at one size.")
    scores = np.stack([maps[label] for label in labels]).astype(np.float32)
    _check_scores(path, scores, record.size, normalised=settings.normalise == "none")
    scores = NORMALISATIONS[settings.normalise](to_grid(scores, record.size)) ** np.float32(settings.power)
    return Cam(record.image_id, np.asarray(record.classes, dtype=np.int64), scores, record.size)


def _check_classes(
    path: Path, maps: Maps, labels: tuple[int, ...], names: dict[int, str], settings: ImportSettings
) -> None:
    """Refuse maps of classes that the data set or the image does not have, and labels without a map."""
    others = [str(key) for key in maps if key not in names]
    extra = [names[key] for key in maps if key in names and key not in labels]
    missing = [names[label] for label in labels if label not in maps]
    if missing:
        raise ValueError(
            f"{path}: has no map of {', '.join(missing)}, a label of the image; make it from the same labels."
        )
    if others and settings.other_ids == "error":
        raise ValueError(
            f"{path}: has maps of {', '.join(others)}, outside dataset.classes; add the class, or set "
            "dataset.other_mask_ids: ignore."
        )
    if extra and settings.extra_classes == "error":
        raise ValueError(
            f"{path}: has maps of {', '.join(extra)}, no label of the image; make it from the same labels, or set "
            "extra_classes: drop."
        )


def _check_scores(path: Path, scores: np.ndarray, size: tuple[int, int], *, normalised: bool) -> None:
    if not np.isfinite(scores).all():
        raise ValueError(f"{path}: has scores that are not finite; make it again.")
    if not covers(scores.shape[1:], size):
        raise ValueError(
            f"{path}: maps of {scores.shape[1:]} cells do not have the shape of the image, {size} pixels (H, W); "
            "write them at the image's size, or a fraction of it."
        )
    low, high = float(scores.min()), float(scores.max())
    if normalised and (low < -ROUNDING or high > 1 + ROUNDING):
        raise ValueError(
            f"{path}: scores reach from {low:.4g} to {high:.4g}, a CAM lies in [0, 1]; "
            "set cam: {normalise: max} or min_max for this source."
        )


def _within(scores: np.ndarray) -> np.ndarray:
    return scores.clip(0, 1)


def _divided_by_max(scores: np.ndarray) -> np.ndarray:
    return _over_its_maximum(scores.clip(min=0))


def _min_max(scores: np.ndarray) -> np.ndarray:
    level = np.abs(scores).max(axis=(1, 2), keepdims=True)
    return _over_its_maximum(scores - scores.min(axis=(1, 2), keepdims=True), floor=np.float32(FLAT) * level)


def _over_its_maximum(scores: np.ndarray, floor: np.ndarray | float = 0.0) -> np.ndarray:
    """Return each map divided by its maximum, as in score_maps; an empty one stays empty."""
    highest = scores.max(axis=(1, 2), keepdims=True) + np.float32(floor)
    return scores / np.where(highest > 0, highest, np.float32(1))


NORMALISATIONS = {"none": _within, "max": _divided_by_max, "min_max": _min_max}
