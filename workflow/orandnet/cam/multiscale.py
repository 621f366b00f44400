"""CAMs of a CNN: class maps of several scales and their mirror images, summed on the grid."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from orandnet.classifier.cnn import CnnClassifier
from orandnet.grid import grid_shape, scaled_size
from orandnet.score_maps import resize_maps


def resize_image(rgb: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, 3, H, W) uint8 resized to `size`, bicubic with antialias, within a grey level of PIL's result.

    Args:
        rgb: (N, 3, h, w) uint8.
        size: (H, W) in pixels.
    """
    if tuple(rgb.shape[-2:]) == size:
        return rgb
    options = {"size": size, "mode": "bicubic", "align_corners": False, "antialias": True}
    if rgb.device.type == "cpu":
        return functional.interpolate(rgb, **options)  # in integers, five times as fast as in floats
    return functional.interpolate(rgb.float(), **options).round().clamp(0, 255).byte()


def scaled_images(rgb: Tensor, *, scales: list[float], flip: bool) -> Iterator[Tensor]:
    """Yield an image at each scale, as (1, 3, h, w) uint8, or with its mirror image as (2, 3, h, w).

    Normalisation is left to the network: four bytes take the place of one only where it computes.

    Args:
        rgb: (3, H, W) uint8.
        scales: of the image's size.
        flip: add the mirror image.
    """
    for scale in scales:
        image = resize_image(rgb[None], scaled_size(tuple(rgb.shape[1:]), scale))
        yield torch.cat([image, image.flip(-1)]) if flip else image


def summed_maps(maps_of: Callable[[Tensor], Tensor], rgb: Tensor, *, scales: list[float], flip: bool) -> Tensor:
    """Return the sum, on the image's grid, of the maps of several scales and their mirror images.

    Args:
        maps_of: (N, 3, H, W) uint8 -> maps (N, K, any, any).
        rgb: (3, H, W) uint8.
        scales: of the image's size.
        flip: add the mirrored image at each scale.

    Returns:
        (K, h, w) float32.
    """
    total = torch.zeros((), device=rgb.device)
    for images in scaled_images(rgb, scales=scales, flip=flip):
        maps = maps_of(images)
        if flip:
            maps = maps[:1] + maps[1:].flip(-1)
        total = total + resize_maps(maps, grid_shape(tuple(rgb.shape[1:])))[0]
    return total


@torch.inference_mode()
def cnn_maps(network: CnnClassifier, rgb: Tensor, classes: Tensor, *, scales: list[float], flip: bool) -> Tensor:
    """Return the summed positive evidence of an image's own classes on its grid.

    Args:
        network: a trained CNN classifier in inference mode.
        rgb: (3, H, W) uint8 on the network's device.
        classes: (K,) int64 mask ids; only their maps are resized.
        scales: of the image's size.
        flip: add the mirrored image at each scale.

    Returns:
        (K, h, w) float32, at least 0, not normalised.
    """
    return summed_maps(lambda image: network.class_map(image)[:, classes - 1].relu(), rgb, scales=scales, flip=flip)
