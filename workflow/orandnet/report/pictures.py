"""The pictures of an image: itself, its score maps, its masks, and the truth where there is one."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record
from orandnet.files.mask import MaskList
from orandnet.files.places import Origin, origin_of
from orandnet.files.store import CamStore
from orandnet.maps.grid import resize_scores
from orandnet.maps.pictures import heat_map, mask_colors

TRUTH = "ground truth"
SECOND_LINE = {
    "cam": "CAM",
    "cam_import": "imported CAM",
    "cam_clip": "CAM",
    "orandnet_cam": "ORANDNet",
    "irn_walk": "random walk",
    "refinement": "refined",
    "pseudo_mask": "pseudo mask",
    "prediction": "prediction",
}


class Picture(NamedTuple):
    """A (H, W, 3) uint8 picture, what it shows on at most two lines, and its (H, W) mask ids if it shows a mask."""

    title: str
    rgb: np.ndarray
    mask: np.ndarray | None = None


class Shown(NamedTuple):
    """What is shown of every image: title -> store or masks; `truth` returns the true mask by image id."""

    stores: dict[str, CamStore]
    masks: dict[str, tuple[MaskList, str]]
    truth: Callable[[str], np.ndarray] | None

    def titles(self) -> list[str]:
        """Return the titles of the pictures, in order."""
        return ["image", *self.stores, *self.masks, *([TRUTH] if self.truth else [])]


def open_shown(
    cams: Iterable[Path],
    masks: Iterable[Path],
    truth: Callable[[str], np.ndarray] | None,
    *,
    variant: str = "",
) -> Shown:
    """Open stores and lists of masks; of several seeds the lowest is shown.

    Args:
        cams: shards of CAM, fusion, ORANDNet and random walk stores.
        masks: lists of masks.
        truth: returns the true mask of an image id; None where there is none.
        variant: of the masks.
    """
    stores = {label: CamStore(paths) for label, paths in _lowest_seed(cams).items()}
    return Shown(stores, {label: (MaskList(paths), variant) for label, paths in _lowest_seed(masks).items()}, truth)


def pictures_of(record: Record, shown: Shown) -> Iterator[Picture]:
    """Yield the pictures of an image, in the order of the titles.

    Of a score map the highest score over the image's classes is drawn: what the arg-max against the background sees.
    """
    rgb = read_rgb(record.image)
    yield Picture("image", rgb)
    for title, store in shown.stores.items():
        scores = resize_scores(store[record.image_id].scores, record.size)
        yield Picture(title, heat_map(rgb, scores.max(axis=0, initial=0)))
    for title, (masks, variant) in shown.masks.items():
        yield _mask(title, masks.read(record.image_id, variant))
    if shown.truth:
        yield _mask(TRUTH, shown.truth(record.image_id))


def _mask(title: str, mask: np.ndarray) -> Picture:
    return Picture(title, mask_colors(mask), mask)


def _label(origin: Origin) -> str:
    second = origin.operator.upper() if origin.artifact == "fusion" else SECOND_LINE[origin.artifact]
    return f"{origin.method}\n{second}"


def _lowest_seed(paths: Iterable[Path]) -> dict[str, list[Path]]:
    groups: dict[str, list[tuple[int, Path]]] = {}
    for path in paths:
        origin = origin_of(path)
        groups.setdefault(_label(origin), []).append((origin.seed, path))
    return {label: [path for seed, path in group if seed == min(group)[0]] for label, group in groups.items()}
