"""Scale scheduling: image and mask pairs are small in early training and grow to their own size.

The paper (Park and Shim, "Precision matters", 2024) trains "initially with pairs of smaller-sized images",
"gradually transitioning to the original-sized pairs"; it names neither sizes nor lengths: both are settings. The
baseline is the schedule `(1.0,)`.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from orandnet.maps.grid import scaled_size

FEWEST_STEPS = 3000  # up to there no gain stood out of the seeds (docs/study.md, part H)


def doubts(schedule: str, num_steps: int) -> Iterator[tuple[str, str]]:
    """Yield the code and the words of what is doubtful about a schedule over so many steps of a training."""
    if schedule != "baseline" and num_steps < FEWEST_STEPS:
        yield (
            "short_scale_schedule",
            f"segmenter.schedules: {schedule} over {num_steps} steps; over fewer than {FEWEST_STEPS} no gain stood out "
            "of the spread over seeds where it was measured. Train longer, or take the schedule baseline (for table 2 "
            "also report.segmentation_schedule: baseline).",
        )


def scale_factor(
    progress: float, *, factors: tuple[float, ...] = (0.33, 0.5, 0.7, 1.0), fraction: float = 0.5
) -> float:
    """Return the factor of the image side at a point of the training.

    The factors share the first `fraction` of the training in equal steps; the rest runs at 1.

    Args:
        progress: share of the training that is done, in [0, 1).
        factors: ascending, in (0, 1].
        fraction: share of the training with reduced images, in [0, 1].
    """
    if progress >= fraction:
        return 1.0
    # rounding may bring progress / fraction up to 1 although progress < fraction
    return factors[min(int(progress / fraction * len(factors)), len(factors) - 1)]


def crop_side(crop_size: int, factor: float, *, scale_crop: bool) -> int:
    """Return the side of the training window in pixels: fixed, or scaled along with the images."""
    return max(1, round(crop_size * factor)) if scale_crop else crop_size


def pixels_seen(
    size: tuple[int, int], factor: float, *, crop_size: int, scale_crop: bool, random_scale: tuple[float, float]
) -> float:
    """Return how many pixels of an image its training window shows on average; padding does not count.

    Args:
        size: (H, W) of the image.
        factor: of the schedule.
        crop_size: side of the window at factor 1.
        scale_crop: whether the window shrinks with the images.
        random_scale: range of the random factor, of which a few evenly spaced values stand for all.
    """
    side = crop_side(crop_size, factor, scale_crop=scale_crop)
    low, high = random_scale
    scales = low + (np.arange(8) + 0.5) / 8 * (high - low)
    shown = [np.minimum(scaled_size(size, factor * scale), side).prod() for scale in scales]
    return float(np.mean(shown))


def steps_of_equal_pixels(
    num_steps: int, pixels: dict[float, float], *, factors: tuple[float, ...], fraction: float
) -> int:
    """Return the steps of a scheduled training that sees as many pixels as `num_steps` steps at factor 1.

    Small images are cheaper, so there are more steps: what the schedule gains is then not owed to seeing less, nor
    lost to it. The totals differ by less than the pixels of one step.

    Args:
        num_steps: of the training at factor 1.
        pixels: factor -> pixels of a step; 1.0 is among the factors.
        factors: of the schedule.
        fraction: of the schedule.
    """
    wanted = num_steps * pixels[1.0]
    # the share of the steps that each factor has does not depend on their number, but for rounding
    mean = (1 - fraction) * pixels[1.0] + fraction * np.mean([pixels[factor] for factor in factors])
    guess = max(1, round(wanted / mean))
    return min(
        range(max(1, guess - len(factors) - 1), guess + len(factors) + 2),
        key=lambda steps: abs(pixels_of_steps(steps, pixels, factors=factors, fraction=fraction) - wanted),
    )


def pixels_of_steps(
    num_steps: int, pixels: dict[float, float], *, factors: tuple[float, ...], fraction: float
) -> float:
    """Return the pixels of a training of `num_steps` steps with this schedule (arguments: `steps_of_equal_pixels`)."""
    return sum(pixels[scale_factor(step / num_steps, factors=factors, fraction=fraction)] for step in range(num_steps))


def rescale_rgb(rgb: np.ndarray, factor: float) -> np.ndarray:
    """Return (h, w, 3) uint8 of (H, W, 3) uint8: bilinear, with antialias where it shrinks."""
    height, width = scaled_size(rgb.shape[:2], factor)
    if (height, width) == rgb.shape[:2]:
        return rgb
    return np.array(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))


def rescale_pair(rgb: np.ndarray, mask: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return image and mask with sides times `factor`; the mask by nearest neighbour, so no id is invented.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 mask ids, 255 = ignore.
        factor: above 0; above 1 enlarges.

    Raises:
        ValueError: if image and mask differ in size.
    """
    if rgb.shape[:2] != mask.shape:
        raise ValueError(
            f"mask: its size {mask.shape} is not the image's, {rgb.shape[:2]}; make the masks from these images."
        )
    scaled = rescale_rgb(rgb, factor)
    height, width = scaled.shape[:2]
    if (height, width) == mask.shape:
        return scaled, mask
    return scaled, np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
