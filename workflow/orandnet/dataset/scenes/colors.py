"""Colours and textures of the six classes: what fills the shapes.

Three pairs of classes share their body colour, so colour alone does not tell the class; texture, shape and
above all the small part do. Textures are factors (H, W) around 1; part patterns are (H, W) bool.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """Body colour as hue, saturation, value in [0, 1]; the two RGB colours of the part in 0..255."""

    hsv: Color
    bright: Color
    dark: Color


LOOKS = {
    "beetle": Look((0.005, 0.72, 0.72), (250, 225, 40), (25, 20, 20)),
    "bird": Look((0.590, 0.62, 0.78), (255, 245, 250), (215, 25, 150)),
    "cup": Look((0.105, 0.72, 0.86), (250, 250, 245), (15, 130, 60)),
    "fish": Look((0.575, 0.66, 0.74), (250, 250, 250), (20, 20, 30)),
    "kite": Look((0.115, 0.76, 0.88), (70, 240, 250), (30, 25, 110)),
    "mushroom": Look((0.990, 0.70, 0.74), (245, 240, 255), (110, 50, 190)),
}


def hsv_to_rgb(hue: float, saturation: float, value: float) -> Array:
    """Return an RGB colour in 0..255, (3,) float, of a hue (any real, period 1) and two numbers in [0, 1]."""
    sector = (hue * 6 + np.array([0.0, 4.0, 2.0])) % 6
    return 255 * value * (1 - saturation * (1 - np.clip(np.abs(sector - 3) - 1, 0, 1)))


def _spots(u: Array, v: Array, phase: float, frequency: float) -> Array:
    dots = np.sin(7 * frequency * u + phase) * np.sin(7 * frequency * v + 0.5 * phase) > 0.35
    return np.where(np.abs(v) < 0.05, 0.45, np.where(dots, 0.5, 1.05))


def _feathers(u: Array, v: Array, phase: float, frequency: float) -> Array:
    return 0.82 + 0.3 * np.sin(9 * frequency * u + 2.2 * np.abs(np.sin(7 * frequency * v + phase)) + phase)


def _bands(u: Array, v: Array, phase: float, frequency: float) -> Array:
    return np.where(np.sin(11 * frequency * v + phase) > 0.2, 0.68, 1.08) + 0.02 * u


def _bars(u: Array, v: Array, phase: float, frequency: float) -> Array:
    return np.where(np.sin(10 * frequency * u + phase + 0.8 * np.cos(3 * v)) > 0.1, 0.62, 1.1)


def _quarters(u: Array, v: Array, phase: float, frequency: float) -> Array:
    return np.where((u > 0) == (v > -0.2), 0.66, 1.08) + 0.04 * np.sin(14 * frequency * (u + v) + phase)


def _streaks(u: Array, v: Array, phase: float, frequency: float) -> Array:
    angle = np.arctan2(v - 0.5, u)
    return 0.9 + 0.22 * np.sin(16 * frequency * angle + phase)


def _stripes(u: Array, v: Array) -> Array:
    return np.sin(7.5 * v + 0.4) > 0


def _halves(u: Array, v: Array) -> Array:
    return (u + 0.35 * v < 0) ^ (np.hypot(u, v) < 0.35)


def _cross(u: Array, v: Array) -> Array:
    return (np.minimum(np.abs(u), np.abs(v)) < 0.26) & (np.maximum(np.abs(u), np.abs(v)) < 0.8)


def _rings(u: Array, v: Array) -> Array:
    return np.cos(8.5 * np.hypot(u, v)) < 0.15


def _checks(u: Array, v: Array) -> Array:
    return (np.sin(4.7 * u) > 0) ^ (np.sin(4.7 * v) > 0)


def _dots(u: Array, v: Array) -> Array:
    return np.cos(6 * u) * np.cos(6 * v) > 0.3


TEXTURES: dict[str, Callable[[Array, Array, float, float], Array]] = {
    "beetle": _spots,
    "bird": _feathers,
    "cup": _bands,
    "fish": _bars,
    "kite": _quarters,
    "mushroom": _streaks,
}
PART_PATTERNS: dict[str, Callable[[Array, Array], Array]] = {
    "beetle": _stripes,
    "bird": _halves,
    "cup": _cross,
    "fish": _rings,
    "kite": _checks,
    "mushroom": _dots,
}
