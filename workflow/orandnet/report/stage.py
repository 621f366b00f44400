"""Everything that was evaluated -> tables and figures.

The figures show true masks beside the pseudo masks. That is allowed here as in the evaluation: nothing is trained
after the report.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas

from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record, read_index
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import MaskList
from orandnet.files.places import Origin, origin_of
from orandnet.files.store import CamStore
from orandnet.maps.grid import resize_scores
from orandnet.maps.pictures import heat_map, mask_colors
from orandnet.report.figures import Panel, draw_curves, draw_panels
from orandnet.report.members import members_table
from orandnet.report.screen import print_tables
from orandnet.report.settings import Settings
from orandnet.report.tables import (
    SAME_PIXELS,
    Row,
    pseudo_mask_table,
    scale_scheduling_table,
    segmentation_table,
    unscored_rows,
    variant_table,
)
from orandnet.report.voc2012 import is_voc2012

PUBLISHED = Path(__file__).parent
CURVE_COLUMNS = ("background_threshold", "miou", "precision", "recall")
OPTIONAL = ("legacy20_", SAME_PIXELS)  # starts of columns that are left out of a table where no row has them
TABLE_COLUMNS = {
    "pseudo_masks": (
        "method,threshold_rule,background_threshold,miou,miou_sd,precision,precision_sd,recall,recall_sd,"
        "legacy20_miou,legacy20_miou_sd,legacy20_precision,legacy20_precision_sd,legacy20_recall,legacy20_recall_sd,"
        "num_seeds,published_miou,published_precision,published_recall"
    ),
    "segmentation": (
        "method,stage,supervision,val,val_sd,legacy20_val,legacy20_val_sd,test,num_seeds,published_val,published_test"
    ),
    "variants": (
        "method,schedule,split,scales,crf,miou,miou_sd,precision,precision_sd,recall,recall_sd,"
        "legacy20_miou,legacy20_miou_sd,legacy20_precision,legacy20_precision_sd,legacy20_recall,legacy20_recall_sd,"
        "num_seeds"
    ),
    "scale_scheduling": (
        "method,baseline,baseline_sd,scale_scheduling,scale_scheduling_sd,scale_same_pixels,scale_same_pixels_sd,"
        "num_seeds,published_baseline,published_scale_scheduling"
    ),
    "members": "ensemble,member,measure,value,value_sd,member_value,member_value_sd,difference,num_seeds,above",
}


def tables(
    *,
    summaries: list[Path],
    predictions: list[Path],
    train_aug: Path,
    val: Path,
    pseudo_masks_output: Path,
    segmentation_output: Path,
    variants_output: Path,
    scale_scheduling_output: Path,
    members_output: Path,
    settings: Settings,
) -> None:
    """Write the tables, measured beside published where that compares, in percent and full precision.

    Args:
        summaries: summary.csv of evaluated CAMs, one per method and seed, at their places in the results.
        predictions: summary.csv of evaluated predictions, one per method, schedule, seed and split.
        train_aug: train_aug.csv of the data set; with `val` it tells whether the data is what was published on.
        val: val.csv.
        pseudo_masks_output: table 1 (CSV).
        segmentation_output: table 2 (CSV).
        variants_output: table 2 by inference, single or multi scale, without and with CRF (CSV).
        scale_scheduling_output: table 3 (CSV).
        members_output: each ensemble that ORANDNet refines against its members (CSV).
        settings: which methods, in which order. Where nothing could be scored, they have rows without numbers.
    """
    if not settings.scored:
        _write(pseudo_masks_output, "pseudo_masks", unscored_rows(settings.pseudo_mask_methods))
        _write(segmentation_output, "segmentation", unscored_rows(settings.segmentation_methods))
        _write(variants_output, "variants", unscored_rows(settings.segmentation_methods))
        _write(scale_scheduling_output, "scale_scheduling", unscored_rows(settings.scale_scheduling_methods))
        _write(members_output, "members", [])
        return
    masks, predicted, legacy20 = _measured(summaries), _measured(predictions), settings.legacy20
    segmented = [row for row in predicted if row["variant"] == settings.variant]
    shown = is_voc2012(train_aug, val) if settings.published is None else settings.published
    published = _published if shown else lambda name: []
    table1 = pseudo_mask_table(masks, published("pseudo_masks"), settings.pseudo_mask_methods, legacy20=legacy20)
    table2 = segmentation_table(
        segmented,
        published("segmentation"),
        settings.segmentation_methods,
        schedule=settings.segmentation_schedule,
        tuned=settings.tuned_on_ground_truth,
        legacy20=legacy20,
    )
    table3 = scale_scheduling_table(segmented, published("scale_scheduling"), settings.scale_scheduling_methods)
    _write(pseudo_masks_output, "pseudo_masks", table1)
    _write(segmentation_output, "segmentation", table2)
    _write(variants_output, "variants", variant_table(predicted, legacy20=legacy20))
    _write(scale_scheduling_output, "scale_scheduling", table3)
    compared = members_table(masks, segmented, settings.pairs, schedule=settings.segmentation_schedule)
    _write(members_output, "members", compared)


def figures(
    *,
    index: Path,
    ground_truth: Path,
    curves: list[Path],
    cams: list[Path],
    masks: list[Path],
    curves_output: Path,
    panels_output: Path,
    settings: Settings,
) -> None:
    """Draw the threshold curves and a page of train images with their score maps and masks.

    Args:
        index: train_aug.csv of the data set.
        ground_truth: ground_truth/<part>.json of the same images.
        curves: curve.csv of evaluated CAMs; files of one method are its seeds.
        cams: shards of CAM, fusion, ORANDNet and random walk stores; a column per store, in this order.
        masks: lists of pseudo masks; a column per method, in this order. Of several seeds the lowest is shown.
        curves_output: the curves (.png or .svg).
        panels_output: the page (.png or .svg).
        settings: number of images.
    """
    by_label = _by_label(curves)
    draw_curves(curves_output, {label: [_curve(path) for path in paths] for label, paths in by_label.items()})
    stores = {label: CamStore(paths) for label, paths in _lowest_seed(cams).items()}
    pseudo = {label: MaskList(paths) for label, paths in _lowest_seed(masks).items()}
    truth, images = GroundTruth(index, ground_truth), read_index(index)
    records = images.subset("train")
    spread = np.linspace(0, len(records) - 1, min(settings.panels, len(records))).round().astype(int)
    panels = [_panel(records[position], images.class_names, stores, pseudo, truth) for position in np.unique(spread)]
    draw_panels(panels_output, ["image", *stores, *pseudo, "ground truth"], panels)


def show(*, tables: list[Path]) -> None:
    """Print tables on the screen.

    Args:
        tables: tables of the report (CSV).
    """
    print_tables(tables)


def _measured(paths: list[Path]) -> list[Row]:
    return [{**origin_of(path)._asdict(), **row} for path in paths for row in _read(path)]


def _published(name: str) -> list[Row]:
    return _read(PUBLISHED / f"published_{name}.csv")


def _read(path: Path) -> list[Row]:
    """Return the rows of a CSV as text."""
    return pandas.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")


def _write(path: Path, table: str, rows: list[Row]) -> None:
    columns = [
        column
        for column in TABLE_COLUMNS[table].split(",")
        if not column.startswith(OPTIONAL) or any(column in row for row in rows)
    ]
    frame = pandas.DataFrame(rows, columns=columns, dtype=object)
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def _curve(path: Path) -> np.ndarray:
    """Return a (4, T) curve; an empty cell is nan."""
    rows = _read(path)
    return np.array([[float(row[column] or "nan") for row in rows] for column in CURVE_COLUMNS])


def _label(origin: Origin) -> str:
    """Return how a result is called in a figure, on at most two lines."""
    if origin.artifact == "fusion":
        return f"{origin.method}\n{origin.operator.upper()}"
    if origin.artifact == "evaluation_cam":
        name, dash, operator = origin.method.rpartition("-")
        return f"{name} {operator.upper()}" if dash and operator in ("or", "and", "mean") else origin.method
    second = {
        "cam": "CAM",
        "cam_import": "imported CAM",
        "orandnet_cam": "ORANDNet",
        "irn_walk": "random walk",
        "pseudo_mask": "pseudo mask",
    }
    return f"{origin.method}\n{second[origin.artifact]}"


def _by_label(paths: Iterable[Path]) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(_label(origin_of(path)), []).append(path)
    return groups


def _lowest_seed(paths: Iterable[Path]) -> dict[str, list[Path]]:
    groups = {label: [(origin_of(path).seed, path) for path in group] for label, group in _by_label(paths).items()}
    return {label: [path for seed, path in group if seed == min(group)[0]] for label, group in groups.items()}


def _panel(
    record: Record,
    class_names: tuple[str, ...],
    stores: dict[str, CamStore],
    pseudo: dict[str, MaskList],
    truth: GroundTruth,
) -> Panel:
    rgb = read_rgb(record.image, record.size)
    names = "\n".join(class_names[class_id - 1] for class_id in record.classes[:3])
    maps = [resize_scores(store[record.image_id].scores, record.size) for store in stores.values()]
    found = [masks.read(record.image_id) for masks in pseudo.values()]
    return Panel(
        f"{record.image_id}\n{names}",
        [
            rgb,
            # the highest score over the image's classes: what the arg-max against the background sees
            *(heat_map(rgb, scores.max(axis=0, initial=0)) for scores in maps),
            *(mask_colors(mask) for mask in [*found, truth.read(record.image_id)]),
        ],
    )


COMMANDS = {"tables": tables, "figures": figures, "show": show}
