"""Flat score maps are said, with their number."""

from typing import NamedTuple

import numpy as np
import pytest

from orandnet.job.warnings import collected_warnings
from orandnet.maps.flatness import warned_if_flat


class Scores(NamedTuple):
    scores: np.ndarray


PEAK = np.eye(4)[None] / 2


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        ([PEAK] * 3, None),
        ([PEAK] * 10 + [np.zeros((1, 4, 4))], None),  # one in eleven
        ([PEAK, np.zeros((1, 4, 4))], "1 of 2 score maps are flat, 1 of them zero everywhere"),
        ([np.concatenate([PEAK, np.full((1, 4, 4), 0.455)])], "1 of 2 score maps are flat, 0 of them zero"),
        ([np.zeros((2, 4, 4), np.float16)], "2 of 2 score maps are flat, 2 of them zero"),
        ([np.ones((1, 1, 1)), np.zeros((0, 4, 4))], None),  # a map of one cell; an image without labels
        ([], None),
    ],
)
def test_flat_maps_are_counted(maps, words):
    with collected_warnings() as found:
        passed = list(warned_if_flat(map(Scores, maps), "cam"))
    assert [one.scores is given for one, given in zip(passed, maps, strict=True)] == [True] * len(maps)
    assert [warning["code"] for warning in found] == ([] if words is None else ["flat_maps"])
    assert words is None or found[0]["message"].startswith(f"cam: {words}")
