"""What a trail holds, as tables on the terminal."""

import sys
from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Table

from orandnet.export.trail import Trail
from orandnet.files.store import Cam

WIDTH_OF_A_LOG = 120


def print_trail(
    trail: Trail,
    cams: Mapping[str, Cam],
    masks: Mapping[str, np.ndarray],
    *,
    background_threshold: float,
) -> None:
    """Print the image's labels, a row per score map and class, a row per mask, and what the run was made with.

    Args:
        trail: the description.
        cams: place under results/<run> -> CAM.
        masks: place -> (H, W) uint8 mask ids.
        background_threshold: the share of a map above it is shown; one for all maps, so that they can be compared.
    """
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_LOG, highlight=False, markup=False)
    height, width = trail.size
    console.print(f"{trail.image_id}: {trail.split}, {width} x {height} pixels, labels {', '.join(trail.labels)}")
    if cams:
        console.print(_cam_table(trail, cams, background_threshold))
    if masks:
        console.print(_mask_table(trail, masks))
    for name in trail.left_out:
        console.print(f"left out, since it could not be read: {name}")
    console.print(", ".join([*(f"{package} {version}" for package, version in trail.versions.items()), trail.platform]))


def _cam_table(trail: Trail, cams: Mapping[str, Cam], threshold: float) -> Table:
    table = Table("score map", "class", title="CAMs on the stored grid", title_justify="left")
    for heading in ("min", "mean", "max", f"> {threshold:g}"):
        table.add_column(heading, justify="right")
    for name, cam in cams.items():
        place = name.rpartition("/")[0]
        for class_id, scores in zip(cam.classes.tolist(), cam.scores, strict=True):
            numbers = (f"{value:.3f}" for value in (scores.min(), scores.mean(), scores.max()))
            table.add_row(place, trail.name_of(class_id), *numbers, f"{np.mean(scores > threshold):.1%}")
    return table


def _mask_table(trail: Trail, masks: Mapping[str, np.ndarray]) -> Table:
    table = Table("mask", title="Masks", title_justify="left")
    table.add_column("threshold", justify="right")
    table.add_column("share of the pixels")
    for name, mask in masks.items():
        ids, counts = np.unique(mask, return_counts=True)
        shares = (f"{trail.name_of(i)} {n / mask.size:.1%}" for i, n in zip(ids.tolist(), counts.tolist(), strict=True))
        chosen = trail.artifacts[name].get("background_threshold")
        # a number or nothing: an archive may come from anyone
        threshold = f"{chosen:g}" if isinstance(chosen, int | float) else ""
        table.add_row(name.rpartition("/")[0], threshold, ", ".join(shares))
    return table
