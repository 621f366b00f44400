"""Settings of the section `cam`."""

from typing import Literal

from pydantic import Field, PositiveFloat

from orandnet.settings import Section

# kind -> what its recipe does otherwise than the section's defaults; a key that the config names wins
KIND_DEFAULTS: dict[str, dict] = {
    "cnn": {},
    # as the official release; several images need much memory for their attention
    "vit": {"scales": [1.0], "normalise": "min_max", "batch_size": 1},
    "mctformer": {"scales": [1.0], "normalise": "min_max"},
}


class Settings(Section):
    """How class activation maps are made."""

    scales: list[PositiveFloat] = Field(
        [0.5, 1.0, 1.5, 2.0],
        min_length=1,
        description="of a CNN or an MCTformer: of the image's size; of a ViT: of its training size",
    )
    flip: bool = Field(True, description="add the mirrored image at each scale")
    normalise: Literal["max", "min_max"] = Field(
        "max", description="per class: divide by the maximum, or bring minimum to 0 and maximum to 1"
    )
    power: float = Field(
        1.0,
        gt=0,
        description="exponent of the normalised scores; below 1 lifts the weak scores of a peaked map, such as a ViT's",
    )
    start_block: int = Field(0, ge=0, description="of a ViT: first block whose attention counts in the rollout")
    attention_blocks: int = Field(
        3, ge=1, description="of an MCTformer: last blocks whose attention from class tokens to patches is averaged"
    )
    attention_heads: Literal["mean", "max"] = Field("mean", description="of an MCTformer: how heads become one")
    patch_cam: bool = Field(
        True, description="of an MCTformer v2: multiply the attention with PatchCAM; false for the attention alone"
    )
    refine: bool = Field(
        True, description="of an MCTformer: spread the maps by the attention between patches, averaged over all blocks"
    )
    batch_size: int = Field(8, ge=1, description="of a ViT: images at a time; all have the training size")
