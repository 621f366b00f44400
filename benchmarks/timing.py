"""Two forms of one piece of work, alternately in one process: A B A B, medians, and whether the results agree."""

import csv
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

COLUMNS = ("work", "baseline_s", "ours_s", "ratio", "agreement")


class Agreement(NamedTuple):
    """How two results compare, in words and numbers, and whether that is as close as it must be."""

    text: str
    holds: bool


class Row(NamedTuple):
    """One line of the table; seconds are medians for one image (or what `work` says)."""

    work: str
    baseline_s: float
    ours_s: float
    ratio: float
    agreement: Agreement


@dataclass(frozen=True)
class Comparison:
    """A piece of work in two forms.

    Attributes:
        work: what is done, and on which input.
        baseline: the straightforward form.
        ours: the form of the package.
        agreement: takes the results of both.
        units: images (or batches, or tables) that one call works on.
        rounds: calls of each form that are timed, after one each that is not; 0 times that one.
        clock: seconds; by default those of the CPU, of all threads.
    """

    work: str
    baseline: Callable[[], Any]
    ours: Callable[[], Any]
    agreement: Callable[[Any, Any], Agreement]
    units: int = 1
    rounds: int = 5
    clock: Callable[[], float] = time.process_time


def timed(call: Callable[[], Any], clock: Callable[[], float]) -> tuple[float, Any]:
    """Return the seconds of a call, and what it returned."""
    start = clock()
    result = call()
    return clock() - start, result


def run(comparison: Comparison) -> Row:
    """Run both forms alternately and return their row."""
    forms = (comparison.baseline, comparison.ours)
    first = [timed(form, comparison.clock) for form in forms]
    seconds = [[timed(form, comparison.clock)[0] for form in forms] for _ in range(comparison.rounds)]
    baseline, ours = (
        median(column) / comparison.units for column in zip(*(seconds or [[s for s, _ in first]]), strict=True)
    )
    agreement = comparison.agreement(first[0][1], first[1][1])
    return Row(comparison.work, baseline, ours, baseline / ours, agreement)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write the table as CSV with the columns of COLUMNS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            numbers = (f"{value:.4g}" for value in row[1:4])
            writer.writerow((row.work, *numbers, row.agreement.text))


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the table in markdown, seconds with a fitting unit."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for row in rows:
        cells = (row.work, seconds_text(row.baseline_s), seconds_text(row.ours_s), f"{row.ratio:.3g}x")
        yield f"| {' | '.join((*cells, row.agreement.text))} |"


def seconds_text(seconds: float) -> str:
    """Return three digits in s, ms or us."""
    scale, unit = next(
        pair for pair in ((1, "s"), (1e3, "ms"), (1e6, "us")) if seconds * pair[0] >= 1 or pair[0] == 1e6
    )
    return f"{seconds * scale:.3g} {unit}"
