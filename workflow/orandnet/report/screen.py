"""The tables on the terminal: one decimal, mean and deviation in one cell, tuned rows marked."""

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orandnet.report.tables import TUNED

TITLES = {
    "table1_pseudo_masks": "Table 1. Pseudo masks on the train images",
    "table2_segmentation": "Table 2. Segmentation, mIoU",
    "table2_variants": "Table 2 by inference: single or multi scale (ss, ms), without or with CRF",
    "table3_scale_scheduling": "Table 3. Scale scheduling, mIoU on val",
    "ensembles_and_members": "Ensembles that ORANDNet refines, against their members",
}
HEADINGS = {
    "threshold_rule": "threshold by",
    "background_threshold": "threshold",
    "miou": "mIoU",
    "num_seeds": "seeds",
    "crf": "CRF",
    "legacy20_miou": "mIoU (20)",
    "legacy20_precision": "prec. (20)",
    "legacy20_recall": "recall (20)",
    "legacy20_val": "val (20)",
    "published_miou": "publ. mIoU",
    "published_precision": "publ. prec.",
    "published_recall": "publ. recall",
    "published_val": "publ. val",
    "published_test": "publ. test",
    "published_baseline": "publ. baseline",
    "published_scale_scheduling": "publ. scale sch.",
    "scale_scheduling": "scale scheduling",
    "scale_same_pixels": "same pixels",
    "value": "ensemble's",
    "member_value": "member's",
}
RULE_NAMES = {"otsu": "Otsu", "best_miou": "best mIoU", "precision_ge_recall": "prec. ≥ recall"}
AS_TEXT = (
    "member",
    "measure",
    "above",
    "method",
    "stage",
    "supervision",
    "inference",
    "schedule",
    "split",
    "scales",
    "crf",
    "num_seeds",
)
LEFT = (
    "member",
    "measure",
    "method",
    "stage",
    "supervision",
    "inference",
    "schedule",
    "split",
    "scales",
    "crf",
    "threshold_rule",
)
DAGGER = "†"
TUNED_NOTE = f"{DAGGER} the threshold was chosen on the ground truth of the train images"
LEGACY_NOTE = "(20): without the last class, as the official release's evaluator counts on PASCAL VOC"
PUBLISHED_NOTE = "publ.: published for PASCAL VOC 2012 in the paper's poster"
FOREIGN_NOTE = "without a stage: predictions of other programs, scored as they are"
UNSCORED_NOTE = "nothing was scored: the data set has no true masks (dataset.masks)"
KEPT_NOTE = (
    "kept: share of the pixels that the masks do not ignore (pseudo_mask.ignore_below); scores are of all pixels"
)
PRECISION_NOTE = "precision: mean over the classes that are predicted anywhere; recall: over those in the true masks"
WIDTH_OF_A_LOG = 120


def screen() -> Console:
    """Return standard output, of a fixed width where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_LOG)


def print_tables(paths: Iterable[Path], console: Console | None = None) -> None:
    """Print tables that the report wrote, one after the other, with their notes.

    Args:
        paths: CSV files.
        console: where to print; default: standard output.

    Raises:
        ValueError: if a file is no table of the report.
    """
    console = console or screen()
    for path in map(Path, paths):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns, rows = reader.fieldnames or (), list(reader)
        if "num_seeds" not in columns:
            raise ValueError(f"{path}: is no table of the report, which has a column num_seeds; give one of tables/.")
        console.print(_table(path.stem, _shown(columns, rows), rows))
        console.print()


def _shown(columns: Sequence[str], rows: list[dict[str, str]]) -> list[str]:
    """Leave out the published numbers where there are none: on other data than what they were measured on."""
    return [column for column in columns if not column.startswith("published_") or any(row[column] for row in rows)]


def _table(stem: str, columns: Sequence[str], rows: list[dict[str, str]]) -> Table:
    notes = notes_of(rows, columns)
    table = Table(
        title=TITLES.get(stem, stem),
        caption="\n".join(["percent; mean ± standard deviation over seeds", *notes]),
        title_justify="left",
        caption_justify="left",
    )
    shown = [column for column in columns if not column.endswith("_sd")]
    for column in shown:
        justify = "left" if column in LEFT else "right"
        table.add_column(HEADINGS.get(column, column), justify=justify)
    for position, row in enumerate(rows):
        last = position + 1 == len(rows) or rows[position + 1].get("method") != row.get("method")
        table.add_row(*(_cell(row, column) for column in shown), end_section=last and "threshold_rule" in row)
    return table


def _not_above(rows: list[dict[str, str]]) -> list[str]:
    """Return the line that names what did not come out as in the paper."""
    found = [f"{row['method']} {row['measure']} (against {row['member']})" for row in rows if row.get("above") == "no"]
    if found:
        return [f"not above its members, unlike in the paper: {'; '.join(found)}"]
    return ["above all members, as in the paper"] if rows and "above" in rows[0] else []


def notes_of(rows: Sequence[dict[str, str]], columns: Sequence[str]) -> list[str]:
    """Return what must be said below a table, a line each."""
    notes = [TUNED_NOTE] if any(map(is_tuned, rows)) else []
    notes += [PRECISION_NOTE] if "precision" in columns else []
    notes += [KEPT_NOTE] if "kept" in columns else []
    notes += [PUBLISHED_NOTE] if any(column.startswith("published_") for column in columns) else []
    notes += [FOREIGN_NOTE] if "inference" in columns else []
    if rows and all(row["num_seeds"] == "0" for row in rows):
        notes = [UNSCORED_NOTE]
    notes += _not_above(rows)
    return notes + ([LEGACY_NOTE] if any(column.startswith("legacy20_") for column in columns) else [])


def _cell(row: dict[str, str], column: str) -> str:
    text = row[column]
    if column == "method" and is_tuned(row):
        return f"{text} {DAGGER}"
    if column == "threshold_rule":
        return RULE_NAMES.get(text, text)
    if column in AS_TEXT or not text:
        return text
    if column == "background_threshold":
        return f"{float(text):.2f}"
    deviation = row.get(f"{column}_sd")
    return f"{float(text):.1f}" + (f" ± {float(deviation):.1f}" if deviation else "")


def is_tuned(row: dict[str, str]) -> bool:
    """Return whether the ground truth chose the threshold of a row."""
    return row.get("threshold_rule") in TUNED or row.get("supervision") == "I+T"
