"""Charts of segmenters: masks against what is learnt from them, seeds as points, confusions."""

from collections import Counter

import numpy as np

from orandnet.report.charts import Axis, Chart, Matrix, Plot, Point
from orandnet.report.mask_charts import number
from orandnet.report.measured import Measured, Row
from orandnet.report.settings import ChartSettings


def shown_predictions(measured: Measured, settings: ChartSettings) -> list[Row]:
    """Return the scores on val that table 2 shows, one row per method and seed."""
    wanted = (settings.segmentation_schedule, "val", settings.variant)
    return [row for row in measured.predictions if (row["schedule"], row["split"], row["variant"]) == wanted]


def masks_chart(measured: Measured, settings: ChartSettings) -> Chart:
    """Return the quality of the masks against the mIoU on val of what was trained on them: a point per seed."""
    rows = settings.made(measured.cams)
    scored = {(row["method"], int(row["seed"])): row for row in rows}
    seeds = Counter(row["method"] for row in rows)
    once = {row["method"]: row for row in rows if seeds[row["method"]] == 1}  # imported CAMs, and those of a CLIP
    panels = {"miou": [], "precision": []}
    for row in shown_predictions(measured, settings):
        cam = settings.masks.get(row["method"], "")
        masks = scored.get((cam, int(row["seed"]))) or once.get(cam)
        for metric, points in panels.items() if masks else ():
            points.append(Point(row["method"], number(masks[metric]), number(row["miou"]), f"seed {row['seed']}"))
    return Chart(
        "masks_and_segmentation",
        "Quality of the masks and of what is learnt from them",
        "One point per method and seed. Across: the pseudo masks a segmenter was trained on, on the train images. "
        f"Up: its mIoU on val ({settings.variant}).",
        tuple(
            Plot("", Axis(f"{name} of the masks (%)"), Axis("mIoU on val (%)"), points=tuple(panels[metric]))
            for metric, name in (("miou", "mIoU"), ("precision", "mean precision"))
        ),
    )


def seeds_chart(measured: Measured, settings: ChartSettings) -> Chart:
    """Return every seed as a point: mIoU of the masks, and of the segmenters on val."""
    masks = settings.made(measured.cams)
    masks = [row for method in settings.pseudo_mask_methods for row in masks if row["method"] == method]
    segmented = shown_predictions(measured, settings)
    segmented = [row for method in settings.segmentation_methods for row in segmented if row["method"] == method]
    panels = (("pseudo masks, train", masks), (f"segmenters, val, {settings.variant}", segmented))
    return Chart(
        "seeds",
        "Every seed",
        "mIoU of each seed; where the points of two methods overlap, their difference is no finding.",
        tuple(_by_method(title, rows) for title, rows in panels if rows),
    )


def _by_method(title: str, rows: list[Row]) -> Plot:
    names = tuple(dict.fromkeys(row["method"] for row in rows))
    points = (
        Point(f"seed {row['seed']}", number(row["miou"]), row["method"]) for row in rows if number(row["miou"]) >= 0
    )
    return Plot(title, Axis("mIoU (%)"), Axis("", names=names), points=tuple(points))


def confusion_chart(measured: Measured, settings: ChartSettings) -> Chart:
    """Return where the pixels of each true class go, for each method of table 2."""
    methods = [method for method in settings.segmentation_methods if method in measured.confusions]
    return Chart(
        "confusion",
        "Confusion matrix",
        f"Share of the pixels of each true class (rows) that is predicted as each class (columns), in percent; val, "
        f"{settings.variant}, summed over seeds.",
        tuple(Matrix(method, measured.class_names, _shares(measured.confusions[method])) for method in methods),
    )


def _shares(counts: np.ndarray) -> tuple[tuple[float, ...], ...]:
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100.0 * counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    return tuple(map(tuple, shares.tolist()))
