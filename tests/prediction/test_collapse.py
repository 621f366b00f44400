"""Predictions that have collapsed are said, without any true mask."""

import numpy as np
import pytest

from orandnet.prediction.collapse import FEWEST, Predicted

NAMES = ("cat", "dog", "owl")
CATS, MIXED, UNKNOWN = [(1,)] * FEWEST, [(1,), (2, 3)] * FEWEST, [()] * FEWEST


def mask(**pixels):
    """Return a mask of 2000 pixels, all background but for so many of some classes."""
    ids = [NAMES.index(name) + 1 for name, number in pixels.items() for _ in range(number)]
    return np.array(ids + [0] * (2000 - len(ids)), np.uint8).reshape(40, 50)


@pytest.mark.parametrize(
    ("seen", "labels", "alone"),
    [
        ({"cat": 300, "dog": 200}, MIXED, None),
        ({"cat": 300}, CATS, None),  # all that there is
        ({"cat": 300}, UNKNOWN, None),
        ({"cat": 300}, MIXED, "class 'cat'"),
        ({"cat": 3, "dog": 1}, MIXED, None),
        ({}, CATS, "background"),
        ({}, UNKNOWN, "background"),
        ({"cat": 1}, MIXED, "background"),
        ({"dog": 2000}, UNKNOWN, "class 'dog'"),
        ({}, CATS[1:], None),  # too few images to tell
    ],
)
def test_one_thing_alone_is_no_segmentation(seen, labels, alone):
    predicted = Predicted()
    for variant in ("ss", "ms"):
        predicted.add(variant, mask(**seen))
        predicted.add(variant, mask(**seen))
    found = list(predicted.doubts(NAMES, labels, "prediction of val"))
    assert [code for code, _ in found] == ([] if alone is None else ["predictions_collapsed"] * 2)
    if alone:
        assert found[1][1].startswith(f"prediction of val (ms): {alone} alone is predicted in {len(labels)} images")
