"""Settings of the IRN stage; each command sees only its own part."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from orandnet.crf.settings import CrfSettings
from orandnet.settings import LARGEST_SIDE, PRECISION, Backbone, Distinct, Precision, Section
from orandnet.training.settings import LARGEST_BATCH, MOST_EPOCHS, RandomScale, Training


class LabelSettings(Section):
    """How the labels that train the boundary network are read off the CAMs."""

    foreground_threshold: float | None = Field(
        None,
        ge=0,
        le=100,  # of a sum; `config.thresholds` knows how far each CAM reaches
        description="background score above which a class is confident foreground; null: from the scores, as "
        "`pseudo_mask.sure_margin` says; IRN's own is 0.30",
    )
    background_threshold: float | None = Field(
        None,
        ge=0,
        le=100,  # of a sum; `config.thresholds` knows how far each CAM reaches
        description="background score below which all classes leave confident background; null: from the scores; IRN's "
        "own is 0.05",
    )
    confidence: float = Field(0.7, gt=0, lt=1, description="probability the CRF gives to the label it starts from")
    crf: CrfSettings = Field(CrfSettings(), description="pairwise terms of the CRF")

    @model_validator(mode="after")
    def check_thresholds(self) -> Self:
        """Refuse thresholds that would call a pixel both foreground and background."""
        if not self.from_scores and self.background_threshold > self.foreground_threshold:
            raise ValueError(
                f"background_threshold {self.background_threshold} exceeds foreground_threshold "
                f"{self.foreground_threshold}; exchange them."
            )
        return self

    @property
    def from_scores(self) -> bool:
        """Whether a threshold is that which Otsu's method gives of the scores."""
        return self.foreground_threshold is None or self.background_threshold is None


class BoundaryBackbone(Backbone):
    """The frozen feature extractor; by default IRN's ResNet-50 with strides (2, 2, 2, 1) and no dilation."""

    dilated: bool = Field(
        False,
        description="keep the receptive field where a stride is removed by dilation; false is IRN's form, "
        "stride (2, 2, 2, 1) without dilation",
    )


class BoundaryTraining(Training):
    """Length and speed of the training; by default IRN's recipe with ORANDNet's batch (its code)."""

    epochs: int = Field(3, ge=1, le=MOST_EPOCHS, description="passes over the training images")
    batch_size: int = Field(16, ge=1, le=LARGEST_BATCH, description="images per step")
    learning_rate: float = Field(0.1, gt=0, le=100, description="at the start")
    head_learning_rate_factor: float = Field(
        1.0, gt=0, le=1e6, description="multiplies learning_rate: all that learns is a new layer"
    )
    momentum: float = Field(
        1e-4,
        ge=0,
        lt=1,
        description="of sgd; the recipe's weight decay of 1e-4 lands in the place of the "
        "momentum, so 1e-4 is what it trained with",
    )


class BoundarySettings(Section):
    """The boundary network and its training."""

    backbone: BoundaryBackbone = Field(BoundaryBackbone(), description="network whose frozen features are read")
    output_stride: int = Field(16, ge=4, le=32, description="pixels of the image per cell of the last features")
    stages: Annotated[tuple[Annotated[int, Field(ge=0, le=100)], ...], Distinct] | None = Field(
        None, min_length=1, description="stages of the backbone that are read, as timm counts them; null for all"
    )
    pooled_first_stage: bool = Field(
        True,
        description="of a ResNet: read its first stage after the max pooling, at stride 4, as IRN; false: before it",
    )
    resize_before_relu: bool = Field(
        True,
        description="resize the normalised features to the grid before the ReLU, as IRN; false: after it",
    )
    radius: int = Field(
        10, ge=2, le=100, description="pairs of cells below this distance are compared in training, in grid cells"
    )
    crop_size: int = Field(
        512, ge=8, le=LARGEST_SIDE, multiple_of=4, description="side of the training window in pixels"
    )
    random_scale: RandomScale = Field((0.5, 1.5), description="range of the random factor of the image side")
    training: BoundaryTraining = Field(BoundaryTraining(), description="length and speed of the training")


class WalkSettings(Section):
    """The random walk that spreads the CAM inside the boundaries."""

    radius: int = Field(5, ge=2, le=100, description="cells below this distance are linked, in grid cells")
    beta: float = Field(10.0, gt=0, le=1000, description="power that sharpens the affinities")
    steps: int = Field(256, ge=0, le=1_000_000, description="length of the walk")
    power: float = Field(
        1.0, gt=0, le=100, description="exponent of the scores before the walk; AMN's release takes 1.3 for its CAMs"
    )
    pad_to_window: bool = Field(
        False,
        description="pad an image that is smaller than the training window (boundary.crop_size) to its size before its "
        "boundaries are predicted, as IRN does: group normalisation then sees as much padding as in training",
    )
    precision: Precision = Field("auto", description=f"{PRECISION}; the walk itself is always float32")


class Settings(Section):
    """The section `irn`."""

    labels: LabelSettings = Field(LabelSettings(), description="labels that train the boundary network")
    boundary: BoundarySettings = Field(BoundarySettings(), description="boundary network and its training")
    walk: WalkSettings = Field(WalkSettings(), description="random walk")
    initial_source: str | None = Field(
        None,
        description="classification source whose trained backbone the boundary network reads, instead of "
        "`boundary.backbone`'s weights; needs the same model there",
    )
