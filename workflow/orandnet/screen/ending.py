"""The end of a run in words: its three tables in short, what took how long, all warnings, and where things are.

Needs the standard library only, as all that Snakemake itself runs.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from orandnet.config.sections import Config
from orandnet.files.places import place
from orandnet.report.page.jobs import Job, costs, warned
from orandnet.screen.finished import finished_jobs

TABLES = ("table1_pseudo_masks", "table2_segmentation", "table3_scale_scheduling")
HINDSIGHT = "best_miou"
RULES = {"otsu": "Otsu", "fixed": "fixed", HINDSIGHT: "best †", "precision_ge_recall": "prec. ≥ recall †"}
NOTE = "† the threshold was chosen on the true masks: no result, but what would have been the best"
SCHEDULES = {
    "baseline": "baseline",
    "scale_scheduling": "scale scheduling",
    "scale_same_pixels": "the same pixels",
}
LONGEST_STAGES = 6
Cells = list[tuple[str, ...]]  # of a table, the headings first


def ending(config: Config, *, with_results: bool = True) -> str:
    """Return what is said at the end of a whole run.

    Args:
        config: of the run; paths count from the working directory.
        with_results: whether tables and places are said, which who started the run may do at more length.
    """
    try:
        jobs = finished_jobs(config)
    except ValueError as error:  # no reason to let a run fail that is finished
        return f"\n{error}"
    facts = [times(jobs), warnings(jobs)]
    if not with_results:
        return "\n" + "\n\n".join(facts)
    return "\n" + "\n\n".join([*tables(config), *facts, places(config)])


def tables(config: Config) -> Iterator[str]:
    """Yield the three tables in short, in percent with one decimal; of data without true masks, that there are none."""
    if not config.dataset.scored:
        yield "Nothing was scored: the data set has no true masks (dataset.masks)."
        return
    masks, segmented, schedules = (_rows(config, name) for name in TABLES)
    if masks:
        rules = {row["method"]: config.pseudo_mask.for_method(row["method"]).threshold_rule for row in masks}
        cells = _masks(masks, rules)
        yield f"Table 1. Pseudo masks of the train images, mIoU by threshold\n{_aligned(cells)}\n  {NOTE}"
    if segmented:
        cells = [("", "val"), *((row["method"], _value(row, "val")) for row in segmented)]
        yield f"Table 2. Segmentation ({config.report.variant}), mIoU\n{_aligned(cells)}"
    if schedules:
        known = [name for name in SCHEDULES if any(row.get(name) for row in schedules)]
        cells = [("", *(SCHEDULES[name] for name in known))]
        cells += [(row["method"], *(_value(row, name) for name in known)) for row in schedules]
        yield f"Table 3. Scale scheduling ({config.report.variant}), mIoU on val\n{_aligned(cells)}"


def _rows(config: Config, table: str) -> list[dict[str, str]]:
    """Return the rows of a table that the run has numbers for."""
    with Path(place("tables", config.run, table=table)).open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row.get("num_seeds") not in ("", "0")]


def _masks(rows: Sequence[dict[str, str]], rules: dict[str, str]) -> Cells:
    """Return the scores of masks as they are made, by method -> rule, and of the best ones; other rules are named."""
    found = {(row["method"], row["threshold_rule"]): _value(row, "miou") for row in rows}
    usual = Counter(rules.values()).most_common(1)[0][0]
    lines = []
    for method, rule in rules.items():
        made = found.get((method, rule), "") + ("" if rule == usual else f" ({RULES[rule]})")
        lines.append((method, made, found.get((method, HINDSIGHT), "")))
    cells = [("", RULES[usual], RULES[HINDSIGHT]), *lines]
    return [line[:2] for line in cells] if {*rules.values()} == {HINDSIGHT} else cells


def _value(row: dict[str, str], column: str) -> str:
    deviation = row.get(f"{column}_sd")
    return f"{float(row[column]):.1f}{f' ± {float(deviation):.1f}' if deviation else ''}" if row[column] else ""


def _aligned(cells: Cells) -> str:
    """Return lines with columns of equal width, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        (line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)))
        for line in cells
    )
    return "\n".join("  " + "   ".join(line) for line in lines)


def times(jobs: Iterable[Job]) -> str:
    """Return what took how long, the longest stages one by one."""
    found = sorted(costs(jobs), key=lambda cost: -cost.seconds)
    total = sum(cost.seconds for cost in found)
    rest = found[LONGEST_STAGES:]
    cells = [(cost.stage, f"{cost.jobs} jobs", duration(cost.seconds)) for cost in found[:LONGEST_STAGES]]
    if rest:
        others = sum(cost.jobs for cost in rest), sum(cost.seconds for cost in rest)
        cells.append((f"{len(rest)} others", f"{others[0]} jobs", duration(others[1])))
    number = sum(cost.jobs for cost in found)
    return f"Time of the {number} jobs behind this, {duration(total)} one after the other\n{_aligned(cells)}"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def warnings(jobs: Iterable[Job]) -> str:
    """Return all warnings; of several of a kind from one stage the first, and how many more there are."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for warning in warned(jobs):
        kinds.setdefault((warning.stage, warning.code), []).extend([warning.message] * len(warning.artifacts))
    if not kinds:
        return "No warnings"
    lines = [f"  {its[0]}{f' [and {len(its) - 1} like it]' if its[1:] else ''}" for its in kinds.values()]
    return "\n".join([f"Warnings: {sum(map(len, kinds.values()))}", *lines])


def places(config: Config) -> str:
    """Return where things are."""
    run = f"results/{config.run}"
    found = {
        "the run on a page": f"{run}/report.html",
        "tables, figures": f"{run}/tables, {run}/figures",
        "pseudo masks": f"{run}/pseudo_mask",
        "predictions": f"{run}/prediction",
        "logs": f"{run}/logs",
    }
    return _left([(name, path) for name, path in found.items() if Path(path.split(", ")[0]).exists()])


def _left(pairs: Sequence[tuple[str, str]]) -> str:
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name.ljust(width)}   {path}" for name, path in pairs)
