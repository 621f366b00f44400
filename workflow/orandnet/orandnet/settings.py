"""Settings of the section `orandnet`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from orandnet.settings import LARGEST_SIDE, Distinct, Section
from orandnet.training.settings import LARGEST_BATCH, MOST_EPOCHS, MOST_STEPS, Training


class OrandnetTraining(Training):
    """Length and speed of the training; by default the values in effect in the official release."""

    epochs: int = Field(1, ge=1, le=MOST_EPOCHS, description="passes over the classes of the training images")
    max_iterations: int | None = Field(
        5000, ge=1, le=MOST_STEPS, description="stop after this many steps, whatever the epochs"
    )
    batch_size: int = Field(1, ge=1, le=LARGEST_BATCH, description="maps per step")
    learning_rate: float = Field(1e-3, gt=0, le=100, description="at the start")
    head_learning_rate_factor: float = Field(1.0, gt=0, le=1e6, description="not used: the whole network learns alike")
    momentum: float = Field(0.0, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(0.0, ge=0, le=100, description="L2 (sgd, adam) or decoupled (adamw) decay")


class Settings(Section):
    """The network between OR CAM and AND CAM."""

    architecture: Literal["unet", "fcn8s_vgg16"] = Field(
        "fcn8s_vgg16", description="fcn8s_vgg16 is the official one; unet is light, for small runs"
    )
    pretrained: bool = Field(True, description="of fcn8s_vgg16: start from the hub's ImageNet weights of VGG-16")
    weights: str | None = Field(None, description="of fcn8s_vgg16: local file with those weights, instead of the hub")
    crops: Literal["fixed", "official"] = Field(
        "fixed",
        description="of fcn8s_vgg16: where its three scores are cut out; fixed: at 5, 9 and 31, as Long et al., so "
        "that the output lies on the input; official: at half of the height's surplus, along both sides, which shifts "
        "the output by 0 to 15 pixels, depending on the height",
    )
    width: int = Field(
        16, ge=4, le=4096, description="of unet: channels at the finest level; doubled at each of two coarser"
    )
    inputs: Annotated[list[Literal["or", "others"]], Distinct] = Field(
        ["or"],
        min_length=1,
        description="or: the class's OR CAM; others: the largest OR CAM among the image's other classes",
    )
    input_stride: Literal[1, 4] = Field(
        1,
        description="pixels per cell of the network's input; 1 is the image's size, 4 the grid of the store",
    )
    crop_size: int | None = Field(
        None,
        ge=8,
        le=LARGEST_SIDE,
        description="cells of the square training window; null takes whole maps and needs batch_size 1",
    )
    random_flip: bool = Field(
        True, description="mirror the maps of a training sample with probability one half; false is the official form"
    )
    loss: Literal["bce", "official_softmax"] = Field(
        "bce",
        description="bce: per pixel and class; official_softmax: cross entropy over the image's classes, which "
        "teaches nothing on images of one class",
    )
    divide_by_max: bool = Field(
        False, description="divide the refined CAM of each class by its maximum; official_softmax always does"
    )
    training: OrandnetTraining = Field(OrandnetTraining(), description="length, optimiser and schedule")

    @model_validator(mode="after")
    def _batch_fits(self) -> "Settings":
        if self.crop_size is None and self.training.batch_size > 1:
            raise ValueError("crop_size null takes whole maps of any size, so training.batch_size must be 1")
        if self.loss == "official_softmax" and self.training.batch_size > 1:
            raise ValueError("loss official_softmax takes all classes of one image, so training.batch_size must be 1")
        return self
