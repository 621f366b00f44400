"""Scores that cannot mean what they seem to are said."""

import numpy as np
import pytest

from orandnet.evaluation.confusion import scores
from orandnet.evaluation.doubts import doubts, edge_doubts

NAMES = ("cat", "dog", "owl")


def matrix(**counts):
    """A confusion matrix; `cd=3` are 3 pixels of a cat taken for a dog, b is the background."""
    confusion = np.zeros((4, 4), dtype=np.int64)
    for (true, predicted), count in counts.items():
        confusion["bcdo".index(true), "bcdo".index(predicted)] = count
    return confusion


def codes(confusion):
    found = dict(doubts(confusion, NAMES, "train"))
    assert all(message.startswith("train: ") for message in found.values())
    return list(found)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"bb": 9, "cc": 3, "dd": 2, "oo": 1}, []),
        ({"bb": 9, "cc": 3}, []),  # what is not there need not be found
        ({}, ["no_true_pixels"]),
        ({"bb": 9}, ["no_true_foreground", "nothing_predicted"]),
        ({"bb": 9, "bc": 1}, ["no_true_foreground"]),
        ({"bb": 9, "cb": 3, "db": 2}, ["nothing_predicted"]),
        ({"bb": 9, "cc": 3, "dc": 2}, ["one_class_predicted"]),
        ({"bb": 9, "cc": 3, "dd": 2, "oc": 2}, ["classes_never_predicted"]),
        ({"bc": 9, "cc": 3, "dd": 2}, ["no_background_predicted"]),
    ],
)
def test_each_collapse_has_its_name(counts, expected):
    assert codes(matrix(**counts)) == expected


def test_the_precision_of_what_finds_nothing_is_high_and_said():
    confusion = matrix(bb=81, cb=10, db=9)
    assert scores(confusion).mean_precision == pytest.approx(0.81)
    assert "mean precision is that of the background alone" in dict(doubts(confusion, NAMES, "x"))["nothing_predicted"]


def test_classes_without_a_predicted_pixel_are_named():
    confusion = matrix(bb=9, cc=3, dd=2, oc=2)
    assert np.isnan(scores(confusion).precision[3])
    assert "'owl' is never predicted" in dict(doubts(confusion, NAMES, "x"))["classes_never_predicted"]


def test_a_threshold_at_an_end_of_its_sweep_is_said():
    grid = np.linspace(0, 1, 5)
    assert list(edge_doubts(grid, {"best_miou": 0.25, "precision_ge_recall": 0.75}, "x")) == []
    found = list(edge_doubts(grid, {"best_miou": 1.0, "precision_ge_recall": 0.0}, "x"))
    assert [code for code, _ in found] == ["threshold_at_edge"] * 2
    assert "the rule best_miou chose 1, the highest threshold of the sweep" in found[0][1]
    assert "the rule precision_ge_recall chose 0, the lowest threshold" in found[1][1]
