"""Backbones, from timm or WideResNet-38, that take raw RGB and return feature maps."""

from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from orandnet.networks.wideresnet38 import STRIDE, WideResNet38, load_wideresnet38
from orandnet.settings import Backbone

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def timm_arguments(settings: Backbone) -> dict:
    """Return the keywords of `timm.create_model` that load the weights the settings ask for.

    Raises:
        ValueError: if the local weights file does not exist.
    """
    arguments = dict(settings.model_options)
    if settings.weights and settings.pretrained:
        if not Path(settings.weights).is_file():
            raise ValueError(f"backbone.weights: no file {settings.weights}; give the path of a safetensors file.")
        arguments["pretrained_cfg_overlay"] = {"file": settings.weights}
    return arguments


def create_model(settings: Backbone, **arguments) -> nn.Module:
    """Return the timm model; a failure to find or load it names the model and the way out.

    Raises:
        ValueError: if timm does not know the model or cannot load its weights.
    """
    try:
        return timm.create_model(
            settings.model, pretrained=settings.pretrained, **timm_arguments(settings), **arguments
        )
    except (RuntimeError, OSError, TypeError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"backbone.model: timm cannot make {settings.model!r} ({reason}); "
            "check the name, give a local `weights` file, or set `pretrained: false`."
        ) from error


class Normalise(nn.Module):
    """Bring RGB of 0..255 to the mean and standard deviation the model was trained with."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]):
        """Keep `mean` and `std`, given for values in [0, 1]."""
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        """Return (N, 3, H, W) float32 from (N, 3, H, W) uint8 or float in 0..255."""
        # one channel after the other: with the channels last, it takes eight times as long
        planes = rgb.to(torch.float32, memory_format=torch.contiguous_format)
        return (planes - self.mean).div_(self.std)


def normalise_for(model: nn.Module) -> Normalise:
    """Return the normalisation a timm model asks for."""
    return Normalise(tuple(model.pretrained_cfg["mean"]), tuple(model.pretrained_cfg["std"]))


class FeatureBackbone(nn.Module):
    """A timm CNN that returns the feature maps of chosen stages.

    Attributes:
        channels: channels of each returned map.
        strides: pixels of the image per cell of each returned map.
    """

    def __init__(self, settings: Backbone, *, output_stride: int, out_indices: tuple[int, ...] | None):
        """Build the network; `out_indices` counts timm's stages, None takes the last one."""
        super().__init__()
        chosen = {} if out_indices is None else {"out_indices": out_indices}
        self.stages = create_model(settings, features_only=True, output_stride=output_stride, **chosen)
        if not settings.dilated:
            remove_dilation(self.stages)
        self.last_only = out_indices is None
        self.normalise = normalise_for(self.stages)
        info = self.stages.feature_info
        self.channels, self.strides = list(info.channels()), list(info.reduction())
        if self.last_only:
            self.channels, self.strides = self.channels[-1:], self.strides[-1:]

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return maps (N, C, h, w) of (N, 3, H, W) uint8 or float in 0..255."""
        features = self.stages(self.normalise(rgb))
        return features[-1:] if self.last_only else features


class WideResNetBackbone(nn.Module):
    """WideResNet-38, which timm lacks; returns the last of its maps.

    Attributes:
        channels: channels of the map.
        strides: pixels of the image per cell of the map.
    """

    def __init__(self, settings: Backbone, *, output_stride: int, out_indices: tuple[int, ...] | None):
        """Build the network, and fill it from the local file of the settings.

        Raises:
            ValueError: if another stride, maps of other stages, or weights without a file are asked for.
        """
        super().__init__()
        if output_stride != STRIDE or out_indices is not None:
            raise ValueError(
                f"backbone.model: {settings.model!r} has one map of stride {STRIDE}, not the stages {out_indices} at "
                f"stride {output_stride}; set output_stride: {STRIDE}, or choose a timm model."
            )
        if settings.pretrained and not settings.weights:
            raise ValueError(
                f"backbone.weights: {settings.model!r} has no weights to fetch; give a local file, or set "
                "pretrained: false."
            )
        self.stages = WideResNet38(**settings.model_options)
        if settings.pretrained:
            load_wideresnet38(self.stages, Path(settings.weights))
        if not settings.dilated:
            remove_dilation(self.stages)
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.channels, self.strides = [self.stages.channels], [STRIDE]

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return one map (N, C, h, w) of (N, 3, H, W) uint8 or float in 0..255."""
        return [self.stages(self.normalise(rgb))]


def create_backbone(
    settings: Backbone, *, output_stride: int, out_indices: tuple[int, ...] | None = None
) -> FeatureBackbone | WideResNetBackbone:
    """Return the feature extractor the settings describe.

    Args:
        settings: model and weights.
        output_stride: pixels per cell of the last map, such as 8, 16 or 32.
        out_indices: stages to return, counted by timm; None for the last one.
    """
    kind = WideResNetBackbone if settings.model == "wideresnet38" else FeatureBackbone
    return kind(settings, output_stride=output_stride, out_indices=out_indices)


def remove_dilation(network: nn.Module) -> None:
    """Undo the dilation that stands in for removed strides, in place (IRN's form of output stride 16)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and max(module.dilation) > 1:
            symmetric = any(module.padding) if isinstance(module.padding, tuple) else False
            module.dilation = (1, 1)
            if symmetric:
                module.padding = tuple((k - 1) // 2 for k in module.kernel_size)


def freeze_layers(network: nn.Module, layers: list[str]) -> None:
    """Stop the parameters whose names begin with one of `layers` from learning, in place.

    Raises:
        ValueError: if a layer does not exist.
    """
    for start in layers:
        chosen = [parameter for name, parameter in network.named_parameters() if name.startswith(start)]
        if not chosen:
            names = [name for name, _ in network.named_children()]
            raise ValueError(f"frozen_layers: no layer's name begins with {start!r}; choose from {names}.")
        for parameter in chosen:
            parameter.requires_grad_(False)


def freeze_batch_norm(network: nn.Module) -> None:
    """Put every batch normalisation into inference mode, in place; call after each `network.train()`."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def freeze_affine(network: nn.Module) -> None:
    """Stop the weights and biases of every batch normalisation from learning, in place."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.requires_grad_(False)


def pad_color(normalise: Normalise) -> tuple[int, int, int]:
    """Return the (3,) RGB of 0..255 that the normalisation brings to about 0, for padding."""
    red, green, blue = (round(value) for value in normalise.mean.flatten().tolist())
    return red, green, blue
