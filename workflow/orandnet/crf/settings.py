"""Settings of the dense CRF, which several sections share."""

from pydantic import Field

from orandnet.settings import Section


class CrfSettings(Section):
    """Two pairwise terms: `gaussian` smooths by position, `bilateral` by position and colour.

    The defaults are those of IRN's labels (Ahn, Cho & Kwak 2019, code).
    """

    iterations: int = Field(10, ge=1, le=10_000, description="mean field steps; fewer are not equivalent")
    gaussian_sxy: float = Field(3.0, gt=0, le=1e5, description="standard deviation of the position, pixels")
    gaussian_compat: float = Field(3.0, ge=0, le=1e5, description="weight of the smoothness term")
    bilateral_sxy: float = Field(50.0, gt=0, le=1e5, description="standard deviation of the position, pixels")
    bilateral_srgb: float = Field(
        5.0, gt=0, le=1e4, description="standard deviation of the colour, grey levels of 0..255"
    )
    bilateral_compat: float = Field(10.0, ge=0, le=1e5, description="weight of the appearance term")
