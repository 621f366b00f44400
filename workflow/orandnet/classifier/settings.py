"""Settings of the section `classifier`."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from orandnet.maps import GRID_STRIDE
from orandnet.settings import LARGEST_SIDE, Backbone, Section
from orandnet.training.settings import LARGEST_BATCH, MOST_EPOCHS, RandomScale, Training

Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]


class ClassifierTraining(Training):
    """Length and speed of the training; by default what was in effect for ResNet-50 in the official release."""

    epochs: int = Field(10, ge=1, le=MOST_EPOCHS, description="passes over the training images")
    batch_size: int = Field(8, ge=1, le=LARGEST_BATCH, description="images per step")
    momentum: float = Field(
        5e-4,
        ge=0,
        lt=1,
        description="of sgd; the release's weight decay lands in the place of the momentum, so 5e-4 is what it trained "
        "with",
    )
    weight_decay: float = Field(5e-4, ge=0, le=100, description="L2 (sgd, adam) or decoupled (adamw) decay")


# kind -> what its recipe does otherwise than the section's defaults; a key that the config names wins
KIND_DEFAULTS: dict[str, dict] = {
    "cnn": {},
    # as the official release trains its ViT, but for the schedule: the release steps a cosine of as many steps as the
    # training has once an epoch, so that its rate stays constant
    "vit": {
        "freeze_batch_norm": False,
        "training": {
            "batch_size": 4,
            "momentum": 0.9,
            "weight_decay": 1e-5,
            "schedule": "cosine",
            "clip_gradient": 1.0,
        },
    },
    # as Xu et al. train theirs on VOC; five epochs of warm-up
    "mctformer": {
        "backbone": {"model": "deit_small_patch16_224.fb_in1k"},
        "freeze_batch_norm": False,
        "vit": {"drop_path_rate": 0.1},
        "training": {
            "epochs": 60,
            "batch_size": 64,
            "optimizer": "adamw",
            "learning_rate": 6.25e-5,
            "head_learning_rate_factor": 1.0,
            "weight_decay": 0.05,
            "schedule": "cosine",
            "warmup_iterations": 825,
        },
        "crop_size": 224,
        "color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.0},
    },
    # as AMN's official release
    "amn": {
        "training": {
            "epochs": 5,
            "batch_size": 16,
            "optimizer": "adam",
            "learning_rate": 5e-6,
            "head_learning_rate_factor": 20.0,
            "weight_decay": 1e-4,
            "schedule": "constant",
        },
    },
}


class ClassifierBackbone(Backbone):
    """The network whose class map or attention becomes the CAM; by default IRN's ResNet-50."""

    dilated: bool = Field(False, description=Backbone.model_fields["dilated"].description)


class ColorJitter(Section):
    """Largest relative change of each property of colour; 0 switches one off."""

    brightness: float = Field(0.3, ge=0, le=10, description="share")
    contrast: float = Field(0.3, ge=0, le=10, description="share")
    saturation: float = Field(0.3, ge=0, le=10, description="share")
    hue: float = Field(0.1, ge=0, le=0.5, description="share of the colour circle")
    before_padding: bool = Field(
        False,
        description="change the colours of the whole image, so that the padding around it keeps the mean colour (the "
        "official release's form), instead of those of the window, padding included",
    )
    random_order: bool = Field(
        False, description="make the four changes in random order, as the official release, instead of this one"
    )


class Vit(Section):
    """What only a transformer has; unset keys keep the timm model's own values."""

    patch_size: int | None = Field(None, ge=1, le=1024, description="pixels per token side")
    depth: int | None = Field(None, ge=1, le=1000, description="number of blocks")
    drop_path_rate: float = Field(0.0, ge=0, lt=1, description="stochastic depth")
    stem: Backbone | None = Field(
        None, description="a CNN whose features are the tokens (hybrid ViT); null for plain patches"
    )
    stem_stride: int = Field(16, ge=2, le=1024, description="pixels per cell of the stem's features")
    freeze_stem: bool = Field(True, description="the stem does not learn")


