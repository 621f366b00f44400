"""Shapes of the six classes of the generated scenes, as signed distances.

Coordinates are local: u to the right, v down, an object reaches about 1 from its centre. Distances are
(H, W) float, negative inside. `k` are three numbers in [0, 1] that make each instance a little different.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


def ellipse(u: Array, v: Array, a: float, b: float) -> Array:
    """Distance to an ellipse with half axes a, b; exact for circles only."""
    return (np.hypot(u / a, v / b) - 1) * min(a, b)


def box(u: Array, v: Array, half_width: float, half_height: float, corner: float = 0.0) -> Array:
    """Distance to a box with rounded corners."""
    dx = np.abs(u) - half_width + corner
    dy = np.abs(v) - half_height + corner
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - corner


def stroke(u: Array, v: Array, start: tuple[float, float], end: tuple[float, float], width: float) -> Array:
    """Distance to a line segment with round ends; `width` is half its thickness."""
    du, dv = end[0] - start[0], end[1] - start[1]
    along = np.clip(((u - start[0]) * du + (v - start[1]) * dv) / (du * du + dv * dv), 0, 1)
    return np.hypot(u - start[0] - along * du, v - start[1] - along * dv) - width


def triangle(u: Array, v: Array, *corners: tuple[float, float]) -> Array:
    """Distance to a triangle with corners in clockwise order (on the screen), exact near its sides."""
    sides = []
    for (u0, v0), (u1, v1) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = np.hypot(u1 - u0, v1 - v0)
        sides.append(((u - u0) * (v1 - v0) - (v - v0) * (u1 - u0)) / length)
    return np.maximum.reduce(sides)


def union(*distances: Array) -> Array:
    """Distance to what lies in any of the shapes."""
    return np.minimum.reduce(distances)


@dataclass(frozen=True)
class Part:
    """The discriminative part: a disc of local radius `radius` at (u, v)."""

    u: float
    v: float
    radius: float


def _beetle(u: Array, v: Array, k: Array) -> Array:
    shell = ellipse(u - 0.12, v, 0.62 + 0.12 * k[0], 0.46 + 0.12 * k[1])
    legs = [
        stroke(u, np.abs(v), (at, 0.35), (at * (1.3 + 0.5 * k[2]) - 0.05, 0.88), 0.055) for at in (-0.28, 0.1, 0.48)
    ]
    return union(shell, ellipse(u + 0.62, v, 0.27, 0.27), *legs)


def _bird(u: Array, v: Array, k: Array) -> Array:
    body = ellipse(u - 0.02 + 0.35 * v, v - 0.05, 0.58 + 0.1 * k[0], 0.38 + 0.1 * k[1])
    tail = triangle(u, v, (0.3, 0.0), (1.0, -0.25 + 0.3 * k[2]), (0.95, 0.2 + 0.3 * k[2]))
    beak = triangle(u, v, (-1.0, -0.34), (-0.6, -0.54), (-0.6, -0.24))
    legs = [stroke(u, v, (at, 0.4), (at - 0.05, 0.92), 0.04) for at in (-0.12, 0.12)]
    return union(body, ellipse(u + 0.52, v + 0.4, 0.27, 0.27), tail, beak, *legs)


def _cup(u: Array, v: Array, k: Array) -> Array:
    taper = 1 + (0.05 + 0.2 * k[0]) * v
    mug = box((u + 0.15) * taper, v, 0.55, 0.6 + 0.15 * k[1], 0.12)
    handle = np.abs(ellipse(u - 0.45, v + 0.05, 0.36, 0.32 + 0.1 * k[2])) - 0.085
    return union(mug, handle)


def _fish(u: Array, v: Array, k: Array) -> Array:
    body = ellipse(u + 0.18, v, 0.72, 0.36 + 0.14 * k[0])
    tail = triangle(u, v, (0.3, 0.0), (0.98, -0.34 - 0.2 * k[1]), (0.98, 0.3 + 0.2 * k[1]))
    fin = triangle(u, v, (-0.4, -0.3), (0.15 + 0.2 * k[2], -0.72), (0.25, -0.2))
    return union(body, np.maximum(tail, -ellipse(u - 1.1, v, 0.3, 0.26)), fin)


def _kite(u: Array, v: Array, k: Array) -> Array:
    half_width = 0.5 + 0.16 * k[0]
    height = np.where(v < -0.2, 0.6, 0.85 + 0.1 * k[1])
    sail = (np.abs(u) / half_width + np.abs(v + 0.2) / height - 1) * 0.42
    swing = 0.12 * np.sin(9 * v + 6 * k[2])
    tail = np.maximum(np.abs(u - swing) - 0.055, np.abs(v - 0.92) - 0.32)
    return union(sail, tail)


def _mushroom(u: Array, v: Array, k: Array) -> Array:
    cap = np.maximum(ellipse(u, v + 0.02, 0.78 + 0.14 * k[0], 0.72 + 0.14 * k[1]), v - 0.1)
    stem = box(u * (1 - 0.25 * v), v - 0.42, 0.17 + 0.1 * k[2], 0.5, 0.1)
    return union(cap, stem)


SHAPES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "beetle": _beetle,
    "bird": _bird,
    "cup": _cup,
    "fish": _fish,
    "kite": _kite,
    "mushroom": _mushroom,
}
PARTS = {
    "beetle": Part(-0.62, 0.0, 0.27),
    "bird": Part(-0.52, -0.4, 0.27),
    "cup": Part(-0.15, 0.0, 0.28),
    "fish": Part(-0.5, -0.03, 0.23),
    "kite": Part(0.0, -0.2, 0.27),
    "mushroom": Part(0.1, -0.33, 0.25),
}
