"""Two figures: quality by background threshold, and a page of images with their score maps and masks.

Equal input gives equal bytes: no dates, no random ids. Sizes stay below 1600 pixels in height.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orandnet.maps.pictures import DPI, save_figure

# Okabe & Ito (2008): can be told apart by colour-blind readers; black and line styles extend it
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#8C8C00")
MARKERS = ("o", "s", "^", "D", "v", "P")
CELL = 1.45  # inches
MAX_LABEL = 15  # characters that fit beside a row of landscape pictures


class Panel(NamedTuple):
    """One row of the page: a label and (H, W, 3) uint8 pictures, one per column."""

    label: str
    pictures: list[np.ndarray]


def draw_curves(path: Path, curves: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Draw mIoU, and precision and recall, over the background threshold.

    Args:
        path: the picture; its suffix chooses the format (.png, .svg, .pdf).
        curves: label -> one (4, T) float array per seed with the rows threshold in [0, 1], mIoU, precision and
            recall in percent; nan where undefined. Lines are means over seeds, bands reach from the lowest to the
            highest seed, a marker shows the highest mIoU.
    """
    num_lines = -(-len(curves) // 4)
    figure = Figure(figsize=(11, 4.9 + 0.25 * num_lines), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    for position, (label, seeds) in enumerate(curves.items()):
        threshold, *quality = np.stack(seeds).swapaxes(0, 1)
        style = {"color": COLORS[position % len(COLORS)], "label": label}
        _draw_line(left, threshold[0], quality[0], **style)
        _mark_best(left, threshold[0], quality[0].mean(0), MARKERS[position % len(MARKERS)], style["color"])
        _draw_line(right, threshold[0], quality[1], **style)
        _draw_line(right, threshold[0], quality[2], linestyle="--", **style)
    _label_axes(left, "mIoU (%)", "mIoU of the pseudo masks")
    _label_axes(right, "precision, recall (%)", "mean precision and recall")
    right.set_ylim(top=100)
    kinds = [Line2D([], [], color="black", linestyle=s, label=n) for n, s in (("precision", "-"), ("recall", "--"))]
    right.legend(handles=kinds, loc="lower center", ncols=2, frameon=False)
    figure.legend(handles=left.get_lines()[::2], loc="outside lower center", ncols=4, frameon=False)
    save_figure(figure, path)


def _draw_line(axes: Axes, threshold: np.ndarray, seeds: np.ndarray, **style: str) -> None:
    axes.plot(threshold, seeds.mean(0), linewidth=1.6, **style)
    if len(seeds) > 1:
        axes.fill_between(threshold, seeds.min(0), seeds.max(0), color=style["color"], alpha=0.15, linewidth=0)


def _mark_best(axes: Axes, threshold: np.ndarray, miou: np.ndarray, marker: str, color: str) -> None:
    best = [] if np.isnan(miou).all() else [np.nanargmax(miou)]
    axes.plot(threshold[best], miou[best], marker, color=color, markersize=7, markeredgecolor="white")


def _label_axes(axes: Axes, quantity: str, title: str) -> None:
    axes.set(xlabel="background threshold", ylabel=quantity, title=title, xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


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
