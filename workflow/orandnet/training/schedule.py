"""Learning rates over the course of a training, as factors of the initial rate."""

import math


def poly(progress: float, *, power: float) -> float:
    """Return (1 - progress) ** power, DeepLab's schedule (Chen et al., 2017, section 3.3)."""
    return (1 - progress) ** power


def cosine(progress: float, *, power: float) -> float:
    """Return half a cosine wave from 1 to 0 (Loshchilov and Hutter, 2017, equation 5 without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def constant(progress: float, *, power: float) -> float:
    """Return 1."""
    return 1.0


SCHEDULES = {"poly": poly, "cosine": cosine, "constant": constant}


def rate_factor(step: int, num_steps: int, *, schedule: str, power: float, warmup: int) -> float:
    """Return the factor of the learning rate at a step, in [0, 1].

    Args:
        step: number of steps already done, 0 .. num_steps - 1.
        num_steps: length of the training.
        schedule: poly, cosine or constant.
        power: exponent of poly; the others do not use it.
        warmup: steps of a linear rise at the start, multiplied with the schedule.
    """
    factor = SCHEDULES[schedule](step / num_steps, power=power)
    return factor * min(1.0, (step + 1) / (warmup + 1))
