"""Backbones, from timm or WideResNet-38, that take raw RGB and return feature maps."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from orandnet.job.progress import say
from orandnet.networks.any_size import Taken, fitted, sizes_taken
from orandnet.networks.timm_model import UNFIT, make_model
from orandnet.networks.wideresnet38 import STRIDE, WideResNet38, load_wideresnet38
from orandnet.settings import Backbone

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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


Stages = tuple[int, ...] | Literal["all"] | None


class FeatureBackbone(nn.Module):
    """A timm model that returns the feature maps of chosen stages, for images of any size.

    Attributes:
        channels: channels of each returned map.
        strides: pixels of the image per cell of each returned map.
        taken: sizes that the model takes; others are stretched to the next.
    """

    def __init__(self, settings: Backbone, *, output_stride: int, out_indices: Stages):
        """Build the network; `out_indices` counts timm's stages, None takes the last one.

        Raises:
            ValueError: if timm cannot make the model, or it gives no feature maps of images of any size.
        """
        super().__init__()
        self.stages, self.taken = _feature_model(settings, output_stride, out_indices)
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
        features = self.stages(fitted(self.normalise(rgb), self.taken))
        if self.taken.last:
            features = [feature.permute(0, 3, 1, 2).contiguous() for feature in features]
        return features[-1:] if self.last_only else features


# keywords by which a model takes images of other sizes than its own: CNNs, Swin, vision transformers
FORMS = ({}, {"strict_img_size": False}, {"dynamic_img_size": True})


def _feature_model(settings: Backbone, output_stride: int, out_indices: Stages) -> tuple[nn.Module, Taken]:
    """Return the timm model and the sizes it takes: at the output stride if it can be chosen, else at its own."""
    chosen = {} if out_indices in (None, "all") else {"out_indices": out_indices}
    refusals = []
    for form in ({"output_stride": output_stride}, *FORMS):
        try:
            model = make_model(settings, features_only=True, **form, **chosen)
        except UNFIT as error:
            refusals.append(error)
            continue
        info, training = model.feature_info, model.training
        native = model.pretrained_cfg.get("input_size", (3, 224, 224))[-1]
        taken = sizes_taken(model.eval(), info.channels(), stride=max(info.reduction()), native=native)
        model.train(training)
        if taken is not None:
            if "output_stride" not in form and info.reduction()[-1] != output_stride:
                say(
                    f"backbone.model: the stride of {settings.model!r} cannot be chosen; its last map has a cell for "
                    f"{info.reduction()[-1]} pixels, not {output_stride}."
                )
            return model, taken
        refusals.append(ValueError("it takes images of one size only"))
    raise _no_maps(settings, out_indices, refusals[1])  # of the plain form, without keywords of ours


def _no_maps(settings: Backbone, out_indices: Stages, error: Exception) -> ValueError:
    if isinstance(error, IndexError) and isinstance(out_indices, tuple):
        return ValueError(
            f"stages: {list(out_indices)} are not all there in {settings.model!r}; leave the key out to read all it "
            "has."
        )
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    return ValueError(
        f"backbone.model: {settings.model!r} gives no feature maps of images of any size ({reason}); choose another "
        "model, such as resnet50.tv_in1k, or kind: vit for a vision transformer."
    )


class WideResNetBackbone(nn.Module):
    """WideResNet-38, which timm lacks; returns the last of its maps.

    Attributes:
        channels: channels of the map.
        strides: pixels of the image per cell of the map.
    """

    def __init__(self, settings: Backbone, *, output_stride: int, out_indices: Stages):
        """Build the network, and fill it from the local file of the settings.

        Raises:
            ValueError: if another stride, maps of other stages, or weights without a file are asked for.
        """
        super().__init__()
        if output_stride != STRIDE or out_indices not in (None, "all"):
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
    settings: Backbone, *, output_stride: int, out_indices: Stages = None
) -> FeatureBackbone | WideResNetBackbone:
    """Return the feature extractor the settings describe.

    Args:
        settings: model and weights.
        output_stride: pixels per cell of the last map, such as 8, 16 or 32.
        out_indices: stages to return, counted by timm; `all`, or None for the last one.
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


def pad_color(normalise: Normalise) -> tuple[int, int, int]:
    """Return the (3,) RGB of 0..255 that the normalisation brings to about 0, for padding."""
    red, green, blue = (round(value) for value in normalise.mean.flatten().tolist())
    return red, green, blue
