"""From an image and its CAM to the CAM after the random walk: boundaries by the network, then the walk."""

import torch
from torch import Tensor

from orandnet.files.store import Cam
from orandnet.irn.boundary import BoundaryNetwork, predict_boundary
from orandnet.irn.random_walk import propagate, scaled_to_one
from orandnet.irn.settings import WalkSettings
from orandnet.networks.device import mixed_precision


def walked(network: BoundaryNetwork, cam: Cam, rgb: Tensor, settings: WalkSettings) -> Cam:
    """Return the CAM with its scores spread inside the boundaries of the image, on the network's device.

    Args:
        network: in inference mode.
        cam: of the image.
        rgb: (3, H, W) uint8 on the CPU.
        settings: of the walk.
    """
    where = network.merge.weight.device
    with mixed_precision(where, settings.precision):
        boundary = predict_boundary(network, rgb.to(where), pad_to_window=settings.pad_to_window)
    scores = torch.from_numpy(cam.scores).to(where) ** settings.power
    spread = propagate(scores, boundary, radius=settings.radius, beta=settings.beta, steps=settings.steps)
    return cam._replace(scores=scaled_to_one(spread.cpu().numpy()))
