"""The networks between OR CAM and AND CAM: one class's maps in, one map of logits out."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from orandnet.networks.timm_model import create_model
from orandnet.orandnet.settings import Settings
from orandnet.settings import Backbone

FIXED_OFFSETS = (5, 9, 31)  # FCN-8s: of the windows in the scores of pool4, of pool3, and in the output
FIRST_PADDING = 100  # FCN-8s: the input is padded so that small images survive five poolings and a 7x7 window


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """A light U-Net of three levels (Ronneberger et al., 2015) for maps of any size.

    Batch normalisation keeps the level of a map, which a normalisation per map would take out.
    """

    def __init__(self, inputs: int, width: int):
        """Build it for `inputs` channels, with `width` channels at the finest level."""
        super().__init__()
        widths = (width, 2 * width, 4 * width)
        self.down = nn.ModuleList(_block(a, b) for a, b in zip((inputs, *widths[:2]), widths, strict=True))
        self.up = nn.ModuleList([_block(widths[2] + widths[1], widths[1]), _block(widths[1] + widths[0], widths[0])])
        self.score = nn.Conv2d(widths[0], 1, kernel_size=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 1, h, w) logits of (N, I, h, w) maps in [0, 1]."""
        passed = []
        features = maps
        for level, block in enumerate(self.down):
            features = block(functional.max_pool2d(features, 2, ceil_mode=True) if level else features)
            passed.append(features)
        for block, skip in zip(self.up, reversed(passed[:-1]), strict=True):
            features = functional.interpolate(features, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            features = block(torch.cat([features, skip], dim=1))
        return self.score(features)


def bilinear_kernel(side: int) -> Tensor:
    """Return the (1, 1, side, side) weights with which a transposed convolution interpolates bilinearly."""
    factor = (side + 1) // 2
    center = factor - 1 if side % 2 else factor - 0.5
    ramp = 1 - (torch.arange(side) - center).abs() / factor
    return (ramp[:, None] * ramp[None, :])[None, None]


class Fcn8sVgg16(nn.Module):
    """FCN-8s on VGG-16 (Long et al., 2015) with one output channel.

    The first convolution takes maps instead of RGB, so it starts at random; the others start from ImageNet weights
    if asked for. The scores of pool3, pool4 and fc7 are added, coarse to fine.

    The padding of 100 makes each finer score larger than what it is added to, and the last one larger than the input;
    where they lie on each other is settled by padding and poolings: windows begin at cell 5 of pool4's score, at cell
    9 of pool3's and at pixel 31 of the sum, whatever the input's size (`crops: fixed`). The official release begins
    each at half of the height's surplus, rounded down, along both sides (`crops: official`): 5 or 4, 9 to 7, 31 to 46.
    That is the same for 24 of the heights 100..500. For the others pool4 is added up to one cell (16 pixels) and pool3
    up to two (of 8) aside, and the output is shifted to the top left by up to 15 pixels: by 1 at 375 rows, 3 at 500, 6
    at 333.
    """

    def __init__(self, inputs: int, settings: Settings):
        """Build it for `inputs` channels."""
        super().__init__()
        self.offsets = FIXED_OFFSETS if settings.crops == "fixed" else (None, None, None)
        vgg = create_model(Backbone(model="vgg16.tv_in1k", pretrained=settings.pretrained, weights=settings.weights))
        layers = list(vgg.features)
        layers[0] = nn.Conv2d(inputs, 64, kernel_size=3, padding=FIRST_PADDING)
        for layer in layers:
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = True
        pools = [place + 1 for place, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
        self.to_pool3 = nn.Sequential(*layers[: pools[2]])
        self.to_pool4 = nn.Sequential(*layers[pools[2] : pools[3]])
        fc6, fc7 = vgg.pre_logits.fc1, vgg.pre_logits.fc2
        top = [fc6, nn.ReLU(inplace=True), nn.Dropout2d(), fc7, nn.ReLU(inplace=True), nn.Dropout2d()]
        self.to_fc7 = nn.Sequential(*layers[pools[3] : pools[4]], *top)
        self.score = nn.ModuleList(nn.Conv2d(channels, 1, kernel_size=1) for channels in (256, 512, 4096))
        self.enlarge = nn.ModuleList(
            nn.ConvTranspose2d(1, 1, side, stride=stride, bias=False) for side, stride in ((16, 8), (4, 2), (4, 2))
        )
        for layer in self.enlarge:
            with torch.no_grad():
                layer.weight.copy_(bilinear_kernel(layer.kernel_size[0]))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 1, h, w) logits of (N, I, h, w) maps."""
        pool3 = self.to_pool3(maps)
        pool4 = self.to_pool4(pool3)
        score = self.enlarge[2](self.score[2](self.to_fc7(pool4)))
        score = self.enlarge[1](score + crop(self.score[1](pool4), score.shape, self.offsets[0]))
        score = self.enlarge[0](score + crop(self.score[0](pool3), score.shape, self.offsets[1]))
        return crop(score, maps.shape, self.offsets[2])


def crop(maps: Tensor, shape: torch.Size, offset: int | None) -> Tensor:
    """Return the window of `shape`'s height and width that begins at `offset` in both axes.

    None is the official release's offset: half of the height's surplus, also along the width.
    """
    height, width = shape[-2:]
    offset = (maps.shape[-2] - height) // 2 if offset is None else offset
    return maps[..., offset : offset + height, offset : offset + width]


def create_network(settings: Settings) -> nn.Module:
    """Return the network the settings describe."""
    inputs = len(settings.inputs)
    if settings.architecture == "unet":
        return UNet(inputs, settings.width)
    return Fcn8sVgg16(inputs, settings)