class Mctformer(Section):
    """What only an MCTformer has."""

    variant: Literal["v1", "v2"] = Field(
        "v2", description="v1 scores the class tokens alone; v2 also PatchCAM, a convolution of the patch tokens"
    )


class Amn(Section):
    """What only an activation manipulation network has; by default as in its paper and official release."""

    dilations: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        (6, 12, 18, 24), min_length=1, description="of the head's parallel 3x3 convolutions, in cells of the features"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the conditioned features dropped in training")
    label_smoothing: float = Field(
        0.4, ge=0, le=0.5, description="probability of the target that the other classes share"
    )
    random_scale: RandomScale = Field((0.5, 1.5), description="range of the random factor of the image side")
    start_from_seed: bool = Field(
        False,
        description="start from the trained backbone of seed_source, a CNN, instead of `backbone`'s weights; "
        "needs the same model there",
    )


def refuse_crop(crop_size: int, patch: int) -> None:
    """Refuse a window that is not filled by whole patches; the ValueError names the nearest sides that are."""
    if crop_size % patch:
        nearest = [side for side in (crop_size // patch * patch, (crop_size // patch + 1) * patch) if side]
        raise ValueError(
            f"crop_size {crop_size} is no multiple of the model's patch of {patch} pixels; write "
            f"{' or '.join(map(str, nearest))}."
        )


class Settings(Section):
    """The classifier of a source."""

    kind: Literal["cnn", "vit", "mctformer", "amn"] = Field(
        "cnn", description="which family the backbone is of; set by the source"
    )
    backbone: ClassifierBackbone = Field(ClassifierBackbone(), description="the network")
    output_stride: Literal[8, 16, 32] = Field(16, description="of cnn and amn: pixels per cell of the CAM")
    frozen_layers: list[str] = Field(
        [],
        description="layers that do not learn, by the start of their names in timm's model, e.g. [conv1, bn1, layer1] "
        "of a ResNet, or [patch_embed] of a transformer",
    )
    freeze_batch_norm: bool = Field(True, description="keep the pretrained statistics; false for training from scratch")
    vit: Vit = Field(Vit(), description="of kinds vit and mctformer")
    mctformer: Mctformer = Field(Mctformer(), description="of kind mctformer")
    amn: Amn = Field(Amn(), description="of kind amn")
    training: ClassifierTraining = Field(ClassifierTraining(), description="length, optimiser and schedule")
    resize_long: tuple[Side, Side] = Field(
        (256, 512), description="of cnn and vit: pixels of the long side, drawn between the two"
    )
    crop_size: int = Field(512, ge=16, le=LARGEST_SIDE, description="pixels of the square window")
    color_jitter: ColorJitter = Field(ColorJitter(), description="of cnn and vit: change of colours in training")

    @model_validator(mode="after")
    def _resize_long_is_a_range(self) -> Self:
        if self.resize_long[0] > self.resize_long[1]:
            raise ValueError(f"resize_long {list(self.resize_long)} is no range; write the smaller number first")
        return self

    @model_validator(mode="after")
    def _windows_have_whole_patches(self) -> Self:
        if self.kind in ("vit", "mctformer"):
            # of other models the patch is known when they are built, before they are trained
            named = re.search(r"_patch(\d+)", self.backbone.model)
            stem = self.vit.stem_stride if self.vit.stem else None
            patch = stem or self.vit.patch_size or (int(named[1]) if named else 1)
            refuse_crop(self.crop_size, patch)
        return self

    @model_validator(mode="after")
    def _windows_of_labels_have_whole_cells(self) -> Self:
        if self.kind == "amn" and self.crop_size % GRID_STRIDE:
            raise ValueError(f"crop_size {self.crop_size} is not a multiple of {GRID_STRIDE}, as kind amn needs it")
        return self
