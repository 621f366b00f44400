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
