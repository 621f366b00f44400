"""Everything that was evaluated -> tables, figures, and the page that shows them.

The figures show true masks beside the pseudo masks. That is allowed here as in the evaluation: nothing is trained
after the report.
"""

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np

from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.index import Record, read_index
from orandnet.files.places import IMPORTED
from orandnet.report.comparison_files import compare
from orandnet.report.measured import Measured, read_measured
from orandnet.report.members import members_table
from orandnet.report.page.gallery import Part, gallery
from orandnet.report.page.jobs import read_jobs
from orandnet.report.page.score_table import table_view
from orandnet.report.page.writing import PageContent, write_page, write_table
from orandnet.report.panels import Panel, draw_panels
from orandnet.report.paper import draw_chart
from orandnet.report.pictures import Shown, open_shown, pictures_of
from orandnet.report.run_charts import charts_of
from orandnet.report.screen import print_tables
from orandnet.report.settings import ChartSettings, PageSettings, Settings
from orandnet.report.table_files import measured_rows, published, write_table_file
from orandnet.report.tables import (
    pseudo_mask_table,
    scale_scheduling_table,
    segmentation_table,
    unscored_rows,
    variant_table,
)
from orandnet.report.voc2012 import is_voc2012


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
        write_table_file(pseudo_masks_output, "pseudo_masks", unscored_rows(settings.pseudo_mask_methods))
        write_table_file(segmentation_output, "segmentation", unscored_rows(settings.segmentation_methods))
        write_table_file(variants_output, "variants", unscored_rows(settings.segmentation_methods))
        write_table_file(scale_scheduling_output, "scale_scheduling", unscored_rows(settings.scale_scheduling_methods))
        write_table_file(members_output, "members", [])
        return
    masks, predicted, legacy20 = measured_rows(summaries), measured_rows(predictions), settings.legacy20
    foreign = [row for row in predicted if row["schedule"] == IMPORTED]
    segmented = [row for row in predicted if row["variant"] == settings.variant and row["schedule"] != IMPORTED]
    shown = is_voc2012(train_aug, val) if settings.published is None else settings.published
    literature = published if shown else lambda name: []
    table1 = pseudo_mask_table(masks, literature("pseudo_masks"), settings.pseudo_mask_methods, legacy20=legacy20)
    table2 = segmentation_table(
        segmented,
        literature("segmentation"),
        settings.segmentation_methods,
        schedule=settings.segmentation_schedule,
        tuned=settings.tuned_on_ground_truth,
        legacy20=legacy20,
        foreign=foreign,
    )
    table3 = scale_scheduling_table(segmented, literature("scale_scheduling"), settings.scale_scheduling_methods)
    write_table_file(pseudo_masks_output, "pseudo_masks", table1)
    write_table_file(segmentation_output, "segmentation", table2)
    write_table_file(variants_output, "variants", variant_table(predicted, legacy20=legacy20))
    write_table_file(scale_scheduling_output, "scale_scheduling", table3)
    compared = members_table(masks, segmented, settings.pairs, schedule=settings.segmentation_schedule)
    write_table_file(members_output, "members", compared)


def figures(
    *,
    index: Path,
    ground_truth: list[Path],
    cams: list[Path],
    masks: list[Path],
    panels_output: Path,
    pdf_output: Path,
    settings: Settings,
) -> None:
    """Draw a page of train images with their score maps and masks.

    Args:
        index: train_aug.csv of the data set.
        ground_truth: ground_truth/<part>.json of the same images, or none.
        cams: shards of CAM, fusion, ORANDNet and random walk stores; a column per store, in this order.
        masks: lists of pseudo masks; a column per method, in this order. Of several seeds the lowest is shown.
        panels_output: the page for the screen (.png).
        pdf_output: the same for a paper (.pdf).
        settings: number of images.
    """
    shown, images = open_shown(cams, masks, _truth(index, ground_truth)), read_index(index)
    records = images.subset("train") or images.subset("train_aug")
    spread = np.linspace(0, len(records) - 1, min(settings.panels, len(records))).round().astype(int)
    panels = [_panel(records[position], images.class_names, shown) for position in np.unique(spread)]
    for path in (panels_output, pdf_output):
        draw_panels(path, shown.titles(), panels)


