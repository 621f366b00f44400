"""Pictures of scores and masks, and figures whose bytes depend on their content alone."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.font_manager
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image, ImageDraw, ImageFont

from orandnet.files.atomic import atomic_path
from orandnet.files.mask_colors import voc_palette

DPI = 100
SCORE_COLORS = "viridis"  # even steps of score are even steps of colour, and of grey
NAME_SIZE, LINE = 11, 16  # pixels: of the letters, and from line to line
OPACITY = 0.7  # of the scores over the image, the same for all scores, so that a colour means one score


def heat_map(rgb: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return scores as colours over a faint grey version of the image.

    Args:
        rgb: (H, W, 3) uint8.
        score: (H, W) float; values outside [0, 1] are drawn as the nearest end.

    Returns:
        (H, W, 3) uint8.
    """
    score = np.clip(score, 0, 1)
    grey = rgb.mean(axis=2, keepdims=True).repeat(3, axis=2)
    color = 255 * mpl.colormaps[SCORE_COLORS](score)[..., :3]
    return np.round((1 - OPACITY) * grey + OPACITY * color).astype(np.uint8)


def mask_colors(mask: np.ndarray) -> np.ndarray:
    """Return the (H, W, 3) uint8 picture of (H, W) uint8 mask ids in the colours of VOC."""
    return np.array(voc_palette(), dtype=np.uint8).reshape(256, 3)[mask]


def mask_over(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the picture of a mask over its image, half and half; where the mask is background, the image itself.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 mask ids.

    Returns:
        (H, W, 3) uint8.
    """
    mixed = (rgb.astype(np.uint16) + mask_colors(mask) + 1) // 2
    return np.where(mask[..., None] == 0, rgb, mixed.astype(np.uint8))


def with_names(picture: np.ndarray, names: Sequence[tuple[str, tuple[int, int, int] | None]]) -> np.ndarray:
    """Return a picture with names below it, in as many lines as its width asks for.

    Args:
        picture: (H, W, 3) uint8.
        names: each with the colour of a square before it, RGB of 0..255, or without one.

    Returns:
        (H + some lines, W or more, 3) uint8; names that are wider than the picture widen it.
    """
    font = ImageFont.truetype(mpl.font_manager.findfont("DejaVu Sans"), NAME_SIZE)
    widths = [(LINE if color else 0) + round(font.getlength(name)) + LINE // 2 for name, color in names]
    height, width = picture.shape[0], max(picture.shape[1], *widths, 1)
    places, left, line = [], 0, 0
    for needed in widths:
        if left + needed > width:
            left, line = 0, line + 1
        places.append((left, height + line * LINE))
        left += needed
    canvas = Image.new("RGB", (width, height + (line + 1) * LINE), "white")
    canvas.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(canvas)
    for (x, y), (name, color) in zip(places, names, strict=True):
        if color is not None:
            draw.rectangle((x + 2, y + 3, x + LINE - 5, y + LINE - 4), fill=color, outline="grey")
        draw.text((x + (LINE if color else 2), y), name, fill="black", font=font)
    return np.array(canvas)


def save_picture(picture: np.ndarray, path: Path) -> None:
    """Write a (H, W, 3) uint8 picture as PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure, atomically: equal figures give equal bytes, without dates and random ids.

    Texts are taken literally: names of classes and images may hold signs of mathematical formulas.

    Raises:
        ValueError: if the suffix is none of .png, .svg, .pdf.
    """
    dates_and_versions = {".svg": ("Date", "Creator"), ".png": ("Software",), ".pdf": ("CreationDate",)}
    if path.suffix not in dates_and_versions:
        raise ValueError(f"{path}: pictures of type {path.suffix!r} are not made; use .png, .svg or .pdf.")
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    metadata = dict.fromkeys(dates_and_versions[path.suffix])
    with mpl.rc_context({"svg.hashsalt": "orandnet"}), atomic_path(path) as temporary:
        figure.savefig(temporary, metadata=metadata)
