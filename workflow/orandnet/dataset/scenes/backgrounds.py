"""Backgrounds of the generated scenes: six textures, each the usual place of one class."""

from collections.abc import Callable

import numpy as np
from PIL import Image

Array = np.ndarray
Size = tuple[int, int]


def smooth_noise(rng: np.random.Generator, size: Size, cells: tuple[float, float]) -> Array:
    """Return (H, W) float32 noise around 0 with features of `cells` = (height, width) pixels."""
    coarse = [max(2, round(side / cell) + 1) for side, cell in zip(size, cells, strict=True)]
    noise = rng.normal(0, 1, coarse).astype(np.float32)
    return np.asarray(Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC))


def grid(size: Size) -> tuple[Array, Array]:
    """Return the y and x coordinates of the pixel centres, (H, 1) and (1, W) float32."""
    height, width = size
    return np.arange(height, dtype=np.float32)[:, None] + 0.5, np.arange(width, dtype=np.float32)[None] + 0.5


def mix(first: Array, second: Array, share: Array) -> Array:
    """Return (H, W, 3) colours between two, `share` (H, W) of the second, clipped to [0, 1]."""
    share = np.clip(share, 0, 1)[..., None]
    return np.asarray(first) * (1 - share) + np.asarray(second) * share


def _grass(rng: np.random.Generator, size: Size) -> Array:
    blades = smooth_noise(rng, size, (7, 1.6)) + 0.6 * smooth_noise(rng, size, (24, 24))
    return mix((52, 84, 34), (138, 168, 72), 0.5 + 0.28 * blades)


def _sky(rng: np.random.Generator, size: Size) -> Array:
    y, _ = grid(size)
    blue = mix((118, 164, 214), (196, 214, 230), np.broadcast_to(y / size[0], size))
    clouds = smooth_noise(rng, size, (16, 34)) + 0.35 * smooth_noise(rng, size, (6, 9)) - 0.3
    return mix(blue, (244, 244, 242), 0.9 * clouds)


def _table(rng: np.random.Generator, size: Size) -> Array:
    y, x = grid(size)
    plank = rng.uniform(14, 26)
    offset = y + rng.uniform(0, plank) + 0.04 * x
    grain = smooth_noise(rng, size, (2, 26)) + 0.5 * smooth_noise(rng, size, (30, 30))
    tone = 0.5 + 0.24 * grain + 0.16 * np.sin(2.4 * np.floor(offset / plank))
    wood = mix((104, 66, 40), (182, 132, 88), tone)
    return wood * np.where(offset % plank < 1.3, 0.55, 1.0)[..., None]


def _water(rng: np.random.Generator, size: Size) -> Array:
    y, _ = grid(size)
    bend = 5 * smooth_noise(rng, size, (20, 16))
    waves = np.sin((y + bend) / rng.uniform(1.6, 2.6) + rng.uniform(0, 6))
    deep = 0.45 + 0.2 * waves + 0.2 * smooth_noise(rng, size, (30, 40))
    return mix((22, 84, 104), (112, 180, 186), deep)


def _sand(rng: np.random.Generator, size: Size) -> Array:
    y, x = grid(size)
    bend = 6 * smooth_noise(rng, size, (26, 26))
    ripples = np.sin((y + 0.35 * x + bend) / rng.uniform(2.2, 3.4))
    grains = smooth_noise(rng, size, (1.5, 1.5))
    return mix((188, 160, 118), (232, 212, 172), 0.5 + 0.18 * ripples + 0.14 * grains)


def _leaves(rng: np.random.Generator, size: Size) -> Array:
    patches = smooth_noise(rng, size, (5, 6))
    floor = mix((46, 40, 26), (104, 82, 48), 0.5 + 0.5 * patches)
    moss = smooth_noise(rng, size, (9, 9)) + 0.5 * smooth_noise(rng, size, (3, 3)) - 0.4
    return mix(floor, (74, 92, 44), moss)


BACKGROUNDS: dict[str, Callable[[np.random.Generator, Size], Array]] = {
    "grass": _grass,
    "sky": _sky,
    "table": _table,
    "water": _water,
    "sand": _sand,
    "leaves": _leaves,
}
USUAL_BACKGROUND = {
    "beetle": "grass",
    "bird": "sky",
    "cup": "table",
    "fish": "water",
    "kite": "sand",
    "mushroom": "leaves",
}
