"""Class ids in mask files, and what they become in the ids of the class list."""

from collections.abc import Mapping

import numpy as np

from orandnet.dataset.settings import MaskSettings
from orandnet.files.mask import IGNORE_INDEX, Colors
from orandnet.files.mask_colors import ColorTable, voc_colors

BACKGROUND = 0


def id_translation(file_ids: tuple[int, ...]) -> dict[int, int]:
    """Return which id in a mask file becomes which id of ours; background and 255 stay."""
    foreground = {file_id: class_id for class_id, file_id in enumerate(file_ids, start=1)}
    return {BACKGROUND: BACKGROUND, **foreground, IGNORE_INDEX: IGNORE_INDEX}


def color_rows(settings: MaskSettings, file_ids: Mapping[str, int]) -> list[list[int]] | str | None:
    """Return how ids are told in the true masks, in a form that JSON keeps: [red, green, blue, id] of each colour.

    Args:
        settings: with `mask_colors`.
        file_ids: class name -> id in the mask files.

    Raises:
        ValueError: if a table of colours lacks a class or the background, names another class, or a colour twice.
    """
    given = settings.mask_colors
    if given is None or given == "indices":
        return given
    if given == "voc":
        return [[*color, index] for color, index in voc_colors().items()]
    ids = {"background": BACKGROUND, "ignore": IGNORE_INDEX, **file_ids}
    missing = [name for name in ("background", *file_ids) if name not in given]
    strange = [name for name in given if name not in ids and settings.other_mask_ids == "error"]
    if missing or strange:
        fault = f"has no colour of {', '.join(missing)}" if missing else f"names {', '.join(strange)}, no class"
        raise ValueError(f"dataset.mask_colors: {fault}; give every class and the background one colour each.")
    rows = [[*color, ids.get(name, IGNORE_INDEX)] for name, color in given.items()]
    colors = [tuple(row[:3]) for row in rows]
    twice = next((color for color in colors if colors.count(color) > 1), None)
    if twice:
        raise ValueError(f"dataset.mask_colors: {list(twice)} stands for two classes; give each its own colour.")
    return rows


def colors_of(rows: list[list[int]] | str | None) -> Colors:
    """Return what the readers of masks take, from what `color_rows` gave."""
    return ColorTable({tuple(color): index for *color, index in rows}) if isinstance(rows, list) else rows


def unknown_ids(mask: np.ndarray, known: np.ndarray) -> str | None:
    """Say which ids of a (H, W) uint8 mask are not `known`, a (256,) table of bool; None if all are."""
    # one more than the highest id; 255 becomes 0. Where ids have no gaps, this tells it sooner
    after_highest = int((mask + np.uint8(1)).max(initial=0))
    if known[IGNORE_INDEX] and known[:after_highest].all():
        return None
    # the known ids are deleted; four times as fast as counting all
    unknown = sorted(set(mask.tobytes().translate(None, delete=bytes(np.flatnonzero(known).tolist()))))
    return f"has ids outside dataset.classes: {', '.join(map(str, unknown))}" if unknown else None


def translated(mask: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return a new (H, W) uint8 mask with each id replaced by its entry in `table`, (256,) uint8."""
    # Python's own translation of bytes: four times as fast as indexing
    return np.frombuffer(bytearray(mask.tobytes()).translate(table.tobytes()), dtype=np.uint8).reshape(mask.shape)
