"""Settings of the section `refinement`; each command sees only its own part."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from orandnet.crf.settings import CrfSettings
from orandnet.settings import Distinct, Section

SegmentFormat = Literal["npz", "coco_rle", "id_png"]
KINDS = ("crf", "sam", "superpixels")
# values of the section crf that a preset stands for
PRESETS: dict[str, dict[str, Any]] = {
    "clip_es": {
        "background": "power",
        "alpha": 1,
        "iterations": 10,
        "gaussian_sxy": 1.0,
        "gaussian_compat": 3.0,
        "bilateral_sxy": 67.0,
        "bilateral_srgb": 3.0,
        "bilateral_compat": 4.0,
    },
    "psa": {
        "background": "constant",
        "iterations": 10,
        "gaussian_sxy": 3.0,
        "gaussian_compat": 3.0,
        "bilateral_sxy": 80.0,
        "bilateral_srgb": 13.0,
        "bilateral_compat": 10.0,
    },
}
Cams = Annotated[list[str], Distinct]


class Refinement(Section):
    """What every refinement has."""

    stride: Literal[1, 2, 4] = Field(
        1,
        description="pixels of the image per cell of the stored maps: 1 keeps borders to the pixel, 4 takes a "
        "sixteenth of the disk",
    )


class CrfRefinement(CrfSettings, Refinement):
    """The dense CRF on a CAM: its pairwise terms, and what the classes start against."""

    preset: Literal["clip_es", "psa"] | None = Field(
        None,
        description="values of the other keys that are not named: clip_es, of CLIP-ES's masks (power with alpha 1, "
        "Gaussian 1/3, bilateral 67/3/4); psa, of PSA's and ORANDNet's CAMs (constant, Gaussian 3/3, bilateral "
        "80/13/10)",
    )
    background: Literal["constant", "power"] = Field(
        "constant",
        description="the background's score in the unaries, on the scale of the members: constant, the threshold that "
        "the CAM's masks have without ground truth (Otsu's, or a fixed one); power, (1 - highest score)^alpha",
    )
    alpha: Literal[1, 2] = Field(1, description="of background power: its exponent")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        preset = values.get("preset") if isinstance(values, dict) else None
        return {**PRESETS[preset], **values} if isinstance(preset, str) and preset in PRESETS else values


class CrfSection(CrfRefinement):
    """A dense CRF alone: the methods <name>+crf."""

    cams: Cams = Field([], description="CAMs that the CRF refines: sources, ensembles, their parts, <name>+irn")


class CrfJob(CrfRefinement):
    """What the CRF of one method depends on; made by the plan of the run, no section of its own."""

    background_threshold: float | None = Field(None, description="Of background constant; null: otsu.json of the CAM.")
    form: str = Field("single", description="What the scores are made of; see `pseudo_mask.otsu`.")
    members: int = Field(1, ge=1, description="Number of members that they are made of.")


class MergeRule(Refinement):
    """When a segment takes the class that it overlaps most (Chen et al. 2023, arXiv 2305.05803)."""

    segment_share: float = Field(
        0.5, gt=0, le=1, description="a segment is taken if its class covers at least this share of it"
    )
    class_share: float | None = Field(
        0.85,
        gt=0,
        le=1,
        description="or if it covers at least this share of the class's pixels; null: not for that reason",
    )


class SamRefinement(MergeRule):
    """Segments of another program, and when one takes a class."""

    path: str | None = Field(
        None, description="folder with a file of segments for each training image, kept as long as the run is used"
    )
    format: SegmentFormat = Field(
        "coco_rle",
        description="npz: `<id>.npz` with the array segments (N, H, W) of bool; coco_rle: `<id>.json`, a list of "
        "records with segmentation {size, counts}, as SAM's automatic mask generator returns them, or SA-1B's dict of "
        "annotations; id_png: `<id>.png`, grey of 8 or 16 bits or a palette, a number for each segment, 0 for none",
    )
    suffix: str = Field("", description="what follows the image id in a file's name")


class SamSection(SamRefinement):
    """Class-agnostic segments merged with a CAM's classes: the methods <name>+sam."""

    cams: Cams = Field([], description="CAMs that are merged with the segments")

    @model_validator(mode="after")
    def _there_is_a_folder(self) -> Self:
        if self.cams and self.path is None:
            raise ValueError("path: is missing; give the folder of the segments' files")
        return self


class SuperpixelRefinement(MergeRule):
    """Superpixels of the image, and when one takes a class."""

    class_share: float | None = Field(
        None,
        gt=0,
        le=1,
        description="or if it covers at least this share of the class's pixels; null: not for that reason, since "
        "superpixels cover the image, and one of the background may hold a small class whole",
    )
    algorithm: Literal["felzenszwalb", "slic"] = Field(
        "felzenszwalb", description="scikit-image's: by contrast, of any size; or compact ones of about one size"
    )
    sigma: float = Field(0.5, ge=0, le=100, description="blur of the image beforehand, standard deviation in pixels")
    scale: float = Field(100.0, gt=0, le=1e6, description="of felzenszwalb: larger makes larger segments")
    min_size: int = Field(20, ge=1, le=10**6, description="of felzenszwalb: pixels of the smallest segment")
    num_segments: int = Field(200, ge=2, le=10_000, description="of slic: about so many in an image")
    compactness: float = Field(10.0, gt=0, le=1e4, description="of slic: weight of position against colour")


class SuperpixelSection(SuperpixelRefinement):
    """Superpixels merged with a CAM's classes: the methods <name>+superpixels."""

    cams: Cams = Field([], description="CAMs that are merged with superpixels")


class SamJob(SamRefinement):
    """What the segments of one method depend on; made by the plan of the run, no section of its own."""

    background_threshold: float | None = Field(None, description="Of the CAM's masks; null: otsu.json of the CAM.")


class SuperpixelJob(SuperpixelRefinement):
    """What the superpixels of one method depend on; made by the plan of the run, no section of its own."""

    background_threshold: float | None = Field(None, description="Of the CAM's masks; null: otsu.json of the CAM.")


class Settings(Section):
    """CAMs refined without training; gives the methods <name>+crf, <name>+sam and <name>+superpixels."""

    crf: CrfSection = Field(CrfSection(), description="a dense CRF alone")
    sam: SamSection = Field(SamSection(), description="segments of another program, such as SAM")
    superpixels: SuperpixelSection = Field(SuperpixelSection(), description="superpixels of the images")

    @property
    def methods(self) -> list[str]:
        """Return the names of the refined methods."""
        return [f"{cam}+{kind}" for kind in KINDS for cam in getattr(self, kind).cams]
