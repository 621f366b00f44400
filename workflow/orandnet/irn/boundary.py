"""The boundary network: frozen features of all stages vote on where one thing ends and another begins.

The edge branch of IRN (Ahn, Cho & Kwak 2019): a 1x1 convolution and group normalisation per stage, resizing to
stride 4, ReLU, and one 1x1 convolution of all to a logit; a ResNet's first stage is read after its max pooling. The
displacement branch of the paper separates instances; semantic masks do not read it, so there is none.
"""

from collections.abc import Iterator
from math import lcm
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orandnet.files.checkpoint import described, fill_network, load_backbone, load_weights
from orandnet.irn.settings import BoundarySettings
from orandnet.maps.grid import GRID_STRIDE, grid_shape
from orandnet.networks.backbone import create_backbone, pad_color

CHANNELS = 32
GROUPS = 4


class BoundaryNetwork(nn.Module):
    """RGB in, boundary logits on the stride-4 grid out; only the edge branch learns.

    Attributes:
        stride: images whose sides are multiples of it need no padding.
        window: side of the windows it is trained on, in pixels.
        pad_rgb: colour of the padding, which the backbone's normalisation brings to 0.
    """

    def __init__(self, settings: BoundarySettings):
        """Build the network; the backbone starts as its settings say and stays as it is."""
        super().__init__()
        self.backbone = create_backbone(
            settings.backbone, output_stride=settings.output_stride, out_indices=settings.stages or "all"
        )
        self.backbone.requires_grad_(False)
        self.stages = nn.ModuleList(_stage(channels) for channels in self.backbone.channels)
        self.merge = nn.Conv2d(CHANNELS * len(self.stages), 1, kernel_size=1)
        self.resize_before_relu = settings.resize_before_relu
        self.pools_first = (
            settings.pooled_first_stage and (settings.stages or (0,))[0] == 0 and self._max_pooling() is not None
        )
        self.stride, self.window = lcm(GRID_STRIDE, *self.backbone.strides), settings.crop_size
        self.pad_rgb = pad_color(self.backbone.normalise)
        self.train()

    def _max_pooling(self) -> nn.Module | None:
        """Return the pooling behind the first stage of timm's ResNets; others have none, or within a stage."""
        return getattr(self.backbone.stages, "maxpool", None)

    def train(self, mode: bool = True) -> "BoundaryNetwork":
        """Set the mode of the edge branch; the backbone's statistics stay frozen in either."""
        super().train(mode)
        self.backbone.eval()
        return self

    def edge_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that learn."""
        return (parameter for parameter in self.parameters() if parameter.requires_grad)

    def forward(self, rgb: Tensor) -> Tensor:
        """Return (N, ceil(H / 4), ceil(W / 4)) logits of (N, 3, H, W) RGB, uint8 or float in 0..255, any size."""
        height, width = grid_shape(tuple(rgb.shape[-2:]))
        padded = pad_to_multiple(rgb, self.stride, self.pad_rgb)
        grid = padded.shape[-2] // GRID_STRIDE, padded.shape[-1] // GRID_STRIDE
        with torch.no_grad():
            features = self.backbone(padded)
            if self.pools_first:
                features = [self._max_pooling()(features[0]), *features[1:]]
        # stage by stage: the features of all of them, concatenated, need not be held at once
        votes = self.merge.weight.split(CHANNELS, dim=1)
        logits = self.merge.bias.view(1, 1, 1, 1)
        for stage, vote, feature in zip(self.stages, votes, features, strict=True):
            logits = logits + self._votes(stage(feature), vote, grid)
        return logits[:, 0, :height, :width]

    def _votes(self, features: Tensor, weight: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return a stage's (N, 1, h, w) part of the logits on the grid."""
        if self.resize_before_relu:
            return F.conv2d(F.relu(F.interpolate(features, grid, mode="bilinear")), weight)
        # the convolution is linear, so it may come before the resizing, which then has 1 channel of 32
        return F.interpolate(F.conv2d(F.relu(features), weight), grid, mode="bilinear")


def _stage(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, CHANNELS, kernel_size=1, bias=False),
        nn.GroupNorm(GROUPS, CHANNELS),
    )


def pad_to_multiple(rgb: Tensor, stride: int, color: tuple[int, int, int], *, least: int = 1) -> Tensor:
    """Return (N, 3, H, W) padded at the right and the bottom to sides of `least` or more, multiples of `stride`."""
    height, width = rgb.shape[-2:]
    sides = [-(-max(length, least) // stride) * stride for length in (height, width)]
    padded = rgb.new_tensor(color).view(1, 3, 1, 1).repeat(len(rgb), 1, *sides)
    padded[..., :height, :width] = rgb
    return padded


@torch.inference_mode()
def predict_boundary(network: BoundaryNetwork, rgb: Tensor, *, pad_to_window: bool = False) -> Tensor:
    """Return the boundary map of an image: mean of its logits and its mirror image's, then the sigmoid.

    Args:
        network: in inference mode, on the device of `rgb`.
        rgb: (3, H, W) uint8, of any size.
        pad_to_window: pad a smaller image to the size of the training window.

    Returns:
        (ceil(H / 4), ceil(W / 4)) float32 in [0, 1].
    """
    height, width = grid_shape(tuple(rgb.shape[-2:]))
    # padded before it is mirrored: only then do the cells of both lie on each other
    least = network.window if pad_to_window else 1
    padded = pad_to_multiple(rgb[None], network.stride, network.pad_rgb, least=least)
    plain, mirrored = network(torch.cat([padded, padded.flip(-1)]))
    return ((plain.float() + mirrored.float().flip(-1)) / 2).sigmoid()[:height, :width]


def start_network(settings: BoundarySettings, *, initial_weights: Path | None) -> BoundaryNetwork:
    """Return a network whose backbone is that of a classifier's weights file, or as `settings.backbone` says."""
    if initial_weights is None:
        return BoundaryNetwork(settings)
    network = BoundaryNetwork(without_pretraining(settings))
    load_backbone(network, initial_weights)
    return network


def without_pretraining(settings: BoundarySettings) -> BoundarySettings:
    """Return the settings of the same network without pretrained weights: nothing is fetched to build it."""
    return settings.model_copy(update={"backbone": settings.backbone.without_pretraining()})


def describe(settings: BoundarySettings) -> dict[str, str]:
    """Return the metadata from which `restore` rebuilds the network."""
    return {"boundary_settings": settings.canonical_json()}


def restore(path: Path) -> BoundaryNetwork:
    """Return the trained network of a weights file, in inference mode.

    Raises:
        ValueError: the file is not one that IRN's training wrote.
    """
    weights, metadata = load_weights(path)
    if "boundary_settings" not in metadata:
        raise ValueError(f"{path}: the file does not tell its boundary_settings; give weights that `irn train` wrote.")
    settings = described(path, metadata, "boundary_settings", BoundarySettings)
    network = BoundaryNetwork(without_pretraining(settings))
    fill_network(network, weights, path)
    return network.eval()
