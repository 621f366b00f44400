"""Runs side by side: the same rows of each, and whether their differences are more than the spread over seeds."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from orandnet.files.manifest import sha256
from orandnet.files.places import find, origin_of
from orandnet.report.measured import rows_of
from orandnet.report.settings import PageSettings
from orandnet.report.tables import METRICS, RULES

MASKS, SEGMENTATION = "pseudo_masks", "segmentation"
AS_MADE = "as made"  # the rule that a run's masks are made with
LIKELY = 0.95  # of the interval


class Row(NamedTuple):
    """What is compared: `detail` is the threshold's rule, or schedule, split and inference of a prediction."""

    table: str
    method: str
    detail: str
    measure: str


class Run(NamedTuple):
    """The numbers of a run in percent, by row and seed, and what it was."""

    name: str
    scores: dict[Row, dict[int, float]]
    settings: PageSettings
    facts: dict[str, str]


class Compared(NamedTuple):
    """A row of one run: mean, deviation and number of seeds; against the first run the difference, the bounds of its
    95 % interval and the probability of one as large by chance. Unknown numbers are None.
    """

    row: Row
    run: str
    mean: float
    sd: float | None
    num_seeds: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.p is not None and self.p < 1 - LIKELY


def read_run(folder: Path) -> Run:
    """Read the scores, the settings and the data of a run that has ended.

    The scores are those that its report was made of: what an older config left in the folder is not read.

    Raises:
        ValueError: if there is no such run, it has not come to its report, or scores have changed since.
    """
    page = folder / "report.manifest.json"
    if not page.is_file():
        near = sorted(path.parent.name for path in folder.parent.glob("*/report.manifest.json"))
        raise ValueError(
            f"{folder}: holds no finished run, since report.manifest.json is not there; run it to its end, or give one "
            f"of {', '.join(near) or 'those that are finished; there are none here'}."
        )
    manifest = json.loads(page.read_text(encoding="utf-8"))
    settings = PageSettings.model_validate(manifest["settings"]["settings"])
    data = json.loads((folder / "dataset/manifest.json").read_text(encoding="utf-8"))
    facts = {"images": str(data.get("images_sha256", ""))[:16], "classes": ", ".join(data["classes"])}
    facts |= {f"version of {name}": version for name, version in manifest["versions"].items()}
    scores: dict[Row, dict[int, float]] = {}
    of_masks = _summaries(folder, "evaluation_cam", manifest["inputs"].get("summaries", {}))
    of_predictions = _summaries(folder, "evaluation_prediction", manifest["inputs"].get("predictions", {}))
    for row, seed, value in (*_of_masks(of_masks, settings), *_of_predictions(of_predictions)):
        scores.setdefault(row, {})[seed] = value
    return Run(folder.name, scores, settings, facts)


def _summaries(folder: Path, artifact: str, reported: dict[str, str]) -> list[Path]:
    """Return the scores that a report was made of, which lists them with their hashes, wherever the run lay then."""
    there = {origin_of(path): path for path in find(folder, artifact) if path.name == "summary.csv"}
    found = []
    for name, known in reported.items():
        path = there.get(origin_of(Path(name)))
        if path is None or sha256(path) != known:
            raise ValueError(
                f"{path or f'{folder}: {name}'}: is not what report.html was made of; run it to its end again."
            )
        found.append(path)
    return found


def _of_masks(summaries: Iterable[Path], settings: PageSettings) -> Iterator[tuple[Row, int, float]]:
    for path in summaries:
        for row in rows_of(path):
            as_made = settings.rules is not None and settings.made([row])
            details = [row["threshold_rule"], *([AS_MADE] if as_made else [])]
            for measure in METRICS:
                if row[measure]:
                    for detail in details:
                        yield Row(MASKS, row["method"], detail, measure), int(row["seed"]), float(row[measure])


def _of_predictions(summaries: Iterable[Path]) -> Iterator[tuple[Row, int, float]]:
    for path in summaries:
        for row in rows_of(path):
            detail = f"{row['schedule']} {row['split']} {row['variant']}"
            for measure in METRICS:
                if row[measure]:
                    yield Row(SEGMENTATION, row["method"], detail, measure), int(row["seed"]), float(row[measure])


def compared_rows(runs: Sequence[Run]) -> list[Compared]:
    """Return every row that at least one run has, run by run, each against the first run.

    Seeds that both runs have are compared pair by pair (t-test of the differences); where the runs have not the same
    seeds, by Welch's t-test. One seed tells nothing of chance.
    """
    methods = list(_methods(runs))
    rows = sorted({row for run in runs for row in run.scores}, key=lambda row: _position(row, methods))
    found = []
    for row in rows:
        first = runs[0].scores.get(row, {})
        for run in runs:
            if values := run.scores.get(row):
                found.append(_compared(row, run.name, values, first if run is not runs[0] else {}))
    return found


def _methods(runs: Sequence[Run]) -> dict[str, None]:
    """Return the methods in the order of the runs' tables, then the others."""
    of_tables = [its for run in runs for its in (run.settings.pseudo_mask_methods, run.settings.segmentation_methods)]
    return dict.fromkeys(
        [name for its in of_tables for name in its] + [row.method for run in runs for row in run.scores]
    )


def _position(row: Row, methods: list[str]) -> tuple:
    rules = (AS_MADE, *RULES)
    rule = rules.index(row.detail) if row.detail in rules else len(rules)
    return row.table, METRICS.index(row.measure), rule, row.detail, methods.index(row.method)


def _compared(row: Row, run: str, values: dict[int, float], first: dict[int, float]) -> Compared:
    numbers = list(values.values())
    own = Compared(row, run, fmean(numbers), stdev(numbers) if len(numbers) > 1 else None, len(numbers))
    if not first:
        return own
    own = own._replace(difference=own.mean - fmean(first.values()))
    if min(len(values), len(first)) < 2:
        return own
    if values.keys() == first.keys():
        differences = [values[seed] - first[seed] for seed in values]
        error, freedom = stdev(differences) / math.sqrt(len(differences)), len(differences) - 1
    else:
        parts = [stdev(given.values()) ** 2 / len(given) for given in (values, first)]
        error = math.sqrt(sum(parts))
        below = sum(part**2 / (len(given) - 1) for part, given in zip(parts, (values, first), strict=True))
        freedom = sum(parts) ** 2 / below if below else 1
    return _with_interval(own, error, freedom)


def _with_interval(own: Compared, error: float, freedom: float) -> Compared:
    """Return the row with the bounds of its difference; without any spread the difference is certain."""
    from scipy.stats import t

    if error == 0:
        return own._replace(low=own.difference, high=own.difference, p=1.0 if own.difference == 0 else 0.0)
    reach = float(t.ppf((1 + LIKELY) / 2, freedom)) * error
    p = 2 * float(t.sf(abs(own.difference) / error, freedom))
    return own._replace(low=own.difference - reach, high=own.difference + reach, p=p)


def differing(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Return what is not the same in all runs: settings by their keys, then data and versions; a text for each run."""
    found = {}
    for key in dict.fromkeys(key for run in runs for key in run.settings.changed):
        texts = [run.settings.changed.get(key, "default") for run in runs]
        if len(set(texts)) > 1:
            found[key] = texts
    for key in dict.fromkeys(key for run in runs for key in run.facts):
        texts = [run.facts.get(key, "") for run in runs]
        if len(set(texts)) > 1:
            found[key] = texts
    return found
