"""Class probabilities of an image, from one scale and from several with mirror images."""

import numpy as np
import torch
from torch import Tensor, nn

from orandnet.networks.device import mixed_precision
from orandnet.prediction.settings import PredictSettings
from orandnet.segmenter.scale_schedule import rescale_rgb
from orandnet.training.augment import to_tensor

# either way divided by the sum over the classes at the end: the mean, and maxima that sum to 1 again
FUSIONS = {"mean": torch.add, "max": torch.maximum}


def image_probabilities(
    network: nn.Module, rgb: np.ndarray, settings: PredictSettings, device: torch.device
) -> dict[str, np.ndarray]:
    """Return what the settings' variants need of an image, as `class_probabilities`; one scale where none has more."""
    multi_scale = any(variant.startswith("ms") for variant in settings.variants)
    with mixed_precision(device, settings.precision):
        return class_probabilities(
            network,
            rgb,
            scales=settings.scales if multi_scale else (1.0,),
            flip=settings.flip and multi_scale,
            fusion=settings.fusion,
            device=device,
        )


@torch.inference_mode()
def class_probabilities(
    network: nn.Module,
    rgb: np.ndarray,
    *,
    scales: tuple[float, ...],
    flip: bool,
    fusion: str,
    device: torch.device,
) -> dict[str, np.ndarray]:
    """Return the probabilities `ss` (scale 1 alone) and `ms` (all scales and mirror images) of an image.

    Args:
        network: (N, 3, h, w) uint8, size (H, W) -> logits (N, C, H, W); on `device`, in inference mode.
        rgb: (H, W, 3) uint8 of any size.
        scales: factors of the image side, 1.0 among them.
        flip: whether each scale also sees the mirrored image; `ss` never does.
        fusion: mean or max over scales and mirror images, per class.
        device: where the network is.

    Returns:
        Two (C, H, W) float32 arrays in [0, 1] that sum to 1 at every pixel.
    """
    single, fused = None, None
    for scale in scales:
        for probabilities in scale_probabilities(network, rgb, scale=scale, flip=flip, device=device):
            if scale == 1 and single is None:
                single = probabilities
            fused = probabilities if fused is None else FUSIONS[fusion](fused, probabilities)
    fused = fused / fused.sum(dim=0, keepdim=True)
    return {"ss": single.cpu().numpy(), "ms": fused.cpu().numpy()}


def scale_probabilities(
    network: nn.Module, rgb: np.ndarray, *, scale: float, flip: bool, device: torch.device
) -> list[Tensor]:
    """Return (C, H, W) probabilities of an image of any size seen at a scale, and of its mirror image."""
    image = to_tensor(rescale_rgb(rgb, scale))[None].to(device)
    batch = torch.cat([image, image.flip(-1)]) if flip else image
    probabilities = network(batch, rgb.shape[:2]).float().softmax(dim=1)
    return [probabilities[0], probabilities[1].flip(-1)] if flip else [probabilities[0]]
