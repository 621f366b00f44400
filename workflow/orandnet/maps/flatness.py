"""Score maps that tell no place from another."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np

from orandnet.job.warnings import warn

FLAT = 0.02  # of the scores' range of 1; what lies between is no object


class Scored(Protocol):
    """What has score maps, (K, h, w)."""

    scores: np.ndarray


Map = TypeVar("Map", bound=Scored)


def warned_if_flat(maps: Iterable[Map], what: str) -> Iterator[Map]:
    """Yield score maps unchanged; at the end, warn if a tenth of them or more are flat.

    Args:
        maps: each with `scores` (K, h, w) in [0, 1].
        what: what made them, for the warning.
    """
    number = flat = zero = 0
    for one in maps:
        scores = np.asarray(one.scores)
        if scores.size:
            highest = scores.max((1, 2))
            number += len(scores)
            flat += int(np.count_nonzero(highest - scores.min((1, 2)) < FLAT)) if scores[0].size > 1 else 0
            zero += int(np.count_nonzero(highest == 0))
        yield one
    if flat and 10 * flat >= number:
        warn(
            "flat_maps",
            f"{what}: {flat} of {number} score maps are flat, {zero} of them zero everywhere; they tell no place from "
            "another, and their masks are all object or all background.",
        )
