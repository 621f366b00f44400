"""What ORANDNet sees and what becomes of its output."""

import numpy as np
import torch
from torch import Tensor

from orandnet.files.store import Cam
from orandnet.maps.score_maps import divide_by_max, resize_maps
from orandnet.networks.device import mixed_precision
from orandnet.orandnet.settings import Settings


def network_inputs(or_scores: np.ndarray, inputs: list[str]) -> np.ndarray:
    """Return the network's input of each class.

    Args:
        or_scores: (K, h, w) OR CAM of an image.
        inputs: or (the class itself), others (the largest of the other classes, 0 where there is none).

    Returns:
        (K, I, h, w) float32.
    """
    others = np.zeros_like(or_scores)
    for row in range(len(or_scores)):
        rest = np.delete(or_scores, row, axis=0)
        others[row] = rest.max(axis=0) if len(rest) else 0
    channels = {"or": or_scores, "others": others}
    return np.stack([channels[name] for name in inputs], axis=1)


def at_stride(scores: Tensor, cam: Cam, input_stride: int) -> Tensor:
    """Return (K, I, h, w) maps at the network's resolution: the image's size, or the grid as stored."""
    return resize_maps(scores, cam.size) if input_stride == 1 else scores


@torch.inference_mode()
def refine(network: torch.nn.Module, cam: Cam, settings: Settings, device: torch.device) -> Cam:
    """Return the image's refined CAM, on the grid, from its OR CAM.

    With the loss bce the score is the sigmoid of the output. The official loss does not set the level of the
    background, so its output is cut at 0 and divided by the maximum per class.
    """
    maps = torch.from_numpy(network_inputs(cam.scores, settings.inputs)).to(device)
    with mixed_precision(device, settings.training.precision):
        logits = network(at_stride(maps, cam, settings.input_stride)).float()
    scores = logits.sigmoid() if settings.loss == "bce" else logits.relu()
    scores = resize_maps(scores, cam.scores.shape[1:])[:, 0]
    if settings.divide_by_max or settings.loss == "official_softmax":
        scores = divide_by_max(scores)
    return cam._replace(scores=scores.cpu().numpy())
