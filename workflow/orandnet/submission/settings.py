"""Settings of the section `submission`."""

from pydantic import Field

from orandnet.settings import MAX_SEED, Section

LARGEST_ID = 20  # of VOC's classes, which is all that the server knows


class Settings(Section):
    """Which predictions of the test split go into the archive for the PASCAL VOC server."""

    schedule: str | None = Field(
        None, description="training schedule of the segmenter; null for that of report.segmentation_schedule"
    )
    variant: str | None = Field(None, description="one of prediction.variants; null for that of report.variant")
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="one of the run's seeds; null for the first")
