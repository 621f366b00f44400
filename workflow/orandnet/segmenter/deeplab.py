"""DeepLabv1 with a large field of view (Chen et al., 2015) on a timm backbone."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from orandnet.files.checkpoint import described, described_classes, fill_network
from orandnet.networks.backbone import create_backbone
from orandnet.networks.freezing import freeze_affine, freeze_batch_norm, freeze_layers
from orandnet.segmenter.settings import TrainSettings
from orandnet.training.optimizer import parameter_groups


class LargeFovHead(nn.Sequential):
    """3x3 dilated convolution, ReLU, dropout of channels, 3x3 dilated convolution to the classes.

    With 512 hidden channels, dilation 12 and no dropout it is the head of MCTformer's DeepLabv1-ResNet38 (Xu
    et al., 2022, code), whose backbone drops out by itself; L2G's head (Jiang et al., 2022) has 1024 hidden
    channels, dropout 0.5 and 1x1 convolutions after the first layer.
    """

    def __init__(
        self, channels: int, *, num_classes: int, hidden_channels: int, dilation: int, dropout: float, init: str
    ):
        """Build the layers, with `init` normal (of 0.01, no bias; DeepLab's) or xavier (uniform; MCTformer's)."""
        dilated = {"kernel_size": 3, "padding": dilation, "dilation": dilation}
        super().__init__(
            nn.Conv2d(channels, hidden_channels, **dilated),
            nn.ReLU(inplace=True),
            nn.Dropout2d(dropout),
            nn.Conv2d(hidden_channels, num_classes, **dilated),
        )
        for convolution in (self[0], self[3]):
            if init == "xavier":
                nn.init.xavier_uniform_(convolution.weight)  # the bias keeps torch's initial values, as there
            else:
                nn.init.normal_(convolution.weight, std=0.01)
                nn.init.zeros_(convolution.bias)


class DeepLab(nn.Module):
    """Class scores for every pixel of an RGB image of any size."""

    def __init__(self, settings: TrainSettings, *, num_classes: int):
        """Build backbone and head; `num_classes` counts background.

        Raises:
            ValueError: if a layer that is to be frozen does not exist.
        """
        super().__init__()
        self.backbone = create_backbone(settings.backbone, output_stride=settings.output_stride)
        self.head = LargeFovHead(
            self.backbone.channels[-1],
            num_classes=num_classes,
            hidden_channels=settings.hidden_channels,
            dilation=settings.dilation,
            dropout=settings.dropout,
            init=settings.head_init,
        )
        freeze_layers(self.backbone.stages, settings.frozen_layers)
        if settings.freeze_affine:
            freeze_affine(self.backbone)
        self.keeps_statistics = settings.freeze_batch_norm

    def forward(self, rgb: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return logits (N, C, H, W) float32, bilinear from the output stride to `size`.

        Args:
            rgb: (N, 3, H, W) uint8, or float in 0..255.
            size: (H, W) of the logits; that of `rgb` by default.
        """
        logits = self.head(self.backbone(rgb)[-1]).float()
        return F.interpolate(logits, size=size or rgb.shape[-2:], mode="bilinear", align_corners=False)

    def train(self, mode: bool = True) -> "DeepLab":
        """Set the training mode; frozen batch normalisation stays in inference mode."""
        super().train(mode)
        if self.keeps_statistics:
            freeze_batch_norm(self)
        return self

    def groups(self, head_factor: float) -> list[dict]:
        """Return the optimiser's groups: backbone and, learning faster, head."""
        return parameter_groups(list(self.backbone.parameters()), list(self.head.parameters()), head_factor=head_factor)


def without_pretraining(settings: TrainSettings) -> TrainSettings:
    """Return the settings of the same network without pretrained weights: nothing is fetched to build it."""
    return settings.model_copy(update={"backbone": settings.backbone.without_pretraining()})


def describe(settings: TrainSettings, class_names: tuple[str, ...]) -> dict[str, str]:
    """Return the metadata from which `restore` rebuilds the network; `class_names` without background."""
    return {"segmenter": settings.canonical_json(), "classes": json.dumps(list(class_names))}


def restore(
    weights: dict[str, Tensor],
    metadata: dict[str, str],
    *,
    class_names: Sequence[str] | None = None,
    path: Path | str = "weights",
) -> tuple[DeepLab, tuple[str, ...]]:
    """Return the trained network in inference mode, and its class names without background.

    Args:
        weights: tensors of the weights file.
        metadata: what `describe` returned, read from the weights file.
        class_names: foreground classes that it must be trained for, in order; None takes any.
        path: the file, for messages.

    Raises:
        ValueError: if they are not those of a segmenter, or one of other classes, or of another network than it says.
    """
    if "segmenter" not in metadata:
        raise ValueError(f"{path}: the file holds no segmenter; give what `orandnet segmenter` wrote.")
    settings = described(path, metadata, "segmenter", TrainSettings)
    names = described_classes(path, metadata, class_names)
    network = DeepLab(without_pretraining(settings), num_classes=len(names) + 1)
    fill_network(network, weights, path)
    return network.eval(), names
