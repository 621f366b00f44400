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

KINDS = ("numpy", "torch")
ROUNDING = 2.0**-20  # a score may leave [0, 1] by so much, as sums of float32 do


def or_cam(*cams):
    """Return the probability that at least one member sees the class.

    Raises:
        ValueError: if no CAM is given, or they are no float arrays in [0, 1] of one kind (numpy or torch) and shape.
    """
    _check(cams)
    return _union(*cams)


def and_cam(*cams):
    """Return the probability that all members see the class; ValueError as `or_cam`."""
    _check(cams)
    return _product(*cams)


def geometric_and_cam(*cams):
    """Return the geometric mean of the members: their AND on their own scale.

    Raises:
        ValueError: if no CAM is given or the shapes differ.
    """
    _check(cams)
    return _geometric_mean(*cams)


def mean_cam(*cams):
    """Return the mean of the members, the naive ensemble; ValueError as `or_cam`."""
    _check(cams)
    return _mean(*cams)


def sum_cam(*cams):
    """Return the sum of the members, up to their number: the official release's naive ensemble, not renormalised.

    ValueError as `or_cam`.
    """
    _check(cams)
    return _sum(*cams)


def _union(*cams):
    # not a + b - ab: in float32 that can fall below max(a, b)
    return 1 - reduce(mul, [1 - cam for cam in cams])


def _product(*cams):
    return reduce(mul, cams)


def _geometric_mean(*cams):
    return _product(*cams) ** (1 / len(cams))


def _mean(*cams):
    return _sum(*cams) / len(cams)


def _sum(*cams):
    return reduce(add, cams)


# unchecked: offsets that are not clipped, the official release's form, raise scores above 1
OPERATORS = {"or": _union, "and": _product, "geometric and": _geometric_mean, "mean": _mean, "sum": _sum}


def _check(cams: tuple) -> None:
    if not cams:
        raise ValueError("fusion: no CAM was given; give one or more arrays of one shape.")
    kinds = [_kind(number, cam) for number, cam in enumerate(cams, start=1)]
    if len(set(kinds)) > 1:
        raise ValueError(f"fusion: the CAMs are arrays of {', '.join(kinds)}; convert them to one kind first.")
    shapes = [tuple(cam.shape) for cam in cams]
    if len(set(shapes)) > 1:
        raise ValueError(f"fusion: CAMs differ in shape, {shapes}; resize them to one grid first.")
    for number, cam in enumerate(cams, start=1):
        _check_scores(number, cam)


def _kind(number: int, cam: object) -> str:
    """Return numpy or torch; torch is not imported for it."""
    if isinstance(cam, list | tuple):
        raise ValueError(
            f"fusion: CAM {number} is a {type(cam).__name__}; give each CAM by itself, or_cam(a, b) or or_cam(*cams), "
            "as a numpy or torch array."
        )
    homes = {base.__module__.split(".")[0] for base in type(cam).__mro__}
    kind = next((kind for kind in KINDS if kind in homes and hasattr(cam, "shape")), None)
    if kind is None:
        raise ValueError(f"fusion: CAM {number} is a {type(cam).__name__}; give numpy or torch arrays.")
    return kind


def _check_scores(number: int, cam) -> None:
    if "float" not in str(cam.dtype):
        raise ValueError(f"fusion: CAM {number} holds {cam.dtype}, not floats; give scores in [0, 1].")
    if 0 in cam.shape:  # an image without labels
        return
    low, high = float(cam.min()), float(cam.max())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # nan is neither
        raise ValueError(
            f"fusion: the scores of CAM {number} reach from {low:.4g} to {high:.4g}, a CAM lies in [0, 1]; normalise "
            "it, for example divide each map by its maximum."
        )
