"""Probabilistic OR, AND and MEAN of class activation maps, and their plain SUM.

A score in [0, 1] is read as the probability that the pixel shows the class. For members that err independently
(Park and Shim, 2024; for two members the OR is a + b - ab and the AND is ab),

    or_cam(p_1 .. p_n)  = 1 - (1 - p_1) ... (1 - p_n)    at least one member sees the class: recall
    and_cam(p_1 .. p_n) = p_1 ... p_n                    all members see it: precision

The level of the product falls as p^n. Its geometric mean, (p_1 ... p_n)^(1/n), is 0 where the product is, ranks the
pixels of an image alike, and has the level of the members whatever their number: `geometric_and_cam`.

Arrays are numpy or torch, float in [0, 1], all of one shape; so are the results, but for the sum.
"""

from functools import reduce
from operator import add, mul


def _check(cams: tuple) -> None:
    shapes = [tuple(cam.shape) for cam in cams]
    if not shapes:
        raise ValueError("fusion: no CAM was given; give one or more arrays of one shape.")
    if len(set(shapes)) > 1:
        raise ValueError(f"fusion: CAMs differ in shape, {shapes}; resize them to one grid first.")


def or_cam(*cams):
    """Return the probability that at least one member sees the class.

    Raises:
        ValueError: if no CAM is given or the shapes differ.
    """
    _check(cams)
    # not a + b - ab: in float32 that can fall below max(a, b)
    return 1 - reduce(mul, [1 - cam for cam in cams])


def and_cam(*cams):
    """Return the probability that all members see the class.

    Raises:
        ValueError: if no CAM is given or the shapes differ.
    """
    _check(cams)
    return reduce(mul, cams)


def geometric_and_cam(*cams):
    """Return the geometric mean of the members: their AND on their own scale.

    Raises:
        ValueError: if no CAM is given or the shapes differ.
    """
    return and_cam(*cams) ** (1 / len(cams))


def mean_cam(*cams):
    """Return the mean of the members, the naive ensemble.

    Raises:
        ValueError: if no CAM is given or the shapes differ.
    """
    _check(cams)
    return reduce(add, cams) / len(cams)


def sum_cam(*cams):
    """Return the sum of the members, up to their number: the official release's naive ensemble, not renormalised.

    Raises:
        ValueError: if no CAM is given or the shapes differ.
    """
    _check(cams)
    return reduce(add, cams)


OPERATORS = {"or": or_cam, "and": and_cam, "mean": mean_cam, "sum": sum_cam}
