"""CAMs of AMN: probabilities of the image's own classes, conditioned on its labels (Lee, Kim and Shim, CVPR 2022)."""

import torch
from torch import Tensor

from orandnet.cam.multiscale import Classes, summed_maps
from orandnet.classifier.amn import ActivationNetwork
from orandnet.classifier.samples import label_vector


@torch.inference_mode()
def amn_maps(
    network: ActivationNetwork,
    rgb: Tensor,
    classes: Classes,
    *,
    scales: list[float],
    flip: bool,
    interpolation: str = "bicubic",
) -> list[Tensor]:
    """Return the probabilities of each image's own classes on its grid; background competes, but has no map here.

    Args:
        network: trained, in inference mode.
        rgb: (N, 3, H, W) uint8 on the network's device.
        classes: mask ids of each image's labels.
        scales: of the images' size; their logits are averaged.
        flip: average with the mirrored images at each scale.
        interpolation: of the images, as in `resize_image`.

    Returns:
        Per image (K, h, w) float32 in [0, 1], not normalised.
    """
    labels = torch.stack([label_vector(own, network.num_foreground) for own in classes]).to(rgb.device)

    def logits_of(image: Tensor) -> Tensor:
        return network(image, labels.repeat(len(image) // len(labels), 1))

    total = summed_maps(logits_of, rgb, scales=scales, flip=flip, interpolation=interpolation)
    probabilities = (total / (len(scales) * (2 if flip else 1))).softmax(dim=1)
    return [found[list(own)] for found, own in zip(probabilities, classes, strict=True)]
