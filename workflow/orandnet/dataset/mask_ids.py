"""Class ids in mask files, and what they become in the ids of the class list."""

import numpy as np

from orandnet.files.mask import IGNORE_INDEX

BACKGROUND = 0


def id_translation(file_ids: tuple[int, ...]) -> dict[int, int]:
    """Return which id in a mask file becomes which id of ours; background and 255 stay."""
    foreground = {file_id: class_id for class_id, file_id in enumerate(file_ids, start=1)}
    return {BACKGROUND: BACKGROUND, **foreground, IGNORE_INDEX: IGNORE_INDEX}


def unknown_ids(mask: np.ndarray, known: np.ndarray) -> str | None:
    """Say which ids of a (H, W) uint8 mask are not `known`, a (256,) table of bool; None if all are."""
    # the known ids are deleted; four times as fast as counting all
    unknown = sorted(set(mask.tobytes().translate(None, delete=bytes(np.flatnonzero(known).tolist()))))
    return f"has ids outside dataset.classes: {', '.join(map(str, unknown))}" if unknown else None


def translated(mask: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return a new (H, W) uint8 mask with each id replaced by its entry in `table`, (256,) uint8."""
    # Python's own translation of bytes: four times as fast as indexing
    return np.frombuffer(bytearray(mask.tobytes()).translate(table.tobytes()), dtype=np.uint8).reshape(mask.shape)
