"""A page of images with their score maps and masks.

Equal input gives equal bytes: no dates, no random ids. Sizes stay below 1600 pixels in height.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from orandnet.maps.pictures import DPI, save_figure

CELL = 1.45  # inches
MAX_LABEL = 15  # characters that fit beside a row of landscape pictures


class Panel(NamedTuple):
    """One row of the page: a label and (H, W, 3) uint8 pictures, one per column."""

    label: str
    pictures: list[np.ndarray]


def draw_panels(path: Path, columns: Sequence[str], panels: Sequence[Panel]) -> None:
    """Draw a page of pictures, one row per image.

    Args:
        path: the picture; its suffix chooses the format.
        columns: titles.
        panels: rows; pictures may differ in size from row to row.
    """
    heights = [_height(panel.pictures[0]) for panel in panels]
    figure = Figure(figsize=(0.45 + CELL * len(columns), 0.55 + sum(heights)), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    grid = figure.subplots(len(panels), len(columns), squeeze=False, height_ratios=heights)
    for axes_of_row, panel in zip(grid, panels, strict=True):
        for axes, picture in zip(axes_of_row, panel.pictures, strict=True):
            axes.imshow(picture, aspect="equal")
            axes.set(xticks=[], yticks=[])
        axes_of_row[0].set_ylabel("\n".join(map(_shortened, panel.label.split("\n"))), fontsize=8)
    for axes, title in zip(grid[0], columns, strict=True):
        axes.set_title(title, fontsize=9)
    save_figure(figure, path)


def _height(picture: np.ndarray) -> float:
    """Return the height of a row in inches; tall pictures are shrunk instead of stretching the page."""
    return CELL * min(picture.shape[0] / picture.shape[1], 1.2)


def _shortened(line: str) -> str:
    return line if len(line) <= MAX_LABEL else f"…{line[1 - MAX_LABEL :]}"
