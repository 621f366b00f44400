"""A comparison of runs on the screen, as CSV and as a page."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orandnet.files.atomic import atomic_path
from orandnet.report.comparison import (
    AS_MADE,
    MASKS,
    SEGMENTATION,
    Compared,
    Row,
    Run,
    compared_rows,
    differing,
    read_run,
)
from orandnet.report.page.score_table import Cell, Header, TableView, signed
from orandnet.report.page.writing import write_tables
from orandnet.report.screen import screen

RESULTS = Path("results")
COLUMNS = (*Row._fields, "run", "mean", "sd", "num_seeds", "difference", "difference_low", "difference_high", "p")
TITLES = {MASKS: "Pseudo masks", SEGMENTATION: "Segmentation"}
MEASURES = {"miou": "mIoU", "precision": "precision", "recall": "recall"}
NOTES = [
    "percent; mean ± standard deviation over seeds; differences to the first run, * where the 95 % interval leaves out "
    "zero: a paired t-test over the seeds that both runs have, Welch's where they have others; not corrected for the "
    "number of rows, and empty of meaning for one seed",
    f"{AS_MADE}: by the rule that each run's masks are made with",
]
DIFFERENT_DATA = "the runs are on different images or classes: their numbers say nothing about each other"


def compare(runs: list[str], /, *, output: str | None = None) -> None:
    """Show runs side by side: their scores, differences, significance over seeds, and the settings that differ.

    Args:
        runs: names of finished runs, or their folders; differences are to the first.
        output: start of the names of the files that are written, .csv and .html; default:
            results/comparison-<run>-<run>.
    """
    folders = [Path(run) if "/" in run else RESULTS / run for run in runs]
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise ValueError(f"{' '.join(runs)}: give two or more different runs.")
    found = _told_apart([read_run(folder) for folder in folders], folders)
    start = Path(output) if output else RESULTS / "-".join(["comparison", *(folder.name for folder in folders)])
    compared = compared_rows(found)
    table, page = (start.with_name(f"{start.name}.{ending}") for ending in ("csv", "html"))
    write_csv(table, compared)
    write_html(page, found, compared)
    print_comparison(found, compared, screen())
    print(f"\ntable     {table}\npage      {page}")


def _told_apart(runs: list[Run], folders: list[Path]) -> list[Run]:
    """Return the runs, called by their folders where two have one name, as those of two checkouts do."""
    if len({run.name for run in runs}) == len(runs):
        return runs
    return [run._replace(name=str(folder)) for run, folder in zip(runs, folders, strict=True)]


def notes_of(runs: Sequence[Run]) -> list[str]:
    """Return what must be said of a comparison, the gravest first."""
    facts = differing(runs)
    return ([DIFFERENT_DATA] if {"images", "classes"} & facts.keys() else []) + NOTES


def write_csv(path: Path, compared: Sequence[Compared]) -> None:
    """Write a line for each row and run, in full precision."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, "significant"])
        for one in compared:
            known = "" if one.p is None else "yes" if one.is_significant else "no"
            numbers = (one.difference, one.low, one.high, one.p)
            line = [*one.row, one.run, one.mean, one.sd, one.num_seeds, *numbers, known]
            writer.writerow("" if value is None else value for value in line)


def write_html(path: Path, runs: Sequence[Run], compared: Sequence[Compared]) -> None:
    """Write a page with a table for each measure, and one of what differs; it needs no network."""
    write_tables(path, " and ".join(run.name for run in runs), views(runs, compared))


def print_comparison(runs: Sequence[Run], compared: Sequence[Compared], console: Console) -> None:
    """Print what differs, the masks as they were made, and the segmenters as the runs' tables show them."""
    shown = {f"{run.settings.segmentation_schedule} val {run.settings.variant}" for run in runs}
    of_screen = [one for one in compared if one.row.detail in {AS_MADE, *shown} and one.row.measure != "recall"]
    for view in views(runs, of_screen):
        table = Table(title=view.title, title_justify="left")
        for header in view.headers:
            table.add_column(header.text, justify="right" if header.is_number else "left")
        for row in view.rows:
            table.add_row(*(cell.text for cell in row))
        console.print(table)
    for note in notes_of(runs):
        console.print(note)


def views(runs: Sequence[Run], compared: Sequence[Compared]) -> list[TableView]:
    """Return the tables: of what differs, then one for each table and measure."""
    found = [_differences(runs)]
    for table, measure in dict.fromkeys((one.row.table, one.row.measure) for one in compared):
        chosen = [one for one in compared if (one.row.table, one.row.measure) == (table, measure)]
        found.append(_scores(f"{TITLES[table]}, {MEASURES[measure]}", f"{table}_{measure}", runs, chosen))
    return [view._replace(notes=notes_of(runs) if number == 0 else []) for number, view in enumerate(found)]


def _differences(runs: Sequence[Run]) -> TableView:
    rows = [[Cell(key), *map(Cell, texts)] for key, texts in differing(runs).items()]
    headers = [Header("setting", "", False), *(Header(run.name, "", False) for run in runs)]
    return TableView("settings", "What differs" if rows else "Nothing differs", headers, rows, [])


def _scores(title: str, name: str, runs: Sequence[Run], compared: Sequence[Compared]) -> TableView:
    by_row: dict[Row, dict[str, Compared]] = {}
    for one in compared:
        by_row.setdefault(one.row, {})[one.run] = one
    headers = [Header("method", "", False), Header("form", "", False)]
    headers += [Header(run.name, "", True) for run in runs]
    headers += [Header(f"{run.name} - {runs[0].name}", "", True) for run in runs[1:]]
    rows = []
    for row, found in by_row.items():
        cells = [Cell(row.method), Cell(row.detail)]
        cells += [_mean(found.get(run.name)) for run in runs]
        cells += [_difference(found.get(run.name)) for run in runs[1:]]
        rows.append(cells)
    return TableView(name, title, headers, rows, [])


def _mean(one: Compared | None) -> Cell:
    if one is None:
        return Cell("")
    spread = "" if one.sd is None else f" ± {one.sd:.1f}"
    return Cell(f"{one.mean:.1f}{spread}", one.mean, note=f"{one.num_seeds} seeds")


def _difference(one: Compared | None) -> Cell:
    if one is None or one.difference is None:
        return Cell("")
    note = "" if one.p is None else f"95 %: {signed(one.low)} to {signed(one.high)}; p = {one.p:.3f}"
    return Cell(f"{signed(one.difference)}{'*' if one.is_significant else ''}", one.difference, note=note)
