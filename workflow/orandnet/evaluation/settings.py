"""Settings of the evaluation."""

from pydantic import Field

from orandnet.settings import Section


class Settings(Section):
    """How scores and masks are compared with the ground truth."""

    num_thresholds: int = Field(
        101,
        ge=2,
        le=1001,
        description="Background thresholds of the curves, evenly spaced over [0, 1] (101: steps of 0.01).",
    )


class CamSettings(Settings):
    """What the evaluation of a method's CAMs depends on; made by the plan of the run, no section of its own."""

    ignore_below: float | None = Field(None, gt=0, lt=1, description="As `pseudo_mask.ignore_below`.")
