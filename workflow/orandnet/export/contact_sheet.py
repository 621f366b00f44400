"""One page with everything in a trail: the image, each score map over it, each mask in the colours of VOC."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from orandnet.export.trail import Trail
from orandnet.files.mask_colors import voc_palette
from orandnet.files.store import Cam
from orandnet.maps.grid import resize_scores
from orandnet.maps.pictures import DPI, SCORE_COLORS, heat_map, mask_colors, save_figure

COLUMNS = 6
CELL = 2.0  # inches
TITLE = 0.42  # inches above a picture, two lines


class Cell(NamedTuple):
    """A (H, W, 3) uint8 picture and its title of two lines."""

    title: str
    picture: np.ndarray


def draw_sheet(
    path: Path, trail: Trail, rgb: np.ndarray, cams: Mapping[str, Cam], masks: Mapping[str, np.ndarray]
) -> None:
    """Draw the pictures in rows of six, with a legend of the colours below.

    Args:
        path: the page (.png, .svg or .pdf).
        trail: the description.
        rgb: (H, W, 3) uint8.
        cams: place under results/<run> -> CAM.
        masks: place -> (H, W) uint8 mask ids.
    """
    cells = [Cell(f"{trail.image_id}\n{', '.join(trail.labels)}", rgb), *_maps(trail, rgb, cams), *_masks(masks)]
    patches = [*(_scale() if cams else []), *_names(trail, masks)]
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    row = CELL * min(rgb.shape[0] / rgb.shape[1], 1.5) + TITLE
    legend = 0.15 + 0.22 * -(-len(patches) // columns)
    figure = Figure(figsize=(CELL * columns, rows * row + legend), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    _fill(figure.subplots(rows, columns, squeeze=False).ravel(), cells)
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=columns, fontsize=7, frameon=False)
    save_figure(figure, path)


def _scale() -> Iterator[Patch]:
    for score in (0, 0.5, 1):
        yield Patch(facecolor=mpl.colormaps[SCORE_COLORS](float(score)), edgecolor="0.5", label=f"score {score:g}")


def _names(trail: Trail, masks: Mapping[str, np.ndarray]) -> Iterator[Patch]:
    palette = np.array(voc_palette()).reshape(256, 3) / 255
    for mask_id in sorted({mask_id for mask in masks.values() for mask_id in np.unique(mask).tolist()}):
        yield Patch(facecolor=palette[mask_id], edgecolor="0.5", label=trail.name_of(mask_id))


def _maps(trail: Trail, rgb: np.ndarray, cams: Mapping[str, Cam]) -> Iterator[Cell]:
    for name, cam in cams.items():
        folder = name.rpartition("/")[0]
        for class_id, scores in zip(cam.classes.tolist(), resize_scores(cam.scores, rgb.shape[:2]), strict=True):
            yield Cell(f"{folder}\n{trail.name_of(class_id)}", heat_map(rgb, scores))


def _masks(masks: Mapping[str, np.ndarray]) -> Iterator[Cell]:
    for name, mask in masks.items():
        stage, method, *place, _ = name.split("/")
        yield Cell(f"{stage}/{method}\n{'/'.join(place)}", mask_colors(mask))


def _fill(grid: np.ndarray, cells: list[Cell]) -> None:
    for axes in grid:
        axes.set_axis_off()
    for axes, cell in zip(grid, cells, strict=False):
        axes.imshow(cell.picture, aspect="equal", interpolation="nearest")
        axes.set_title(cell.title, fontsize=7, pad=3)
