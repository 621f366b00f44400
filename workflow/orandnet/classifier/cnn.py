"""A CNN whose class scores are the mean of a class map, so that the map tells where a class is seen."""

from torch import Tensor, nn

from orandnet.classifier.settings import Settings
from orandnet.networks.backbone import create_backbone
from orandnet.networks.freezing import freeze_batch_norm, freeze_layers
from orandnet.training.optimizer import parameter_groups


class CnnClassifier(nn.Module):
    """Backbone, 1x1 convolution without bias to the classes, global average pooling (Zhou et al., 2016)."""

    def __init__(self, settings: Settings, num_foreground: int):
        """Build the network for `num_foreground` classes, background not counted.

        Raises:
            ValueError: if a layer that is to be frozen does not exist.
        """
        super().__init__()
        self.freeze_batch_norm = settings.freeze_batch_norm
        self.backbone = create_backbone(settings.backbone, output_stride=settings.output_stride)
        self.head = nn.Conv2d(self.backbone.channels[-1], num_foreground, kernel_size=1, bias=False)
        freeze_layers(self.backbone.stages, settings.frozen_layers)

    def class_map(self, rgb: Tensor) -> Tensor:
        """Return (N, C, h, w) evidence per class and place, before pooling."""
        return self.head(self.backbone(rgb)[-1])

    def forward(self, rgb: Tensor) -> Tensor:
        """Return (N, C) logits of (N, 3, H, W) uint8."""
        return self.class_map(rgb).mean(dim=(2, 3))

    def train(self, mode: bool = True) -> "CnnClassifier":
        """Switch to training; frozen batch normalisation stays in inference mode."""
        super().train(mode)
        if self.freeze_batch_norm:
            freeze_batch_norm(self.backbone)
        return self

    def groups(self, head_factor: float) -> list[dict]:
        """Return the optimiser's groups: backbone and, learning faster, head."""
        return parameter_groups(list(self.backbone.parameters()), list(self.head.parameters()), head_factor=head_factor)
