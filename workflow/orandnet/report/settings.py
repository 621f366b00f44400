"""Settings of the report."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from orandnet.settings import Distinct, Section

FULLY_SUPERVISED = "fsss"  # row of the segmenter that learns from true masks
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
    gallery: int = Field(
        18,
        ge=0,
        le=200,
        description="Images of train, and of val, in the gallery of report.html: a third each are the worst, the "
        "middle and the best ones, and classes that these miss get one more. Those that would make the page larger "
        "than 10 MB are left out.",
    )


class EnsembleParts(Section):
    """What a chart of an ensemble shows."""

    maps: tuple[str, ...] = Field((), description="Methods: members, naive ensemble, OR, AND, ORANDNet, IRN.")


class Comparison(Section):
    """Which other rows a row is compared with."""

    members: tuple[str, ...] = Field((), description="Rows of the ensemble's members, in the same form.")
    naive: str = Field("", description="Row of the naive ensemble of the same members.")


class ChartSettings(Settings):
    """What the charts show; made from the config by the plan of the run, no section of its own."""

    ensembles: dict[str, EnsembleParts] = Field({}, description="Parts of each ensemble that ORANDNet refines.")
    masks: dict[str, str] = Field({}, description="CAM method whose pseudo masks each segmenter is trained on.")
    rule: str = Field("otsu", description="Rule of the threshold that masks are made with.")
    rules: dict[str, str] | None = Field(
        None, description="The same of single methods, where it is another; null of runs that did not tell."
    )

    def rule_of(self, method: str) -> str:
        """Return the rule of the threshold that a CAM method's masks are made with."""
        return (self.rules or {}).get(method, self.rule)

    def made(self, rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
        """Return those of the rows of CAM methods whose threshold is the one that their masks are made with."""
        return [row for row in rows if row["threshold_rule"] == self.rule_of(row["method"])]


class PageSettings(ChartSettings):
    """What the page says of the run; made from the config by the plan of the run, no section of its own."""

    run: str = Field(description="Name of the run.")
    seeds: tuple[int, ...] = Field(description="Random seeds.")
    data: str = Field(description="Kind of the data set, and its folder.")
    mask_rows: dict[str, Comparison] = Field({}, description="Comparisons of CAM methods.")
    segmentation_rows: dict[str, Comparison] = Field({}, description="Comparisons of segmenters.")
    on_voc: bool = Field(False, description="Whether published numbers are of the same data set.")
    changed: dict[str, str] = Field({}, description="Settings that differ from the defaults, by their dotted keys.")
