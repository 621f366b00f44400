"""AMN, the activation manipulation network: per-pixel class scores that know the image's labels.

Lee, Kim and Shim, "Threshold Matters in WSSS" (CVPR 2022). Label conditioning multiplies the features with an embedding
of the image's labels, so that the scores of other classes sink; per-pixel supervision lifts the weak activation of an
object's parts to that of its strongest.
"""

from torch import Tensor, nn

from orandnet.classifier.settings import Settings
from orandnet.networks.backbone import create_backbone
from orandnet.networks.freezing import freeze_batch_norm, freeze_layers
from orandnet.training.optimizer import parameter_groups


class AtrousPyramid(nn.Module):
    """The sum of 3x3 convolutions of several dilations (ASPP; Chen et al., 2017, DeepLabv2)."""

    def __init__(self, channels: int, num_classes: int, *, dilations: tuple[int, ...]):
        """Build the layers with DeepLab's initial values: normal of 0.01, no bias."""
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(channels, num_classes, kernel_size=3, padding=dilation, dilation=dilation)
            for dilation in dilations
        )
        for branch in self.branches:
            nn.init.normal_(branch.weight, std=0.01)
            nn.init.zeros_(branch.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, num_classes, h, w) of (N, channels, h, w)."""
        return sum(branch(features) for branch in self.branches)


class ActivationNetwork(nn.Module):
    """Backbone, label conditioning, dropout, atrous pyramid to the classes with background.

    Attributes:
        num_foreground: classes without background.
    """

    def __init__(self, settings: Settings, num_foreground: int):
        """Build the network for `num_foreground` classes, background not counted.

        Raises:
            ValueError: if a layer that is to be frozen does not exist.
        """
        super().__init__()
        self.freeze_batch_norm, self.num_foreground = settings.freeze_batch_norm, num_foreground
        self.backbone = create_backbone(settings.backbone, output_stride=settings.output_stride)
        channels = self.backbone.channels[-1]
        self.conditioning = nn.Linear(num_foreground, channels)
        self.dropout = nn.Dropout(settings.amn.dropout)
        self.head = AtrousPyramid(channels, num_foreground + 1, dilations=settings.amn.dilations)
        freeze_layers(self.backbone.stages, settings.frozen_layers)

    def conditioned(self, rgb: Tensor, labels: Tensor) -> Tensor:
        """Return (N, channels, h, w) features, weighted by channel for the image's labels."""
        return self.backbone(rgb)[-1] * self.conditioning(labels)[:, :, None, None]

    def forward(self, rgb: Tensor, labels: Tensor) -> Tensor:
        """Return (N, C + 1, h, w) logits, background first, at the output stride.

        Args:
            rgb: (N, 3, H, W) uint8, or float in 0..255.
            labels: (N, C) float32: 1 for each class of the image, 0 elsewhere.
        """
        return self.head(self.dropout(self.conditioned(rgb, labels)))

    def train(self, mode: bool = True) -> "ActivationNetwork":
        """Switch to training; frozen batch normalisation stays in inference mode."""
        super().train(mode)
        if self.freeze_batch_norm:
            freeze_batch_norm(self.backbone)
        return self

    def groups(self, head_factor: float) -> list[dict]:
        """Return the optimiser's groups: backbone and, learning faster, conditioning and head."""
        new = [*self.conditioning.parameters(), *self.head.parameters()]
        return parameter_groups(list(self.backbone.parameters()), new, head_factor=head_factor)
