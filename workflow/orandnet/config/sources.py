"""Sources and ensembles: the sections of the config under names of the user's own."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from orandnet.cam.clip.settings import ClipBackbone, ClipWords, Phrase
from orandnet.cam.settings import DICT_KEYS, PRESETS, DictForm, ExtraClasses, Format
from orandnet.settings import Section

Member = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+(@[1-9][0-9]{0,8})?$")]
Overrides = dict[str, Any]


OF_IMPORTS = ("path", "format", "suffix", "extra_classes", *DICT_KEYS)
OF_CLIPS = ("backbone", "text", "prompts")


class Source(Section):
    """Where CAMs come from: a classifier and what it changes in `classifier` and `cam`, a CLIP, or files of others."""

    kind: Literal["cnn", "vit", "mctformer", "amn", "clip", "import"] = Field(
        description="family of the network; clip: a pretrained CLIP, which is not trained here; import: read files"
    )
    seed_source: str | None = Field(
        None,
        description="of kind amn: source whose CAM gives the inter-pixel labels (`irn.labels`) it is trained on; for a "
        "second round, an ensemble that is made without it",
    )
    classifier: Overrides = Field({}, description="keys of the section `classifier` that differ for this source")
    cam: Overrides = Field(
        {},
        description="keys of the section `cam` that differ for this source; of an import: `normalise` (none, the "
        "default: the files hold scores in [0, 1]; max; min_max) and `power`",
    )
    irn: Overrides = Field(
        {}, description="keys of the section `irn` that differ when this source's CAM is refined or learnt from"
    )
    path: str | None = Field(
        None, description="of an import: folder with a file for each training image, kept as long as the run is used"
    )
    format: Format | None = Field(
        None,
        description="of an import, what a file holds; class numbers are those of the data set's mask files, 0-based "
        "ones are less by 1. irn: `<id>.npy`, pickled dict of keys (K,), 0-based, and high_res or cam (K, h, w), as "
        "IRN and ORANDNet write; amn: the same with the background as first channel; class_maps: `<id>.npy`, pickled "
        "dict of 0-based class to (h, w), as PSA, SEAM, EPS and MCTformer write; dict: `<id>.npy` or `<id>.pt`, a dict "
        "whose entries `maps`, `keys` and the keys after them describe; clip_es, excel, more, weakclip, pot, logits "
        "(of one-stage systems: all classes), beco: dicts as these write them; arrays: `<id>.npz` with classes (K,) "
        "and scores (K, h, w), or `<id>.npy` (K, h, w) of the image's labels in ascending order, or of all classes; "
        "soft_png: `<id>/<class name or number>.png`, grey of 8 or 16 bits; hard_png: `<id>.png` with class numbers, "
        "score 1 at the class and 0.5 where the mask says 255",
    )
    suffix: str = Field("", description="of an import: what follows the image id in a file's name, such as _1")
    extra_classes: ExtraClasses = Field(
        "error", description="of an import: classes in a file that are no label of the image are refused or dropped"
    )

    maps: str | None = Field(None, description="of the format dict: entry with the maps, (K, h, w) or (1, K, h, w)")
    keys: str | None = Field(
        None, description="of the format dict: entry with the class of each map; without it there is one map per class"
    )
    keys_start: Literal[0, 1, "mask_ids"] | None = Field(
        None,
        description="of the format dict: the first class's key, 0 (the default) or 1; mask_ids: keys are ids of mask "
        "files, and 0 is the background, whose map is not read",
    )
    background: Literal["none", "first"] | None = Field(
        None, description="of the format dict: first if a map of the background, which has no key, comes first"
    )
    activation: Literal["none", "softmax", "sigmoid"] | None = Field(
        None,
        description="of the format dict: what turns the maps into scores, before `cam.normalise`; softmax goes over "
        "all maps of the file",
    )
    predicted: bool | None = Field(
        None,
        description="of the format dict: the classes are those that the program predicted; labels without a map score "
        "0, other classes are dropped",
    )
    backbone: ClipBackbone = Field(ClipBackbone(), description="of a clip: its image tower")
    text: ClipWords = Field(ClipWords(), description="of a clip: its text tower and its words")
    prompts: dict[str, Phrase] = Field(
        {},
        description="of a clip: class -> phrase that takes the place of the published one, or of the class's name, in "
        "text.template, such as {crane: crane bird}",
    )

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        for key in ("path", "format") if self.kind == "import" else ():
            if getattr(self, key) is None:
                raise ValueError(f"{key}: is missing; kind: import needs a folder of CAM files and their format")
        if self.classifier and self.kind in ("import", "clip"):
            raise ValueError(f"classifier: is given with kind: {self.kind}, which trains nothing; drop the key")
        if self.kind == "import":
            self._check_dict()
        given = {key for key, field in type(self).model_fields.items() if getattr(self, key) != field.default}
        for key in OF_IMPORTS:
            if key in given and self.kind != "import":
                raise ValueError(f"{key}: is given with kind: {self.kind}; write kind: import to read files")
        for key in OF_CLIPS:
            if key in given and self.kind != "clip":
                raise ValueError(f"{key}: is given with kind: {self.kind}; only kind: clip reads it")
        return self

    @model_validator(mode="after")
    def _prompts_are_read(self) -> Self:
        if self.prompts and self.text.features:
            raise ValueError(f"prompts: would not be read beside text.features {self.text.features}; drop one of both")
        return self

    def _check_dict(self) -> None:
        """Refuse keys of the format `dict` where they say nothing, and the format without them."""
        given = [key for key in DICT_KEYS if getattr(self, key) is not None]
        if given and self.format != "dict" and self.format not in PRESETS:
            raise ValueError(f"{given[0]}: is given with format: {self.format}; write format: dict, or drop the key")
        if self.format == "dict" and self.maps is None:
            raise ValueError("maps: is missing; format: dict needs the name of the entry with the maps")
        if self.keys_start is not None and (self.dict_form is None or self.dict_form.keys is None):
            raise ValueError("keys_start: is given without keys, the entry with the classes; add it, or drop the key")

    @property
    def dict_form(self) -> DictForm | None:
        """Return what the entries of the files are: the preset's form with the keys that are given."""
        preset = PRESETS.get(self.format)
        if preset is None and self.format != "dict":
            return None
        given = {key: value for key in DICT_KEYS if (value := getattr(self, key)) is not None}
        named = {"maps": (self.maps,)} if self.maps is not None else {}
        return DictForm.model_validate((preset.model_dump() if preset else {}) | given | named)


class Ensemble(Section):
    """Sources whose CAMs are fused, and which map is the ensemble's."""

    members: list[Member] = Field(
        min_length=2,
        description="two or more sources; <source>@<k> is the source trained with the run's seed plus k, so that "
        "[vit, vit@1] fuses two trainings of one source",
    )
    output: Literal["orandnet", "or", "and", "mean", "sum"] = Field(
        "orandnet",
        description="the ensemble's CAM: refined by ORANDNet, or a fusion alone; mean is the naive ensemble, sum the "
        "official release's, with scores up to the number of members",
    )
    fusion: Overrides = Field({}, description="keys of the section `fusion` that differ for this ensemble")
    orandnet: Overrides = Field({}, description="keys of the section `orandnet` that differ for this ensemble")
    irn: Overrides = Field(
        {}, description="keys of the section `irn` that differ when this ensemble's CAM is refined or learnt from"
    )


def split_member(member: str, seed: int) -> tuple[str, int]:
    """Return the source and the random seed of an ensemble's member (`vit` or `vit@1`) in a run's `seed`."""
    source, _, offset = member.partition("@")
    return source, seed + int(offset or 0)
