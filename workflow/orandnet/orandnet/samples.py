"""Training samples of ORANDNet: windows of OR and AND CAMs."""

import numpy as np
import torch
from torch import Tensor

from orandnet.files.store import CamStore
from orandnet.orandnet.maps import at_stride, network_inputs
from orandnet.orandnet.settings import Settings

LEAST_SIDE = 5  # cells


class CamSamples:
    """Draws (OR maps (K, I, s, s), AND maps (K, 1, s, s), weight (K, 1, s, s)) in float32.

    With the loss bce a position is one class of one image, K = 1; with the official loss it is an image with all its
    classes.
    """

    def __init__(self, or_store: CamStore, and_store: CamStore, settings: Settings):
        """Keep the stores; positions are worked out from the OR store's images."""
        self.or_store, self.and_store, self.settings = or_store, and_store, settings
        self.positions: list[tuple[str, slice]] = []
        for image_id in or_store.image_ids:
            number = len(or_store[image_id].classes)
            rows = [slice(row, row + 1) for row in range(number)] if settings.loss == "bce" else [slice(0, number)]
            self.positions += [(image_id, row) for row in rows]

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.positions)

    def __call__(self, position: int, generator: np.random.Generator, progress: float) -> tuple[Tensor, ...]:
        """Return the sample at `position`, mirrored with probability one half if the settings ask for it."""
        image_id, rows = self.positions[position]
        seen, target = self.or_store[image_id], self.and_store[image_id]
        if not np.array_equal(seen.classes, target.classes):
            raise ValueError(f"{image_id}: OR CAM and AND CAM differ in their classes; run the fusion again.")
        maps = torch.from_numpy(network_inputs(seen.scores, self.settings.inputs)[rows])
        goal = torch.from_numpy(target.scores[rows, None])
        maps = at_stride(maps, seen, self.settings.input_stride)
        goal = at_stride(goal, seen, self.settings.input_stride)
        return drawn(torch.cat([maps, goal, torch.ones_like(goal)], dim=1), self.settings, generator)


def drawn(maps: Tensor, settings: Settings, generator: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return inputs (K, I, s, s), target (K, 1, s, s) and weight (K, 1, s, s) of maps (K, I + 2, h, w), in this order.

    All are mirrored together with probability one half, and seen through one window, if the settings ask for it.
    """
    if settings.random_flip and generator.random() < 0.5:
        maps = maps.flip(-1)
    # batch normalisation needs more than the one cell that is left of a smaller map at the coarsest level
    size = LEAST_SIDE if settings.crop_size is None and max(maps.shape[-2:]) < LEAST_SIDE else settings.crop_size
    if size is not None:
        maps = _window(maps, size, generator)
    return maps[:, :-2], maps[:, -2:-1], maps[:, -1:]


def _window(maps: Tensor, size: int, generator: np.random.Generator) -> Tensor:
    """Return a (K, C, size, size) window at a random place; outside the image all channels are 0."""
    window = maps.new_zeros((*maps.shape[:2], size, size))
    source, target = [], []
    for length in maps.shape[-2:]:
        room = length - size
        offset = int(generator.integers(0, abs(room) + 1))
        taken = min(length, size)
        source.append(slice(offset, offset + taken) if room > 0 else slice(0, taken))
        target.append(slice(0, taken) if room > 0 else slice(offset, offset + taken))
    window[:, :, target[0], target[1]] = maps[:, :, source[0], source[1]]
    return window
