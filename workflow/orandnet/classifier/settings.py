"""Settings of the section `classifier`."""

from typing import Literal

from pydantic import Field

from orandnet.settings import Backbone, Section
from orandnet.training.settings import Training


class ColorJitter(Section):
    """Largest relative change of each property of colour; 0 switches one off."""

    brightness: float = Field(0.3, ge=0, description="share")
    contrast: float = Field(0.3, ge=0, description="share")
    saturation: float = Field(0.3, ge=0, description="share")
    hue: float = Field(0.1, ge=0, le=0.5, description="share of the colour circle")


class Vit(Section):
    """What only a transformer has; unset keys keep the timm model's own values."""

    patch_size: int | None = Field(None, ge=1, description="pixels per token side")
    depth: int | None = Field(None, ge=1, description="number of blocks")
    drop_path_rate: float = Field(0.0, ge=0, lt=1, description="stochastic depth")
    stem: Backbone | None = Field(
        None, description="a CNN whose features are the tokens (hybrid ViT); null for plain patches"
    )
    stem_stride: int = Field(16, ge=2, description="pixels per cell of the stem's features")
    freeze_stem: bool = Field(True, description="the stem does not learn")


class Settings(Section):
    """The classifier of a source."""

    kind: Literal["cnn", "vit"] = Field("cnn", description="which family the backbone is of; set by the source")
    backbone: Backbone = Field(Backbone(), description="the network")
    output_stride: Literal[8, 16, 32] = Field(16, description="of a CNN: pixels per cell of the CAM")
    frozen_layers: list[str] = Field(
        [],
        description="of a CNN: layers that do not learn, by the start of their names, e.g. [conv1, bn1, layer1]",
    )
    freeze_batch_norm: bool = Field(False, description="keep the pretrained statistics of batch normalisation")
    vit: Vit = Field(Vit(), description="of a ViT")
    training: Training = Field(Training(), description="length, optimiser and schedule")
    resize_long: tuple[int, int] = Field((256, 512), description="pixels of the long side, drawn between the two")
    crop_size: int = Field(512, ge=16, description="pixels of the square window")
    color_jitter: ColorJitter = Field(ColorJitter(), description="change of colours in training")
