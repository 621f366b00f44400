"""Class maps of several scales and their mirror images, summed on the grid; CAMs of a CNN are such sums."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from orandnet.classifier.cnn import CnnClassifier
from orandnet.maps.grid import grid_shape
from orandnet.maps.score_maps import resize_maps

Classes = list[tuple[int, ...]]  # mask ids of each image's labels


def resize_image(rgb: Tensor, size: tuple[int, int], interpolation: str = "bicubic") -> Tensor:
    """Return (N, 3, H, W) uint8 resized to `size` with antialias, as PIL does it to a grey level.

    Args:
        rgb: (N, 3, h, w) uint8.
        size: (H, W) in pixels.
        interpolation: bicubic or bilinear.
    """
    if tuple(rgb.shape[-2:]) == size:
        return rgb
    options = {"size": size, "mode": interpolation, "align_corners": False, "antialias": True}
    if rgb.device.type == "cpu":
        return functional.interpolate(rgb, **options)  # in integers, many times as fast as in floats
    return functional.interpolate(rgb.float(), **options).round().clamp(0, 255).byte()


def scaled_images(
    rgb: Tensor, *, scales: list[float], flip: bool, stride: int = 1, interpolation: str = "bicubic"
) -> Iterator[Tensor]:
    """Yield images at each scale, (N, 3, h, w) uint8, or with their mirror images behind, (2 N, 3, h, w).

    Normalisation is left to the network: until then a number takes one byte.

    Args:
        rgb: (N, 3, H, W) uint8.
        scales: of the images' size.
        flip: add the mirrored images.
        stride: sides are rounded to multiples of it.
        interpolation: as in `resize_image`.
    """
    # channels last: three times as fast to resize on a CPU, and what networks take
    rgb = rgb.contiguous(memory_format=torch.channels_last)
    for scale in scales:
        height, width = (max(1, round(length * scale / stride)) * stride for length in rgb.shape[-2:])
        image = resize_image(rgb, (height, width), interpolation)
        yield torch.cat([image, image.flip(-1)]) if flip else image


def positions(classes: Classes, device: torch.device) -> Tensor:
    """Return (N, T) int64 positions of each image's classes among the logits; an image with fewer has some twice."""
    most = max(map(len, classes))
    filled = [(own + (own[-1:] or (1,)) * most)[:most] for own in classes]
    return torch.tensor(filled, dtype=torch.int64, device=device) - 1


def summed_maps(
    maps_of: Callable[[Tensor], Tensor],
    rgb: Tensor,
    *,
    scales: list[float],
    flip: bool,
    chosen: Tensor | None = None,
    stride: int = 1,
    interpolation: str = "bicubic",
) -> Tensor:
    """Return the sum, on the images' grid, of the maps of several scales and their mirror images.

    Args:
        maps_of: (M, 3, H, W) uint8 -> maps (M, C, any, any); M is N, or 2 N with the mirrored images last.
        rgb: (N, 3, H, W) uint8.
        scales: of the images' size.
        flip: add the mirrored images at each scale.
        chosen: (N, T) int64 channels to return of each image; only they are resized. None for all.
        stride: sides at each scale are rounded to multiples of it.
        interpolation: of the images, as in `resize_image`.

    Returns:
        (N, T or C, h, w) float32.
    """
    total = torch.zeros((), device=rgb.device)
    for images in scaled_images(rgb, scales=scales, flip=flip, stride=stride, interpolation=interpolation):
        maps = maps_of(images).float()
        if chosen is not None:
            maps = maps[torch.arange(len(maps))[:, None], chosen.repeat(len(maps) // len(rgb), 1)]
        if flip:
            maps = maps[: len(rgb)] + maps[len(rgb) :].flip(-1)
        total = total + resize_maps(maps, grid_shape(tuple(rgb.shape[-2:])))
    return total


@torch.inference_mode()
def cnn_maps(
    network: CnnClassifier,
    rgb: Tensor,
    classes: Classes,
    *,
    scales: list[float],
    flip: bool,
    interpolation: str = "bicubic",
) -> list[Tensor]:
    """Return the summed positive evidence of each image's own classes on its grid.

    Args:
        network: a trained CNN classifier in inference mode.
        rgb: (N, 3, H, W) uint8 on the network's device.
        classes: mask ids of each image's labels.
        scales: of the images' size.
        flip: add the mirrored images at each scale.
        interpolation: of the images, as in `resize_image`.

    Returns:
        Per image (K, h, w) float32, at least 0, not normalised.
    """
    maps = summed_maps(
        lambda image: network.class_map(image).relu(),
        rgb,
        scales=scales,
        flip=flip,
        chosen=positions(classes, rgb.device),
        interpolation=interpolation,
    )
    return [found[: len(own)] for found, own in zip(maps, classes, strict=True)]
