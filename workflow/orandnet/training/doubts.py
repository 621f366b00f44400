"""Trainings that can hardly have taught their network anything, told by the losses that they had anyway."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import Tensor

FIRST = 5  # steps before anything is learnt; a pretrained network has learnt most after some more
LAST_PART = 5  # they are held against the last fifth of the steps
FEWEST = 50  # steps of a training that is judged: fewer say little
BEATEN = 0.95  # a classifier that stays above this share of the loss of chance has not seen the images


class Window(NamedTuple):
    """Number, sum and sum of squares of the losses of some steps; numbers, or scalars on a device."""

    steps: int = 0
    total: Tensor | float = 0.0
    squares: Tensor | float = 0.0

    def plus(self, loss: Tensor) -> "Window":
        """Return the window with one more loss."""
        return Window(self.steps + 1, self.total + loss, self.squares + loss**2)

    def mean_and_error(self) -> tuple[float, float]:
        """Return the mean of the losses, and its standard error."""
        mean = float(self.total) / self.steps
        variance = max(0.0, float(self.squares) / self.steps - mean**2)
        return mean, math.sqrt(variance / self.steps)


def window_of(step: int, total: int) -> str | None:
    """Return which window a step, counted from 0, belongs to: first, last or none; none in a short training."""
    if total < FEWEST:
        return None
    return "first" if step < FIRST else "last" if step >= total - total // LAST_PART else None


def doubts(first: Window, last: Window, *, chance: float | None, what: str) -> Iterator[tuple[str, str]]:
    """Yield the code and the message of each reason to doubt a training; none if it was too short to be judged.

    Args:
        first: losses of its first steps.
        last: losses of its last steps.
        chance: the loss of an answer that does not look at the images; None where none is known.
        what: what was trained, for the messages.
    """
    if not first.steps or not last.steps:
        return
    (start, start_error), (end, end_error) = first.mean_and_error(), last.mean_and_error()
    # a fall within the noise of the two means is none
    if start - end <= math.hypot(start_error, end_error):
        yield (
            "loss_did_not_fall",
            f"{what}: the loss did not fall: {start:.4g} in the first {first.steps} steps, {end:.4g} in the last "
            f"{last.steps}; look at learning_rate and epochs, and at frozen layers.",
        )
    if chance is not None and end > BEATEN * chance:
        yield (
            "no_better_than_chance",
            f"{what}: is no better than chance: its loss is {end:.4g} at the end, and {chance:.4g} for who always "
            "names each class as often as it occurs; look at the labels, learning_rate and epochs.",
        )


def loss_of_chance(labels: Sequence[Sequence[int]], num_foreground: int) -> float:
    """Return the mean binary cross entropy, in nats, of predicting for every image how often each class occurs.

    That is the mean over the classes of the entropy -p log p - (1 - p) log(1 - p) of their frequencies p: no prediction
    that is the same for all images has a lower loss.

    Args:
        labels: mask ids 1..C of the classes of each image.
        num_foreground: number of classes C.
    """
    shares = [sum(class_id in ids for ids in labels) / len(labels) for class_id in range(1, num_foreground + 1)]
    terms = (share * math.log(share) for p in shares for share in (p, 1 - p) if share > 0)
    return -sum(terms) / num_foreground
