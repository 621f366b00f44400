"""Settings of the segmentation stage."""

from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from orandnet.settings import LARGEST_SIDE, SMALLEST_SCALE, Backbone, Distinct, Name, Section
from orandnet.training.settings import LARGEST_BATCH, MOST_EPOCHS, RandomScale, Training

GROUND_TRUTH = "ground_truth"  # in `methods`: trained on true masks, the fully supervised reference
Schedule = Literal["baseline", "scale", "scale_same_pixels"]


class SegmenterBackbone(Backbone):
    """The network that is fine-tuned: a ResNet-101, since the recipe's WideResNet-38 has no weights on the hub."""

    model: str = Field("resnet101.tv_in1k", description="name of a timm model, as on the hub, or wideresnet38")


class SegmenterTraining(Training):
    """Length and speed of the training; by default MCTformer's DeepLabv1 recipe (Xu et al., 2022, code)."""

    epochs: int = Field(30, ge=1, le=MOST_EPOCHS, description="passes over the training images")
    batch_size: int = Field(4, ge=1, le=LARGEST_BATCH, description="images per step")
    learning_rate: float = Field(7e-4, gt=0, le=100, description="of the backbone, at the start")
    momentum: float = Field(
        1e-5,
        ge=0,
        lt=1,
        description="of sgd; the recipe's weight decay of 1e-5 lands in the place of the "
        "momentum, so 1e-5 is what it trained with",
    )
    weight_decay: float = Field(
        0.0, ge=0, le=100, description="L2 (sgd, adam) or decoupled (adamw) decay; see momentum"
    )


class ScaleSchedule(Section):
    """How the training images and masks grow in the schedules `scale` and `scale_same_pixels`."""

    factors: tuple[Annotated[float, Field(ge=SMALLEST_SCALE, le=1)], ...] = Field(
        (0.33, 0.5, 0.7, 1.0), min_length=1, description="factors of the image side, ascending, up to 1"
    )
    fraction: float = Field(
        0.5, ge=0, le=1, description="share of the training over which the factors have equal parts; the rest runs at 1"
    )
    scale_crop: bool = Field(
        False,
        description="reduce the training window with the images (cheaper steps) instead of padding it "
        "with ignored pixels",
    )

    @model_validator(mode="after")
    def check_factors(self) -> Self:
        """Refuse factors that do not grow."""
        if not all(low < high for low, high in pairwise(self.factors)):
            raise ValueError(f"factors {list(self.factors)} must grow; write for example [0.5, 1.0].")
        return self


class TrainSettings(Section):
    """What one training of the segmenter depends on."""

    backbone: SegmenterBackbone = Field(SegmenterBackbone(), description="network that is fine-tuned")
    output_stride: Literal[8, 16, 32] = Field(8, description="pixels of the image per cell of the logits")
    freeze_batch_norm: bool = Field(
        True, description="keep the pretrained statistics; false for a network trained from scratch"
    )
    freeze_affine: bool = Field(
        False, description="the weights and biases of batch normalisation do not learn either, as in MCTformer's recipe"
    )
    frozen_layers: list[str] = Field(
        [],
        description="layers of the backbone that do not learn, by the start of their names; MCTformer's recipe freezes "
        "the first convolution, [conv1]: conv1a of wideresnet38, conv1 of a ResNet",
    )
    head_init: Literal["normal", "xavier"] = Field(
        "normal",
        description="initial values of the head: normal of 0.01 without bias, as DeepLab's, or Xavier's uniform ones "
        "with torch's own for the bias, as in MCTformer's recipe",
    )
    hidden_channels: int = Field(512, ge=1, le=65_536, description="channels between the two layers of the head")
    dilation: int = Field(12, ge=1, le=1000, description="of the head's 3x3 convolutions, in cells of the logits")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of the hidden channels dropped in training")
    training: SegmenterTraining = Field(SegmenterTraining(), description="length and speed of the training")
    crop_size: int = Field(321, ge=1, le=LARGEST_SIDE, description="side of the training window in pixels")
    random_scale: RandomScale = Field(
        (0.7, 1.3), description="range of the random factor of the image side, on top of the schedule's"
    )
    scale_per_batch: bool = Field(
        False,
        description="draw one random factor for all images of a batch, as MCTformer's recipe, instead of one for each",
    )
    small_images: Literal["anywhere", "top_left"] = Field(
        "anywhere",
        description="place in the training window of an image that is smaller; top_left is that of MCTformer's recipe",
    )
    scale_schedule: ScaleSchedule = Field(ScaleSchedule(), description="used by `scale` and `scale_same_pixels`")
    label_smoothing: float = Field(
        0.1, ge=0, le=0.5, description="probability of the target that the other classes share"
    )
    balanced: bool = Field(
        True,
        description="average background and foreground pixels apart, and take the mean of the two; false: the mean "
        "over all pixels",
    )


class Settings(TrainSettings):
    """The section `segmenter`: one training per method, schedule and random seed."""

    methods: dict[Name, str] | None = Field(
        None,
        description="row of the tables -> method whose pseudo masks it is trained on; `ground_truth` is the "
        "fully supervised reference, which needs true masks of all training images. null: one row for each source and "
        "each ensemble, with IRN where irn.cams names it",
    )
    schedules: Annotated[list[Schedule], Distinct] = Field(
        ["baseline", "scale"],
        min_length=1,
        description="baseline: full size throughout; scale: small images first, in the same number of steps; "
        "scale_same_pixels: the same with more steps, until it has seen as many pixels as the baseline",
    )
    initial_source: str | None = Field(
        None,
        description="source whose trained classifier gives the first weights of the backbone",
    )


def schedule_factors(settings: TrainSettings, schedule: str) -> tuple[float, ...]:
    """Return the factors of the image side that the training with this schedule goes through.

    Raises:
        ValueError: if there is no such schedule.
    """
    schedules = get_args(Schedule)
    if schedule not in schedules:
        raise ValueError(f"schedule: {schedule!r} is unknown; choose {' or '.join(schedules)}.")
    return (1.0,) if schedule == "baseline" else settings.scale_schedule.factors


def training_settings(settings: Settings, schedule: str) -> TrainSettings:
    """Return what the training with one schedule depends on: a tuned scale schedule leaves the baseline as it is."""
    narrowed = settings.narrowed_to(TrainSettings)
    return narrowed.model_copy(update={"scale_schedule": ScaleSchedule()}) if schedule == "baseline" else narrowed