def charts(
    *,
    summaries: list[Path],
    predictions: list[Path],
    histories: list[Path],
    charts_output: list[Path],
    settings: ChartSettings,
) -> None:
    """Draw the charts of a run for papers.

    Args:
        summaries: summary.csv of evaluated CAMs; curve.csv and per_class.csv lie beside them.
        predictions: summary.csv of evaluated predictions; confusion.csv lies beside them.
        histories: history.csv of every network.
        charts_output: files (.svg, .pdf) named by the charts.
        settings: what they show.
    """
    found = charts_of(_read_measured(summaries, predictions, histories, settings), settings)
    for name, same in groupby(charts_output, key=lambda path: path.stem):
        paths = [*same]
        if name not in found:
            raise ValueError(f"{paths[0]}: the run has no numbers for it, but for {', '.join(found) or 'nothing'}.")
        draw_chart(paths, found[name])


def page(
    *,
    data: Path,
    images: list[Path],
    ground_truth: list[Path],
    tables: list[Path],
    summaries: list[Path],
    predictions: list[Path],
    histories: list[Path],
    manifests: list[Path],
    cams: list[Path],
    masks: list[Path],
    predicted: list[Path],
    output: Path,
    tables_output: list[Path],
    settings: PageSettings,
) -> None:
    """Write the page of a run: one file that needs no other and no network.

    Args:
        data: manifest.json of the data set.
        images: train_aug.csv and val.csv of the data set.
        ground_truth: ground_truth/<part>.json of the same parts, or none.
        tables: tables of the report (CSV).
        summaries: summary.csv of evaluated CAMs; curve.csv and per_class.csv lie beside them.
        predictions: summary.csv of evaluated predictions; confusion.csv lies beside them.
        histories: history.csv of every network.
        manifests: of all jobs; that of a first shard stands for those of all shards.
        cams: stores that the gallery shows of train images.
        masks: lists of pseudo masks that it shows of them.
        predicted: lists of predictions that it shows of val images.
        output: the page (.html).
        tables_output: each table as a page of its own, named as the CSV (.html).
        settings: what is said of the run.
    """
    measured = _read_measured(summaries, predictions, histories, settings)
    views = [table_view(path, measured, settings) for path in tables]
    truth = dict(zip(images, ground_truth or [None] * len(images), strict=True))
    slides = gallery(
        [
            _part(images[0], truth, "train", cams, masks, ""),
            _part(images[1], truth, "val", [], predicted, settings.variant),
        ],
        number=settings.gallery,
    )
    content = PageContent(
        settings=settings,
        measured=measured,
        tables=views,
        charts=charts_of(measured, settings),
        jobs=read_jobs(manifests),
        data=json.loads(data.read_text(encoding="utf-8")),
        gallery=slides,
        weights=[path.with_name("weights.safetensors") for path in histories],
    )
    write_page(output, content)
    for path in tables_output:
        write_table(path, next(view for view in views if view.name == path.stem))


def show(*, tables: list[Path]) -> None:
    """Print tables on the screen.

    Args:
        tables: tables of the report (CSV).
    """
    print_tables(tables)


def _read_measured(
    summaries: list[Path], predictions: list[Path], histories: list[Path], settings: ChartSettings
) -> Measured:
    schedule, variant = settings.segmentation_schedule, settings.variant
    return read_measured(summaries, predictions, histories, schedule=schedule, variant=variant)


def _truth(index: Path, ground_truth: list[Path]) -> Callable[[str], np.ndarray] | None:
    return GroundTruth(index, ground_truth[0]).read if ground_truth else None


def _part(
    index: Path, truth: dict[Path, Path | None], split: str, cams: list[Path], masks: list[Path], variant: str
) -> Part:
    images = read_index(index)
    shown = open_shown(cams, masks, _truth(index, [truth[index]] if truth[index] else []), variant=variant)
    records = images.subset(split) or images.subset(index.stem)
    return Part(split, records if cams or masks else [], images.class_names, shown)


def _panel(record: Record, class_names: tuple[str, ...], shown: Shown) -> Panel:
    names = "\n".join(class_names[class_id - 1] for class_id in record.classes[:3])
    return Panel(f"{record.image_id}\n{names}", [picture.rgb for picture in pictures_of(record, shown)])


COMMANDS = {"tables": tables, "figures": figures, "charts": charts, "page": page, "show": show, "compare": compare}
