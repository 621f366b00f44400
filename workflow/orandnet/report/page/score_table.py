"""Tables for the page: one decimal, best per column, differences to the rows that a row is compared with."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from orandnet.report.measured import Measured
from orandnet.report.screen import AS_TEXT, HEADINGS, LEFT, RULE_NAMES, TITLES, is_tuned, notes_of
from orandnet.report.segmentation_charts import shown_predictions
from orandnet.report.settings import FULLY_SUPERVISED, Comparison, PageSettings
from orandnet.report.table_files import read_rows
from orandnet.report.tables import mean_and_sd

ROWS_OF = {"table1_pseudo_masks": "mask_rows", "table2_segmentation": "segmentation_rows"}
SCORE_OF = {"table1_pseudo_masks": "miou", "table2_segmentation": "val", "table3_scale_scheduling": "scale_scheduling"}
NO_SCORES = ("kept", "background_threshold", "num_seeds", "value", "member_value", "difference")
DAGGER = "†"
MINUS = "\N{MINUS SIGN}"
Means = dict[tuple[str, str], float]  # (method, threshold rule or "") -> mean mIoU over seeds


class Header(NamedTuple):
    """Of a column: its text, what it means, and whether its cells are numbers."""

    text: str
    note: str
    is_number: bool


class Cell(NamedTuple):
    """Text, the number to sort by, whether it is the best of its column, and what it says when pointed at."""

    text: str
    value: float | None = None
    best: bool = False
    note: str = ""


class TableView(NamedTuple):
    """A table as it is read: `name` is that of its CSV."""

    name: str
    title: str
    headers: list[Header]
    rows: list[list[Cell]]
    notes: list[str]


def table_view(path: Path, measured: Measured, settings: PageSettings) -> TableView:
    """Return a table of the report as it is shown.

    Args:
        path: the CSV.
        measured: the numbers of the compared rows, which may have no row of their own in the table.
        settings: which rows are compared.
    """
    rows = read_rows(path)
    if not settings.on_voc:  # what was published for VOC says nothing of other images
        rows = [{name: text for name, text in row.items() if not name.startswith("published_")} for row in rows]
        rows = [row for row in rows if row.get("num_seeds")]
    columns = [name for name in (rows[0] if rows else []) if not name.endswith("_sd") and any(r[name] for r in rows)]
    best = {column: _best(rows, column) for column in columns if _is_score(column)}
    compared = _comparisons(path.stem, rows, measured, settings)
    headers, cells = [], [[] for _ in rows]
    for column in columns:
        number = column not in LEFT
        headers.append(Header(HEADINGS.get(column, column.replace("_", " ")), "", number))
        for position, row in enumerate(rows):
            cells[position].append(_cell(row, column, position in best.get(column, ())))
        if column == SCORE_OF.get(path.stem):
            for header, found in compared:
                headers.append(header)
                for position, cell in enumerate(found):
                    cells[position].append(cell)
    notes = ["percent; mean ± standard deviation over seeds; best of the weakly supervised rows in bold"]
    if any(header.text == "vs. best member" for header in headers):
        notes.append("vs.: difference in mIoU to that row under the same rule; its name and number appear on pointing")
    return TableView(path.stem, TITLES.get(path.stem, path.stem), headers, cells, notes + notes_of(rows, columns))


def _is_score(column: str) -> bool:
    return column not in (*AS_TEXT, *LEFT, *NO_SCORES)


def _cell(row: dict[str, str], column: str, best: bool) -> Cell:
    text = row[column]
    if column == "method" and is_tuned(row):
        return Cell(f"{text} {DAGGER}", note="the threshold was chosen on ground truth")
    if column == "threshold_rule":
        return Cell(RULE_NAMES.get(text, text))
    if column == "num_seeds" and text:
        return Cell(text, float(text))
    if column in AS_TEXT or not text:
        return Cell(text)
    if column == "background_threshold":
        return Cell(f"{float(text):.2f}", float(text))
    deviation = row.get(f"{column}_sd")
    return Cell(f"{float(text):.1f}" + (f" ± {float(deviation):.1f}" if deviation else ""), float(text), best)


def _best(rows: Sequence[dict[str, str]], column: str) -> set[int]:
    """Return the rows that are best of their kind: those of one threshold rule, or of one split, are of one kind."""
    groups: dict[tuple, list[int]] = {}
    for position, row in enumerate(rows):
        if row[column] and row.get("supervision") not in ("F", "") and row["method"] != FULLY_SUPERVISED:
            kind = (row.get("threshold_rule"), row.get("split"))
            groups.setdefault(kind, []).append(position)
    found = set()
    for group in groups.values():
        highest = max(round(float(rows[position][column]), 1) for position in group)
        winners = {position for position in group if round(float(rows[position][column]), 1) == highest}
        found |= winners if len(winners) < len(group) else set()
    return found


def _comparisons(
    table: str, rows: list[dict[str, str]], measured: Measured, settings: PageSettings
) -> list[tuple[Header, list[Cell]]]:
    """Return the columns of differences that any row has."""
    score, own = SCORE_OF.get(table, ""), getattr(settings, ROWS_OF.get(table, ""), {})
    means = mask_means(measured) if table == "table1_pseudo_masks" else segmentation_means(measured, settings)
    columns = {
        "vs. best member": [_vs_members(row, own.get(row["method"]), means) for row in rows],
        "vs. naive": [_vs_naive(row, own.get(row["method"]), means) for row in rows],
        "vs. published": [
            _vs_column(row, score, f"published_{score}") if settings.on_voc else Cell("") for row in rows
        ],
        "vs. baseline": [_vs_column(row, score, "baseline") for row in rows],
    }
    return [(Header(name, "", True), cells) for name, cells in columns.items() if any(cell.text for cell in cells)]


def mask_means(measured: Measured) -> Means:
    """Return the mean mIoU of the masks of each method under each threshold rule."""
    return _means((row["method"], row["threshold_rule"], row["miou"]) for row in measured.cams)


def made_means(measured: Measured, settings: PageSettings) -> Means:
    """Return the mean mIoU of the masks of each method as they are made."""
    return _means((row["method"], "", row["miou"]) for row in settings.made(measured.cams))


def segmentation_means(measured: Measured, settings: PageSettings) -> Means:
    """Return the mean mIoU on val of each segmenter, as table 2 shows it."""
    return _means((row["method"], "", row["miou"]) for row in shown_predictions(measured, settings))


def _means(scores: Iterable[tuple[str, str, str]]) -> Means:
    groups: dict[tuple[str, str], list[str]] = {}
    for method, rule, score in scores:
        groups.setdefault((method, rule), []).append(score)
    means = {key: mean_and_sd(values)[0] for key, values in groups.items()}
    return {key: mean for key, mean in means.items() if mean != ""}


def best_member(comparison: Comparison, rule: str, means: Means) -> str:
    """Return the member with the highest mean, or an empty text where none was measured."""
    known = [member for member in comparison.members if (member, rule) in means]
    return max(known, key=lambda member: means[member, rule], default="")


def _vs_members(row: dict[str, str], comparison: Comparison | None, means: Means) -> Cell:
    rule = row.get("threshold_rule", "")
    return _difference(row["method"], best_member(comparison, rule, means), rule, means) if comparison else Cell("")


def _vs_naive(row: dict[str, str], comparison: Comparison | None, means: Means) -> Cell:
    return (
        _difference(row["method"], comparison.naive, row.get("threshold_rule", ""), means) if comparison else Cell("")
    )


def _difference(method: str, other: str, rule: str, means: Means) -> Cell:
    if (method, rule) not in means or (other, rule) not in means:
        return Cell("")
    value = means[method, rule] - means[other, rule]
    return Cell(signed(value), value, note=f"{other}: {means[other, rule]:.1f}")


def _vs_column(row: dict[str, str], score: str, other: str) -> Cell:
    if not row.get(score) or not row.get(other):
        return Cell("")
    value = float(row[score]) - float(row[other])
    return Cell(signed(value), value, note=f"{float(row[other]):.1f}")


def signed(value: float) -> str:
    """Return a difference with its sign and one decimal; zero has both signs."""
    text = f"{abs(value):.1f}"
    return f"±{text}" if float(text) == 0 else f"{'+' if value > 0 else MINUS}{text}"
