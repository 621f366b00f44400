"""Settings of the exports."""

from typing import Annotated, Literal

from pydantic import Field

from orandnet.settings import Distinct, Section


class FolderSettings(Section):
    """What a folder in VOC layout depends on."""

    images: Literal["link", "copy"] = Field(
        "link",
        description="Images in the VOC folder: link = relative symbolic links, which hold while the folder and the "
        "images stay where they are; copy = files of its own, for a folder that travels.",
    )


class Settings(FolderSettings):
    """What `snakemake export` makes, for every seed; nothing by default."""

    irn: Annotated[tuple[str, ...], Distinct] = Field(
        (),
        description="Methods whose CAMs are written as IRN's .npy files, full resolution in float32: 13 GB per method "
        "and seed on VOC's train_aug.",
    )
    npz: Annotated[tuple[str, ...], Distinct] = Field(
        (), description="Methods whose CAMs are written as .npz files of plain arrays, one per image."
    )
    voc: Annotated[tuple[str, ...], Distinct] = Field(
        (), description="Methods whose pseudo masks are written as a folder in VOC layout, as mmsegmentation reads it."
    )
