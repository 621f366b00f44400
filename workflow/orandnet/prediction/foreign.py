"""Predictions of another program: masks or logits of val become masks of ours, or are refused with a reason.

numpy and PIL only.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orandnet.dataset.index import Record
from orandnet.dataset.mask_ids import id_translation, translated, unknown_ids
from orandnet.dataset.problems import refuse
from orandnet.files.dumps import first_entry, read_dump, real_numbers
from orandnet.files.logits import LOGITS
from orandnet.files.mask import IGNORE_INDEX, read_mask
from orandnet.maps.grid import covers, most_cells, resize_scores
from orandnet.prediction.import_folder import prediction_folder
from orandnet.prediction.settings import ImportSettings

SHOWN = 10
MOST_CHANNELS = 256
WHOSE = "val images"


def foreign_masks(records: list[Record], file_ids: np.ndarray, settings: ImportSettings) -> Iterator[np.ndarray]:
    """Yield the mask of each image, (H, W) uint8 ids of the class list.

    Args:
        records: images of val.
        file_ids: (C + 1,) ids in the data set's mask files by our ids 0..C, as `read_file_ids` gives them.
        settings: where the files lie, and what they hold.

    Raises:
        ValueError: before the first, if an image has no file; after the last, with the first faults and their number.
    """
    folder = prediction_folder(settings)
    folder.require((record.image_id for record in records), whose=WHOSE)
    problems = []
    for record in records:
        try:
            mask = mask_of(folder.file_of(record.image_id), record.size, file_ids, settings)
        except ValueError as error:
            problems.append(str(error))
        else:
            yield mask
    refuse(problems, about=settings.path, shown=SHOWN)


def mask_of(path: Path, size: tuple[int, int], file_ids: np.ndarray, settings: ImportSettings) -> np.ndarray:
    """Return the mask in a file, (H, W) uint8 ids of the class list, of an image of `size`; ValueError names it."""
    if settings.format == "logits":
        highest = MOST_CHANNELS - 1 if settings.other_ids == "ignore" else int(file_ids.max())
        scores = _logits(path, size, most_bytes=2 * 8 * (highest + 1) * most_cells(size) + 2**20)
        mask = resize_scores(scores, size).argmax(axis=0).astype(np.uint8)
        if len(scores) == len(file_ids):
            return mask  # a channel for each class of the run, in its order
        _require_all_ids(len(scores), path, file_ids, settings)
    else:
        mask = read_mask(path)
        if mask.shape != size:
            raise ValueError(f"{path}: is {mask.shape} pixels, its image {size} (H, W); save it at the image's size.")
    known = np.isin(np.arange(256), [*file_ids, IGNORE_INDEX])
    problem = unknown_ids(mask, known)
    if problem and settings.other_ids == "error":
        raise ValueError(f"{path}: {problem}; write those of the run's classes, or set dataset.other_mask_ids: ignore.")
    table = np.full(256, IGNORE_INDEX, np.uint8)
    for file_id, class_id in id_translation(tuple(file_ids[1:].tolist())).items():
        table[file_id] = class_id
    return translated(mask, table)


def _require_all_ids(number: int, path: Path, file_ids: np.ndarray, settings: ImportSettings) -> None:
    """Refuse channels that are neither those of the run's classes nor those of all ids in the data set's mask files."""
    needed = int(file_ids.max()) + 1
    if number != needed and not (settings.other_ids == "ignore" and number > needed):
        wanted = " or ".join(str(one) for one in sorted({len(file_ids), needed}))
        raise ValueError(
            f"{path}: has {number} channels, not {wanted}; write one for the background and one for each class."
        )


def _logits(path: Path, size: tuple[int, int], *, most_bytes: int) -> np.ndarray:
    """Return (C, h, w) logits, background first, of an image of `size` (H, W) pixels at some scale."""
    content = read_dump(path, most_bytes=most_bytes)
    if isinstance(content, dict):
        name = first_entry(content, LOGITS)
        if name is None:
            raise ValueError(f"{path}: has the entries {list(content)[:9]}, not {' or '.join(LOGITS)}; rename one.")
        content = content[name]
    scores = real_numbers(content, 3, path)
    if len(scores) > MOST_CHANNELS:
        raise ValueError(f"{path}: has {len(scores)} channels, more than masks can tell; check the format.")
    if not np.isfinite(scores).all():
        raise ValueError(f"{path}: has logits that are not finite; make it again.")
    if not covers(scores.shape[1:], size):
        raise ValueError(
            f"{path}: logits of {scores.shape[1:]} cells do not have the shape of the image, {size} pixels (H, W); "
            "write them at the image's size, or a fraction of it."
        )
    return scores
