"""What a run measured, read from its files into plain rows and arrays for the charts."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.files.places import Origin, origin_of

CURVE_COLUMNS = ("background_threshold", "miou", "precision", "recall", "predicted_classes")
Row = dict[str, str]


class Training(NamedTuple):
    """The losses of one network by epoch."""

    origin: Origin
    epochs: list[int]
    losses: list[float]


class Measured(NamedTuple):
    """The numbers of a run, in percent; rows also have the fields of `Origin`.

    Attributes:
        cams: scores of CAMs, one row per method, seed and threshold rule.
        classes: the same for each class.
        curves: method -> one (5, T) array per seed with the rows of CURVE_COLUMNS; nan where undefined.
        predictions: scores of segmenters, one row per method, schedule, seed, split and variant.
        confusions: method -> (C, C) int64 pixels of the predictions of val, rows = truth, summed over seeds.
        class_names: of the confusions, background first.
        trainings: the losses of every network.
    """

    cams: list[Row]
    classes: list[Row]
    curves: dict[str, list[np.ndarray]]
    predictions: list[Row]
    confusions: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    trainings: list[Training]


def read_measured(
    summaries: Iterable[Path], predictions: Iterable[Path], histories: Iterable[Path], *, schedule: str, variant: str
) -> Measured:
    """Read all numbers of a run.

    Args:
        summaries: summary.csv of evaluated CAMs; per_class.csv and curve.csv lie beside them.
        predictions: summary.csv of evaluated predictions; confusion.csv lies beside them.
        histories: history.csv of every network, beside its weights.
        schedule: training whose confusions are read.
        variant: inference whose confusions are read.

    Raises:
        ValueError: if a file lies in no known place.
    """
    summaries, predictions = list(summaries), list(predictions)
    curves: dict[str, list[np.ndarray]] = {}
    for path in summaries:
        curves.setdefault(origin_of(path).method, []).append(read_curve(path.with_name("curve.csv")))
    confusions: dict[str, np.ndarray] = {}
    names: tuple[str, ...] = ()
    for path in predictions:
        origin = origin_of(path)
        if (origin.schedule, origin.split) == (schedule, "val"):
            names, counts = read_confusion(path.with_name("confusion.csv"), variant)
            confusions[origin.method] = confusions.get(origin.method, 0) + counts
    return Measured(
        cams=[row for path in summaries for row in rows_of(path)],
        classes=[row for path in summaries for row in rows_of(path.with_name("per_class.csv"))],
        curves=curves,
        predictions=[row for path in predictions for row in rows_of(path)],
        confusions=confusions,
        class_names=names,
        trainings=[read_history(path) for path in histories],
    )


def rows_of(path: Path) -> list[Row]:
    """Return the rows of an evaluation's CSV as text, with what they belong to."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{**origin_of(path)._asdict(), **row} for row in csv.DictReader(file)]


def read_curve(path: Path) -> np.ndarray:
    """Return a (5, T) float64 threshold curve with the rows of CURVE_COLUMNS; an empty cell is nan."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([[float(row[column] or "nan") for row in rows] for column in CURVE_COLUMNS])


def read_confusion(path: Path, variant: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the class names and the (C, C) int64 counts of a variant, rows = truth, columns = prediction."""
    with path.open(newline="", encoding="utf-8") as file:
        (_, _, *names), *rows = csv.reader(file)
    counts = [[int(number) for number in row[2:]] for row in rows if row[0] == variant]
    return tuple(names), np.array(counts, dtype=np.int64).reshape(len(names), len(names))


def read_history(path: Path) -> Training:
    """Return the losses of a network, whose weights lie beside them."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    origin = origin_of(path.with_name("weights.safetensors"))
    return Training(origin, [int(row["epoch"]) for row in rows], [float(row["loss"]) for row in rows])
