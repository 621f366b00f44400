"""Table and picture of the rows that scale_scheduling.py has written."""

from collections.abc import Iterator
from itertools import product

from orandnet.report.charts import Axis, Chart, Line, Plot, over_seeds
from result_rows import mean_and_spread

HEADER = ("run", "masks", "length", "schedule", "small images", "steps", "seeds")
# column of the rows -> that of the table; each is followed by its difference to the baseline
MEASURES = {"val_miou": "val mIoU, ss", "final_miou": "val mIoU, {final}", "train_miou": "train mIoU, ss"}
BASELINE = ("baseline", "0.0")
LABELS = {"baseline": "baseline", "scale": "scale", "scale_same_pixels": "scale, same pixels"}

Row = dict[str, str]
Group = tuple[str, str, str]  # run, method, length
Form = tuple[str, str]  # schedule, fraction of small images


def table(rows: list[Row]) -> Iterator[str]:
    """Yield the lines of the table: what trainings ended with, and the difference to the baseline seed by seed."""
    final = ", ".join(sorted({row["final"] for row in rows} - {""}))
    named = [name.format(final=final) for column, name in MEASURES.items() if final or column != "final_miou"]
    heads = [*HEADER, *(part for name in named for part in (name, "less baseline"))]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    columns = [column for column in MEASURES if final or column != "final_miou"]
    for group in groups(rows):
        ends = {form: ends_of(rows, group, form) for form in forms(rows)}
        for form, found in ends.items():
            if found:
                pairs = (measured(column, found, ends[BASELINE], form == BASELINE) for column in columns)
                yield f"| {' | '.join([*facts(group, form, found), *(cell for pair in pairs for cell in pair)])} |"


def ends_of(rows: list[Row], group: Group, form: Form) -> dict[str, Row]:
    """Return seed -> the last row of its training."""
    return {row["seed"]: row for row in of(rows, group, form) if row["step"] == row["steps"]}


def facts(group: Group, form: Form, found: dict[str, Row]) -> list[str]:
    """Return the first cells of a line; `found` holds the last row of each seed."""
    steps = sorted({int(row["steps"]) for row in found.values()})
    small = "" if form == BASELINE else f"{float(form[1]):.0%}"
    run, method, length = group
    return [run, method, f"{length}x", form[0], small, ", ".join(map(str, steps)), str(len(found))]


def measured(column: str, found: dict[str, Row], base: dict[str, Row], is_base: bool) -> tuple[str, str]:
    """Return mean and spread of a number over the seeds that have it, and of its difference to the baseline's."""
    values = {seed: float(row[column]) for seed, row in found.items() if row[column]}
    less = [value - float(base[seed][column]) for seed, value in values.items() if seed in base and base[seed][column]]
    mean = mean_and_spread([*values.values()]) if values else ""
    return mean, "" if is_base or not less else mean_and_spread(less, "+.1f")


def chart(rows: list[Row]) -> Chart:
    """Return the curves: a panel for each run, method and length, a line for each schedule."""
    panels = []
    for group in groups(rows):
        curves = ((form, of(rows, group, form)) for form in forms(rows))
        lines = tuple(curve(form, found) for form, found in curves if found)
        panels.append(Plot(f"{group[0]}, {group[1]}, {group[2]}x", Axis("step"), Axis("val mIoU, one scale"), lines))
    return Chart("scale_scheduling", "Scale scheduling by length of the training", "", tuple(panels))


def curve(form: Form, rows: list[Row]) -> Line:
    """Return the mean over seeds at the steps that all of them were scored at, from the lowest to the highest."""
    seeds: dict[str, dict[int, float]] = {}
    for row in rows:
        seeds.setdefault(row["seed"], {})[int(row["step"])] = float(row["val_miou"])
    steps = sorted(set.intersection(*(set(points) for points in seeds.values())))
    label = LABELS[form[0]] if form == BASELINE else f"{LABELS[form[0]]}, {float(form[1]):.0%}"
    return over_seeds(label, steps, [[points[step] for step in steps] for points in seeds.values()])


def groups(rows: list[Row]) -> list[Group]:
    """Return run, method and length of all trainings, the shorter ones first."""
    found = {(row["run"], row["method"], row["length"]) for row in rows}
    return sorted(found, key=lambda group: (*group[:2], int(group[2])))


def forms(rows: list[Row]) -> list[Form]:
    """Return the schedules with their fractions, the baseline first."""
    fractions = sorted({row["fraction"] for row in rows}, key=float)
    return list(product(LABELS, fractions))


def of(rows: list[Row], group: Group, form: Form) -> list[Row]:
    """Return the rows of one schedule, of several trainings with one seed those of the last one."""
    columns = ("run", "method", "length", "schedule", "fraction")
    found = [row for row in rows if tuple(row[column] for column in columns) == (*group, *form)]
    last = {row["seed"]: row["key"] for row in found}
    return [row for row in found if row["key"] == last[row["seed"]]]
