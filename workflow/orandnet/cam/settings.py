"""Settings of the section `cam`."""

from typing import Annotated, Literal

from pydantic import Field

from orandnet.files.logits import LOGITS
from orandnet.settings import PRECISION, Distinct, Precision, Scale, Section

# kind -> what its recipe does otherwise than the section's defaults; a key that the config names wins
KIND_DEFAULTS: dict[str, dict] = {
    "cnn": {},
    # as the official release; several images need much memory for their attention
    "vit": {"scales": [1.0], "normalise": "min_max", "batch_size": 1},
    "mctformer": {"scales": [1.0], "normalise": "min_max"},
    "amn": {"normalise": "min_max"},
    # as CLIP-ES
    "clip": {"scales": [1.0], "flip": False, "normalise": "min_max", "attention_blocks": 8},
}
Format = Literal[
    "irn",
    "amn",
    "class_maps",
    "dict",
    "clip_es",
    "excel",
    "more",
    "weakclip",
    "pot",
    "logits",
    "beco",
    "arrays",
    "soft_png",
    "hard_png",
]
ExtraClasses = Literal["error", "drop"]


class Settings(Section):
    """How class activation maps are made."""

    scales: Annotated[list[Scale], Distinct] = Field(
        [0.5, 1.0, 1.5, 2.0],
        min_length=1,
        description="of cnn, amn, mctformer and clip: of the image's size; of vit: of its training size",
    )
    flip: bool = Field(True, description="add the mirrored image at each scale")
    interpolation: Literal["bicubic", "bilinear"] = Field(
        "bicubic", description="how images are resized to each scale; the official release does it bilinearly"
    )
    normalise: Literal["max", "min_max"] = Field(
        "max", description="per class: divide by the maximum, or bring minimum to 0 and maximum to 1"
    )
    power: float = Field(
        1.0,
        gt=0,
        le=100,
        description="exponent of the normalised scores; below 1 lifts the weak scores of a peaked map, such as a ViT's",
    )
    attribution: Literal["rollout", "lrp"] = Field(
        "rollout",
        description="of a ViT: what counts of a block's attention, the attention itself (rollout) or its share in the "
        "class's logit (lrp, as in the official release), each times the gradient",
    )
    start_block: int = Field(
        0, ge=0, le=1000, description="of a ViT: first block whose attention counts in the rollout"
    )
    attention_blocks: int = Field(
        3,
        ge=1,
        le=1000,
        description="of an MCTformer: last blocks whose attention from class tokens to patches is averaged; of a CLIP: "
        "last blocks whose attention between patches is, 8 where the key is not named",
    )
    attention_heads: Literal["mean", "max"] = Field("mean", description="of an MCTformer: how heads become one")
    patch_cam: bool = Field(
        True, description="of an MCTformer v2: multiply the attention with PatchCAM; false for the attention alone"
    )
    refine: bool = Field(
        True,
        description="spread the maps by the attention between patches: of an MCTformer averaged over all blocks, of a "
        "CLIP over the last attention_blocks, and only from within the boxes of box_threshold",
    )
    box_threshold: float = Field(
        0.4,
        ge=0,
        lt=1,
        description="of a CLIP: share of a map's maximum; where it is above, boxes are drawn from which refine spreads",
    )
    raw_background: bool = Field(
        False,
        description="of an AMN: where the inter-pixel labels of seed_source say background, keep its probabilities as "
        "they are instead of normalised, as in AMN's release",
    )
    batch_size: int = Field(
        8,
        ge=1,
        le=65_536,
        description="images at a time: of a ViT, whose images all have the training size; of others on a GPU",
    )
    precision: Precision = Field("auto", description=f"{PRECISION}; that of a ViT is always float32")


class DictForm(Section):
    """How a dict of arrays, a pickled .npy or a .pt, holds the maps of an image: what the format `dict` says."""

    maps: tuple[str, ...] = Field(min_length=1, description="entries that may hold the maps; the first there is counts")
    keys: str | None = Field(None, description="entry with the class of each map; null: one map for each class")
    keys_start: Literal[0, 1, "mask_ids"] = Field(
        0, description="the key of the first class; mask_ids: keys are ids of mask files, and 0 is the background"
    )
    background: Literal["none", "first"] = Field("none", description="whether a map of the background comes first")
    activation: Literal["none", "softmax", "sigmoid"] = Field(
        "none", description="what turns the maps into scores; softmax goes over all maps, the background's with them"
    )
    predicted: bool = Field(
        False,
        description="whether the classes are those of the program's own arg-max: labels without a map score 0, others "
        "are dropped",
    )


PRESETS = {
    "irn": DictForm(maps=("high_res", "cam"), keys="keys"),
    "amn": DictForm(maps=("high_res", "cam"), keys="keys", background="first"),
    "clip_es": DictForm(maps=("attn_highres",), keys="keys"),
    "more": DictForm(maps=("valid_lam",), keys="keys"),
    "excel": DictForm(maps=("valid_lam",), keys="keys_gt", background="first"),
    "weakclip": DictForm(maps=("prob",), keys="keys", keys_start="mask_ids", predicted=True),
    "pot": DictForm(maps=("IS_CAM",), keys="keys", keys_start="mask_ids"),
    "logits": DictForm(maps=LOGITS, background="first", activation="softmax"),
    "beco": DictForm(maps=("score",), keys="keys", keys_start="mask_ids"),
}
DICT_KEYS = tuple(DictForm.model_fields)


class ImportedScores(Section):
    """What is done with the scores of imported CAM files; takes nothing from the section `cam`."""

    normalise: Literal["none", "max", "min_max"] = Field(
        "none", description="none: the files hold scores in [0, 1]; else as in the section cam"
    )
    power: float = Field(1.0, gt=0, le=100, description="exponent of the normalised scores")


class ImportSettings(ImportedScores):
    """What the import of another method's CAM files depends on."""

    path: str = Field(description="folder of the files")
    format: Format = Field(description="how a file holds its maps")
    form: DictForm | None = Field(None, description="of a dict of arrays: what its entries are")
    suffix: str = Field("", description="what follows the image id in a file's name")
    extra_classes: ExtraClasses = Field("error", description="what becomes of classes that are no label of the image")
    file_ids: list[int] = Field(
        description="ids of the classes in the data set's mask files, by ascending mask id; empty for 1, 2, ..."
    )
    other_ids: Literal["error", "ignore"] = Field("error", description="what becomes of classes that are not listed")
