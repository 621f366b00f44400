"""Settings of the section `fusion`."""

from typing import Annotated

from pydantic import Field

from orandnet.settings import Section


class Settings(Section):
    """How the members' CAMs are prepared and fused."""

    offsets: dict[str, Annotated[float, Field(ge=-10, le=10)]] = Field(
        {},
        description="member name -> number added to its CAM before fusing; the official release adds 0.15 to the ViT",
    )
    clip: bool = Field(True, description="keep scores in [0, 1] after the offset; false is the official release's form")
