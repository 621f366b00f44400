"""CAMs of a CNN: class maps of several scales and their mirror images, summed on the grid."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from orandnet.classifier.cnn import CnnClassifier
from orandnet.grid import grid_shape
from orandnet.score_maps import resize_maps


def resize_image(rgb: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, 3, H, W) float in 0..255 resized to `size`, bicubic with antialias."""
    if tuple(rgb.shape[-2:]) == size:
        return rgb.float()
    resized = functional.interpolate(rgb.float(), size=size, mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(0, 255)


def summed_maps(maps_of: Callable[[Tensor], Tensor], rgb: Tensor, *, scales: list[float], flip: bool) -> Tensor:
    """Return the sum, on the image's grid, of the maps of several scales and their mirror images.

    Args:
        maps_of: (N, 3, H, W) float in 0..255 -> maps (N, K, any, any).
        rgb: (3, H, W) uint8.
        scales: of the image's size.
        flip: add the mirrored image at each scale.

    Returns:
        (K, h, w) float32.
    """
    height, width = rgb.shape[1:]
    total = torch.zeros((), device=rgb.device)
    for scale in scales:
        image = resize_image(rgb[None], (max(1, round(height * scale)), max(1, round(width * scale))))
        maps = maps_of(torch.cat([image, image.flip(-1)]) if flip else image)
        if flip:
            maps = maps[:1] + maps[1:].flip(-1)
        total = total + resize_maps(maps, grid_shape((height, width)))[0]
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
