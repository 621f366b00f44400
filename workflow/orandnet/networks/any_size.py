"""Networks that do not take an image of every size, and the sizes they do take.

Most CNNs take any image. Some need a least size, some sides that are multiples of their stride (networks that add or
shuffle maps of several strides), some of a window of their attention. Which, no model tells; so it is tried, once,
with images of zeros.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

TINY = (7, 5)


class Taken(NamedTuple):
    """The sizes of images that a network takes.

    Attributes:
        multiple: sides are multiples of it.
        least: the smallest side.
        last: whether the channels of its maps come last.
    """

    multiple: int
    least: int
    last: bool


@torch.no_grad()
def sizes_taken(
    maps_of: Callable[[Tensor], list[Tensor]], channels: Sequence[int], *, stride: int, native: int
) -> Taken | None:
    """Return the sizes that a network takes, or None if it takes but one.

    Args:
        maps_of: (1, 3, H, W) float -> feature maps; in inference mode.
        channels: of each map.
        stride: pixels per cell of its last map.
        native: side of the images it was made for.
    """

    def channels_last(height: int, width: int) -> bool | None:
        """Return whether channels come last, or None if the network does not take this size."""
        try:
            maps = maps_of(torch.zeros(1, 3, height, width))
        except (RuntimeError, ValueError, AssertionError, IndexError):
            return None
        first = [one.shape[1] == number for one, number in zip(maps, channels, strict=True)]
        return not all(first)

    odd = (2 * stride + 13, 3 * stride + 21)
    if (last := channels_last(*odd)) is not None:
        if channels_last(*TINY) is not None:
            return Taken(1, 1, last)
        least = next((side for side in (stride, 2 * stride) if channels_last(side, side + 5) is not None), odd[0])
        return Taken(1, least, last)
    for multiple in sorted({stride, 2 * stride, native}):
        for number in range(1, 5):
            sides = (number * multiple, (number + 1) * multiple)
            if sides[0] <= 2 * max(native, stride) and (last := channels_last(*sides)) is not None:
                return Taken(multiple, number * multiple, last)
    return None


def fitted(images: Tensor, taken: Taken) -> Tensor:
    """Return (N, 3, H, W) float images, stretched to the next size that the network takes unless it takes theirs.

    Stretched, not padded: so the maps cover the image and nothing else, and lie on it as all others do.
    """
    height, width = images.shape[-2:]
    size = tuple(max(taken.least, -(-side // taken.multiple) * taken.multiple) for side in (height, width))
    if size == (height, width):
        return images
    return functional.interpolate(images, size, mode="bilinear", align_corners=False)
