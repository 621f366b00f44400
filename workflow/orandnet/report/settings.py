"""Settings of the report."""

from typing import Annotated, Literal

from pydantic import Field

from orandnet.settings import Distinct, Section

Variant = Literal["ss", "ms", "ss_crf", "ms_crf"]


class Pair(Section):
    """An ensemble and one of its members, alike with or without IRN, and the rows of table 2 that learn from them."""

    ensemble: str = Field(description="Method whose masks are compared.")
    member: str = Field(description="Method of the member.")
    ensemble_rule: str = Field("otsu", description="Rule of the threshold of the ensemble's masks.")
    member_rule: str = Field("otsu", description="Rule of the threshold of the member's masks.")
    ensemble_row: str | None = Field(None, description="Row of table 2 that learns from the ensemble's masks.")
    member_row: str | None = Field(None, description="Row of table 2 that learns from the member's masks.")


class Settings(Section):
    """Which methods the tables and figures show, and in which order."""

    pseudo_mask_methods: Annotated[tuple[str, ...], Distinct] = Field(
        (), description="Rows of table 1, in order; empty = every method that was evaluated."
    )
    segmentation_methods: Annotated[tuple[str, ...], Distinct] = Field(
        (), description="Measured rows of table 2, in order; empty = every method that was evaluated."
    )
    scale_scheduling_methods: Annotated[tuple[str, ...], Distinct] = Field(
        (), description="Rows of table 3, in order; empty = every method with the schedules baseline and scale."
    )
    segmentation_schedule: Literal["baseline", "scale", "scale_same_pixels"] = Field(
        "scale", description="Training schedule that table 2 shows."
    )
    variant: Variant = Field(
        "ms_crf",
        description="Inference that tables 2 and 3 show: single or multi scale (ss, ms), with or without CRF.",
    )
    published: bool | None = Field(
        None,
        description="show the numbers of the paper's poster beside the measured ones; by default (null) where the "
        "classes and lists of images are PASCAL VOC 2012's own, since they compare with nothing else",
    )
    legacy20: bool = Field(
        False,
        description="Also show numbers without the last class, as the official release's evaluator counts on VOC (20 "
        "of 21 classes); the evaluation's summaries hold them in any case.",
    )
    tuned_on_ground_truth: bool = Field(
        False,
        description="Whether the ground truth chose the threshold of the pseudo masks; filled in from the section "
        "pseudo_mask, marks table 2.",
    )
    scored: bool = Field(
        True, description="Whether there are true masks to score with; filled in from the section dataset."
    )
    pairs: tuple[Pair, ...] = Field(
        (), description="Ensembles and their members to compare; filled in from the section ensembles."
    )
    panels: int = Field(4, ge=1, le=8, description="Images (rows) on the page of panels.")
