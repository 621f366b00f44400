"""Settings of annotations in COCO's form: which files are which split."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from orandnet.settings import Section

Place = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class CocoSplit(Section):
    """Where one split of COCO instances lies, under root."""

    annotations: Place = Field(description="JSON of instances: images, annotations, categories.")
    images: Place = Field(description="Folder of the images that it names.")


class Coco(Section):
    """Which files of annotations are which split (`kind: coco`); by default those of COCO 2014."""

    train: CocoSplit = Field(
        default=CocoSplit(annotations="annotations/instances_train2014.json", images="train2014"),
        description="Images on which CAMs and pseudo masks are evaluated, and that are trained on.",
    )
    train_aug: CocoSplit | None = Field(default=None, description="Further images that are trained on.")
    val: CocoSplit | None = Field(
        default=CocoSplit(annotations="annotations/instances_val2014.json", images="val2014"),
        description="Images on which segmentation is evaluated; null: every fifth image of train by id.",
    )
    test: CocoSplit | None = Field(default=None, description="Images to predict; annotations are not needed.")
    boxes: Literal["error", "ignore"] = Field(
        default="error",
        description="What becomes of objects that have a box and no outline. error: they are refused; ignore: their "
        "box counts as 255 in the true masks. Their labels count in any case.",
    )

    def splits(self) -> dict[str, CocoSplit | None]:
        """Return the files of each split by its name."""
        return {"train": self.train, "train_aug": self.train_aug, "val": self.val, "test": self.test}
