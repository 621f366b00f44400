"""The parent of every section of the config, and the section that several stages share."""

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

# auto: bfloat16 on GPUs that have it, float32 on others and on CPUs
Precision = Literal["auto", "float32"]
MAX_SEED = 2**63 - 1  # torch takes no more
PRECISION = "of the network's products: auto is bfloat16 on GPUs that have it and float32 elsewhere"

LONGEST_NAME = 100  # characters; names of files have 255 at most, and the workflow adds to these
_NAME = rf"^[A-Za-z0-9_]{{1,{LONGEST_NAME}}}$"


def check_name(value: Any) -> Any:
    """Return a name under which files will lie, or what is no text; ValueError if a file could not be named so."""
    if isinstance(value, str) and not re.fullmatch(_NAME, value):
        raise ValueError(f"{value!r} cannot name files; write 1 to {LONGEST_NAME} letters (a-z, A-Z), digits and _")
    return value


# of a source, an ensemble, a row of the tables
Name = Annotated[str, StringConstraints(pattern=_NAME), BeforeValidator(check_name)]


class Section(BaseModel):
    """A section of the config: unknown keys are refused, values cannot be changed after reading.

    Numbers that YAML reads as text, such as `1e-4`, are accepted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())

    def canonical_json(self) -> str:
        """Return the section as JSON with sorted keys: equal settings give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def narrowed_to(self, section: type["Section"]) -> "Section":
        """Return the keys that a smaller section has, so that the others do not matter to a stage."""
        return section.model_validate(self.model_dump(include=set(section.model_fields)))


class Backbone(Section):
    """Which network extracts the features, and where its weights come from."""

    model: str = Field("resnet50.tv_in1k", description="name of a timm model, as on the hub, or wideresnet38")
    pretrained: bool = Field(True, description="start from the hub's pretrained weights")
    weights: str | None = Field(
        None,
        description="local file with the pretrained weights (safetensors), instead of the hub; for wideresnet38, which "
        "has none there, also a torch file of plain tensors such as res38_cls.pth",
    )
    dilated: bool = Field(
        True,
        description="keep the receptive field where a stride is removed by dilation; false is IRN's form, "
        "stride (2, 2, 2, 1) without dilation",
    )
    model_options: dict[str, str | int | float | bool] = Field(
        {}, description="further keywords for timm.create_model, such as pad_type: same"
    )

    @model_validator(mode="after")
    def _weights_are_used(self) -> Self:
        if self.weights and not self.pretrained:
            raise ValueError(f"weights {self.weights} would not be read with pretrained: false; drop one of the two")
        return self

    def without_pretraining(self) -> Self:
        """Return the same network without pretrained weights: nothing is fetched to build it."""
        return self.model_copy(update={"pretrained": False, "weights": None})
