"""Settings of the prediction stage."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from orandnet.crf.settings import CrfSettings
from orandnet.settings import MOST_SHARDS, PRECISION, Distinct, Precision, Scale, Section

Variant = Literal["ss", "ms", "ss_crf", "ms_crf"]


class PredictionCrf(CrfSettings):
    """Dense CRF on the probabilities; by default MCTformer's at test time (Xu et al., 2022, code)."""

    iterations: int = Field(10, ge=1, le=10_000, description="mean field steps; fewer are not equivalent")
    gaussian_sxy: float = Field(4.0, gt=0, le=1e5, description="standard deviation of the position, pixels")
    gaussian_compat: float = Field(3.0, ge=0, le=1e5, description="weight of the smoothness term")
    bilateral_sxy: float = Field(83.0, gt=0, le=1e5, description="standard deviation of the position, pixels")
    bilateral_srgb: float = Field(
        5.0, gt=0, le=1e4, description="standard deviation of the colour, grey levels of 0..255"
    )
    bilateral_compat: float = Field(3.0, ge=0, le=1e5, description="weight of the appearance term")


class PredictSettings(Section):
    """What the prediction of one split depends on."""

    scales: Annotated[tuple[Scale, ...], Distinct] = Field(
        (0.5, 0.75, 1.0, 1.25, 1.5), min_length=1, description="factors of the image side in the variants ms"
    )
    flip: bool = Field(True, description="also predict the mirrored image in the variants ms")
    fusion: Literal["mean", "max"] = Field(
        "max", description="how the probabilities of scales and mirror images are joined, per class"
    )
    variants: Annotated[tuple[Variant, ...], Distinct] = Field(
        ("ss", "ms", "ss_crf", "ms_crf"),
        min_length=1,
        description="single or multi-scale, with or without CRF",
    )
    precision: Precision = Field("auto", description=PRECISION)
    crf: PredictionCrf = Field(PredictionCrf(), description="of the variants ss_crf and ms_crf")
    crf_min_probability: float = Field(
        0.01,
        ge=0,
        lt=0.5,
        description="classes that stay below it in the whole image are left out of the CRF",
    )

    @model_validator(mode="after")
    def check_scales(self) -> Self:
        """Refuse scales without 1, from which the single-scale variants come."""
        if 1.0 not in self.scales:
            raise ValueError(f"scales {list(self.scales)} must hold 1.0; write for example [0.5, 1.0, 1.5].")
        return self


class Settings(PredictSettings):
    """The section `prediction`."""

    splits: Annotated[list[Literal["train", "train_aug", "val", "test"]], Distinct] = Field(
        ["val"], min_length=1, description="which images are predicted"
    )
    shards: int | None = Field(
        None,
        ge=1,
        le=MOST_SHARDS,
        description="jobs that the prediction of each split is split into; null is as many as `shards`",
    )


class ForeignPrediction(Section):
    """Predictions of val that another program made, scored as they are."""

    path: str = Field(description="folder with a file for each image of val, kept as long as the run is used")
    format: Literal["png", "logits"] = Field(
        description="png: `<id>.png`, masks of the image's size in the ids of the data set's mask files, 255 counts as "
        "background; logits: `<id>.npy` or `<id>.pt`, (C, h, w) or (1, C, h, w), background first, plain or in a dict "
        "as msc_segs, msc_seg or segs, of the run's classes in the order of their mask ids; resized bilinearly to the "
        "image, then the arg-max"
    )
    suffix: str = Field("", description="what follows the image id in a file's name")
    variant: Variant = Field(
        "ss", description="how they were inferred, which is what the tables say of them; they stand in table 2 anyway"
    )


class ImportSettings(ForeignPrediction):
    """What the import of another program's predictions depends on."""

    other_ids: Literal["error", "ignore"] = Field("error", description="what becomes of ids that are no listed class")
