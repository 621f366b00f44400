"""CAMs of AMN: probabilities of the image's own classes, conditioned on its labels (Lee, Kim and Shim, CVPR 2022)."""

import torch
from torch import Tensor

from orandnet.cam.multiscale import summed_maps
from orandnet.classifier.amn import ActivationNetwork
from orandnet.classifier.samples import label_vector


@torch.inference_mode()
def amn_maps(
    network: ActivationNetwork, rgb: Tensor, classes: tuple[int, ...], *, scales: list[float], flip: bool
) -> Tensor:
    """Return the probabilities of an image's own classes on its grid; background competes, but has no map here.

    Args:
        network: trained, in inference mode.
        rgb: (3, H, W) uint8 on the network's device.
        classes: K mask ids of the image's labels.
        scales: of the image's size; their logits are averaged.
        flip: average with the mirrored image at each scale.

    Returns:
        (K, h, w) float32 in [0, 1], not normalised.
    """
    labels = label_vector(classes, network.num_foreground).to(rgb.device)
    total = summed_maps(lambda image: network(image, labels.expand(len(image), -1)), rgb, scales=scales, flip=flip)
    logits = total / (len(scales) * (2 if flip else 1))
    return logits.softmax(dim=0)[torch.tensor(classes, dtype=torch.int64, device=rgb.device)]
