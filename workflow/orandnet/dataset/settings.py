"""Settings of the data set: the embedded scenes, or any folder in VOC layout."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from orandnet.dataset.coco_settings import Coco
from orandnet.settings import MAX_SEED, Section

NUM_SCENE_CLASSES = 6
DOWNLOADED = ("voc", "coco")
MOST_SCENES, MOST_IMAGES = 1_000_000, 100_000_000  # beyond these a number is a slip
TABLE_SUFFIXES = (".csv", ".tsv")
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Level = Annotated[int, Field(ge=0, le=255)]
MaskColors = Literal["indices", "voc"] | dict[Name, tuple[Level, Level, Level]] | None


def check_classes(classes: list[str] | dict[str, int]) -> None:
    """Refuse names that cannot name a class, repetitions, and more classes than 8-bit masks can tell."""
    for name in classes:
        if name.casefold() == "background" or set(name) & set(";,") or not name.isprintable():
            raise ValueError(
                f"{name!r} cannot be a class name; leave out the background, and `;`, `,` and what is not seen in "
                "names."
            )
    values = list(classes.values()) if isinstance(classes, dict) else classes
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{twice[0]!r} occurs twice; give every class its own name and mask id.")
    if len(classes) > 254:
        raise ValueError(f"{len(classes)} classes do not fit in 8-bit masks; give at most 254.")


class Lists(Section):
    """Image lists of the splits: names under ImageSets/Segmentation, or paths."""

    train: Name = Field(default="train", description="Images on which CAMs and pseudo masks are evaluated.")
    train_aug: Name = Field(
        default="train_aug",
        description="Images that are trained on; `train` is always part of them. If the default list is "
        "missing, `train` serves for both.",
    )
    val: Name = Field(default="val", description="Images on which segmentation is evaluated.")
    test: Name = Field(
        default="test", description="Images to predict for a test server. The default list may be missing."
    )


class ExpectedSizes(Section):
    """How many images the lists should have; a key without a number is not checked."""

    train: int | None = Field(default=None, ge=1, le=MOST_IMAGES, description="Of train; 1464 in VOC 2012.")
    train_aug: int | None = Field(
        default=None, ge=1, le=MOST_IMAGES, description="Of train_aug, those of train included; 10582."
    )
    val: int | None = Field(default=None, ge=1, le=MOST_IMAGES, description="Of val; 1449.")
    test: int | None = Field(default=None, ge=1, le=MOST_IMAGES, description="Of test; 1456.")


class Scenes(Section):
    """Size of the generated data set (`kind: scenes`)."""

    num_train: int = Field(default=160, ge=NUM_SCENE_CLASSES, le=MOST_SCENES, description="Images of the split train.")
    num_train_aug: int = Field(
        default=400,
        ge=NUM_SCENE_CLASSES,
        le=MOST_SCENES,
        description="Images of the split train_aug, those of train included.",
    )
    num_val: int = Field(default=100, ge=1, le=MOST_SCENES, description="Images of the split val.")
    num_test: int = Field(default=20, ge=0, le=MOST_SCENES, description="Images of the split test.")
    size: int = Field(
        default=96,
        ge=48,
        le=1024,
        description="Mean side of an image in pixels; sides vary by 1/6 around it.",
    )
    seed: int = Field(default=0, ge=0, le=MAX_SEED, description="Start of the random numbers; one seed, one data set.")

    @model_validator(mode="after")
    def _train_is_part_of_train_aug(self):
        if self.num_train_aug < self.num_train:
            raise ValueError(
                f"num_train_aug: {self.num_train_aug} is less than num_train, {self.num_train}; "
                "it counts the images of train too, so raise it."
            )
        return self


class FetchSettings(Section):
    """What a download depends on."""

    kind: Literal["scenes", "voc", "coco", "folder"] = Field(
        default="scenes",
        description="scenes: generated pictures, no download; voc: a folder in the layout of PASCAL VOC; coco: COCO "
        "2014 or one's own JSON of COCO instances, labels and masks from the annotations; folder: images in a folder "
        "and a CSV of labels.",
    )
    root: Path | None = Field(
        default=None,
        description="voc: folder with JPEGImages, e.g. VOCdevkit/VOC2012; coco: that of `coco`'s files, "
        "train2014, val2014 and annotations; folder: that of the images, which may lie in folders of it.",
    )
    download_test: bool = Field(
        default=False,
        description="With `download`, also VOC's test images (1.9 GB, from a mirror), which only its server scores.",
    )


class MaskSettings(Section):
    """What the true masks of a split depend on; see `Settings` for their meaning."""

    kind: Literal["scenes", "voc", "coco", "folder"] = "scenes"
    root: Path | None = None
    masks: str | None = None
    mask_colors: MaskColors = None
    other_mask_ids: Literal["error", "ignore"] = "error"
    limit: int | None = None
    coco: Coco = Field(default_factory=Coco)


class Settings(FetchSettings):
    """Which images, labels and classes the run is about."""

    scenes: Scenes = Field(default_factory=Scenes, description="The generated pictures (kind: scenes).")
    coco: Coco = Field(default_factory=Coco, description="The files of kind coco.")
    download: bool = Field(
        default=False,
        description="Download what is missing under root: VOC 2012 with SegmentationClassAug (2 GB), or COCO 2014 "
        "(20 GB). URLs and checksums: workflow/orandnet/dataset/download/table/sources.csv.",
    )
    classes: list[Name] | dict[Name, Annotated[int, Field(ge=1, le=254)]] = Field(
        default_factory=list,
        description="Foreground classes: names in the order of their mask ids 1, 2, ..., or a "
        "mapping of name to id in the mask files (a subset of a larger data set); a mapping is renumbered "
        "1, 2, ... by ascending id. folder takes the names of its CSV, sorted, if there are none here; coco takes "
        "the categories that its training images show.",
    )
    other_mask_ids: Literal["error", "ignore"] = Field(
        default="error",
        description="What becomes of mask ids and of labels (VOC XML, cls_labels.npy) outside the classes. "
        "error: they are refused; ignore: such pixels count as 255 and such labels are dropped.",
    )
    lists: Lists = Field(default_factory=Lists, description="Image lists of the splits.")
    expected_sizes: ExpectedSizes = Field(
        default_factory=ExpectedSizes, description="Numbers of images that a run without `limit` insists on."
    )
    masks: Name | None = Field(
        default=None,
        description="Folder of the true masks under root, for evaluation only. voc: by default SegmentationClassAug "
        "if there is one, else SegmentationClass. folder: <image_id>.png; without it nothing is scored. coco: "
        "drawn from the annotations, unless there are some here.",
    )
    mask_colors: MaskColors = Field(
        default=None,
        description="How ids are told in the true masks. null: by the indices of a palette or grey image; a palette "
        "with VOC's colours at other indices is refused; indices: whatever the palette's colours. voc: by VOC's "
        "colours, of RGB or palette images, 255 being (224, 224, 192). Or a mapping of `background`, every class and "
        "perhaps `ignore` (255) to [red, green, blue].",
    )
    labels: Name = Field(
        default="annotations",
        description="Image labels: `annotations` for the XML files under root/Annotations, or the path "
        "(from the working directory, else from root) of a cls_labels.npy or of a CSV with the columns "
        "image_id,labels (names joined by `;`). folder: such a CSV; its column split (train, train_aug, val, test) is "
        "optional, without it every fifth image by id is val and the others train. A column image may say where under "
        "root the file lies.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=MOST_IMAGES,
        description="Use only the first so many images of every list, for quick runs.",
    )

    @field_validator("classes")
    @classmethod
    def _classes_are_distinct(cls, classes):
        check_classes(classes)
        return classes

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self):
        needed = {
            "voc": "the folder that holds JPEGImages",
            "coco": "that of train2014",
            "folder": "that of the images",
        }
        if self.kind in needed and self.root is None:
            raise ValueError(f"root: is missing; kind: {self.kind} needs a folder, {needed[self.kind]}.")
        if self.kind == "voc" and not self.classes:
            raise ValueError("classes: are missing; kind: voc needs the names of the foreground classes.")
        if self.kind == "coco" and (self.classes or self.labels != Settings.model_fields["labels"].default):
            raise ValueError("classes and labels: kind: coco takes both from the annotations; drop them.")
        if self.kind == "folder" and not self.labels.lower().endswith(TABLE_SUFFIXES):
            raise ValueError(
                f"labels: {self.labels} is no CSV; kind: folder needs one with the columns image_id,labels."
            )
        if self.kind == "scenes" and self.root is not None:
            raise ValueError(f"root: {self.root} is given with kind: scenes; write kind: voc or folder to use it.")
        if self.download and self.kind not in DOWNLOADED:
            raise ValueError(f"download: is not for kind: {self.kind}; there are sources for {', '.join(DOWNLOADED)}.")
        if self.download and self.kind == "coco" and self.coco != Coco():
            raise ValueError("coco: is given with download: true, which fetches COCO 2014; drop one of the two.")
        if self.download_test and not (self.download and self.kind == "voc"):
            raise ValueError("download_test: goes with kind: voc and download: true only; drop it.")
        return self

    @property
    def file_ids(self) -> list[int]:
        """Return the ids that the classes have in mask files, in the order of our mask ids 1, 2, ...

        Empty where the classes are those of a CSV, whose ids are 1, 2, ...
        """
        if self.kind == "scenes":
            return list(range(1, NUM_SCENE_CLASSES + 1))
        if isinstance(self.classes, dict):
            return sorted(self.classes.values())
        return list(range(1, len(self.classes) + 1))

    def of_images(self, split: str | None) -> "Settings":
        """Return what the list of a split's images depends on, without masks and other splits; None: the classes."""
        own = {"train_aug": ("train", "train_aug"), "val": ("val",), "test": ("test",), None: ()}[split]
        changes = {
            "lists": Lists(**{name: getattr(self.lists, name) for name in own}),
            "expected_sizes": ExpectedSizes(),
            "scenes": Scenes(),
            "coco": Coco(),
            "masks": None,
            "mask_colors": None,
            "download": False,
            "download_test": False,
        }
        return self.model_copy(update=changes)

    def of_layout(self) -> "Settings":
        """Return what scenes, or the labels of COCO, depend on."""
        return Settings(**self.model_dump(include={"kind", "root", "scenes", "coco", "other_mask_ids", "limit"}))

    @property
    def scored(self) -> bool:
        """Whether there are true masks to compare with."""
        return self.kind != "folder" or self.masks is not None
