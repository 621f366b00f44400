"""WideResNet-38 (Wu, Shen and van den Hengel, "Wider or deeper", 2016, model A) as a feature extractor of stride 8.

Pre-activated residual blocks b2 .. b7 with few layers and many channels; each stage is named after its place, as in the
field's weight files (`conv1a`, `b2`, `b2_1`, ..., `b7`, `bn7`). As the weakly supervised field uses it for segmentation
(PSA, SEAM, MCTformer), the strides of b5 and b6 are replaced by dilation 2 and 4, and b6 and b7 drop out channels.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orandnet.files.checkpoint import foreign_weights

STRIDE = 8
HEADS = ("fc8.", "linear1000.")  # classifiers on top of the features, which a weight file may hold


class Block(nn.Module):
    """A pre-activated residual block of two 3x3 convolutions, or of 1x1, 3x3 and 1x1.

    The shortcut is the input itself, or a 1x1 convolution of the activated input where shapes change.
    """

    def __init__(
        self,
        channels: int,
        widths: tuple[int, ...],
        *,
        stride: int = 1,
        dilations: tuple[int, int],
        dropout: float = 0.0,
    ):
        """Build the layers.

        Args:
            channels: of the input.
            widths: channels out of each convolution, two or three.
            stride: of the first convolution.
            dilations: of the first and of the other 3x3 convolutions.
            dropout: share of the channels that are dropped before the second and the third convolution.
        """
        super().__init__()
        bottleneck = len(widths) == 3
        self.bn_branch2a = nn.BatchNorm2d(channels)
        self.conv_branch2a = _conv(channels, widths[0], 1 if bottleneck else 3, stride, dilations[0])
        self.bn_branch2b1 = nn.BatchNorm2d(widths[0])
        self.conv_branch2b1 = _conv(widths[0], widths[1], 3, 1, dilations[1])
        if bottleneck:
            self.bn_branch2b2 = nn.BatchNorm2d(widths[1])
            self.conv_branch2b2 = _conv(widths[1], widths[2], 1)
        self.conv_branch1 = _conv(channels, widths[-1], 1, stride) if (stride, channels) != (1, widths[-1]) else None
        self.dropout = nn.Dropout2d(dropout)
        self.bottleneck = bottleneck

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, widths[-1], h, w) of (N, channels, H, W)."""
        activated = F.relu(self.bn_branch2a(features))
        shortcut = features if self.conv_branch1 is None else self.conv_branch1(activated)
        branch = self.conv_branch2a(activated)
        branch = self.conv_branch2b1(self.dropout(F.relu(self.bn_branch2b1(branch))))
        if self.bottleneck:
            branch = self.conv_branch2b2(self.dropout(F.relu(self.bn_branch2b2(branch))))
        return shortcut + branch


def _conv(channels: int, width: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    dilation = dilation if kernel > 1 else 1
    padding = dilation * (kernel // 2)
    return nn.Conv2d(channels, width, kernel, stride, padding, dilation, bias=False)


class WideResNet38(nn.Module):
    """RGB in, the features of the last stage out; 105 million weights at the published width.

    Attributes:
        channels: of the features, 64 times `width`.
    """

    def __init__(self, *, width: int = 64):
        """Build the network with random weights; `width` channels after the first convolution (64 as published)."""
        super().__init__()
        w = width
        # name, number of blocks, stride, channels out of each convolution, dilations, dropout
        stages = (
            ("b2", 3, 2, (2 * w, 2 * w), (1, 1), 0.0),
            ("b3", 3, 2, (4 * w, 4 * w), (1, 1), 0.0),
            ("b4", 6, 2, (8 * w, 8 * w), (1, 1), 0.0),
            ("b5", 3, 1, (8 * w, 16 * w), (1, 2), 0.0),  # its first layer lost the stride, and keeps its reach
            ("b6", 1, 1, (8 * w, 16 * w, 32 * w), (1, 4), 0.3),
            ("b7", 1, 1, (16 * w, 32 * w, 64 * w), (1, 4), 0.5),
        )
        self.conv1a = _conv(3, w, 3)
        self.order, channels = [], w
        for name, number, stride, widths, (first, others), dropout in stages:
            for position in range(number):
                dilations = (first if position == 0 else others, others)
                block = Block(
                    channels, widths, stride=stride if position == 0 else 1, dilations=dilations, dropout=dropout
                )
                self.order.append(f"{name}_{position}" if position else name)
                self.add_module(self.order[-1], block)
                channels = widths[-1]
        self.bn7 = nn.BatchNorm2d(channels)
        self.channels = channels

    def forward(self, rgb: Tensor) -> Tensor:
        """Return (N, channels, ceil(H / 8), ceil(W / 8)), at least 0, of normalised (N, 3, H, W)."""
        features = self.conv1a(rgb)
        for name in self.order:
            features = getattr(self, name)(features)
        return F.relu(self.bn7(features))


def load_wideresnet38(network: WideResNet38, path: Path) -> None:
    """Fill a network, in place, from a file of its weights: safetensors, or a torch file of tensors only.

    The field's files are read: `ilsvrc-cls_rna-a1_cls1000_ep-0001` converted to torch, and `res38_cls.pth`. A
    classifier on top of the features is left out.

    Raises:
        ValueError: if the file cannot be read, or its names or shapes are not those of the network, so that nothing
            is silently left at random values.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"backbone.weights: no file {path}; give the path of a safetensors or torch file.")
    weights = foreign_weights(path)
    # counters of batches came to torch's batch normalisation after these files
    own = {name: part for name, part in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    given = {
        name: tensor
        for name, tensor in weights.items()
        if not name.startswith(HEADS) and not name.endswith("num_batches_tracked")
    }
    missing, strange = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    unfit = sorted(name for name in own.keys() & given.keys() if own[name].shape != given[name].shape)
    if missing or strange or unfit:
        raise ValueError(
            f"{path}: is no WideResNet-38: {len(missing)} tensors are missing, {len(strange)} are unknown and "
            f"{len(unfit)} differ in shape, for example {(missing + strange + unfit)[0]}; give the features' weights "
            "under the names conv1a, b2 .. b7 and bn7."
        )
    with torch.no_grad():
        for name, tensor in given.items():
            own[name].copy_(tensor)
