"""Settings of the section `fusion`."""

from typing import Annotated, Literal

from pydantic import Field, create_model

from orandnet.settings import Section

# `and` is a word of Python, so a class cannot spell the key; a model that is made by a call can
_And = create_model(
    "_And",
    __base__=Section,
    **{
        "and": (
            Literal["product", "geometric"],
            Field(
                "product",
                description="the AND of n members: their product, whose level falls as p^n, or its n-th root, their "
                "geometric mean, which stays on the members' scale and is the better one for three members or more",
            ),
        )
    },
)


class Settings(_And):
    """How the members' CAMs are prepared and fused."""

    offsets: dict[str, Annotated[float, Field(ge=-10, le=10)]] = Field(
        {},
        description="member name -> number added to its CAM before fusing; the official release adds 0.15 to the ViT",
    )
    clip: bool = Field(True, description="keep scores in [0, 1] after the offset; false is the official release's form")

    @property
    def geometric(self) -> bool:
        """Whether the AND is the geometric mean."""
        return getattr(self, "and") == "geometric"
