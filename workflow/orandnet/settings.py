"""The parent of every section of the config, how settings are laid over others, and the section that stages share."""

import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

# auto: bfloat16 on GPUs that have it, float32 on others and on CPUs
Precision = Literal["auto", "float32"]
MAX_SEED = 2**63 - 1  # torch takes no more
# bounds beyond which a number is a slip: sides of windows in pixels or cells, factors of an image's side
LARGEST_SIDE = 16_384
SMALLEST_SCALE, LARGEST_SCALE = 0.01, 100
MOST_SHARDS = 1000  # of a stage; Snakemake lists them all
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


def check_distinct(values: Sequence) -> Sequence:
    """Return a list as it is; ValueError if a value occurs twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"{list(values)} names one twice; drop the repetition")
    return values


Distinct = AfterValidator(check_distinct)
Scale = Annotated[float, Field(ge=SMALLEST_SCALE, le=LARGEST_SCALE)]  # factor of an image's side


@cache  # sections are checked anew for each job that is listed, which took half of the checks' time
def _parts(annotation: Any) -> frozenset:
    """The plain types that a key's annotation is made of."""
    if get_origin(annotation) is Literal:
        return frozenset(type(choice) for choice in get_args(annotation))
    return frozenset((annotation,)).union(*map(_parts, get_args(annotation)))


class Section(BaseModel):
    """A section of the config: unknown keys are refused, values cannot be changed after reading.

    Numbers that YAML reads as text, such as `1e-4`, are accepted. Infinite numbers, nan, and true or false in the place
    of a number or the reverse are refused.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, protected_namespaces=(), allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads `yes`, `on` and `true` as truth, which Python takes for the number 1."""
        kinds = _parts(cls.model_fields[info.field_name].annotation)
        given = value if isinstance(value, list | tuple) else value.values() if isinstance(value, dict) else [value]
        if (
            Any not in kinds
            and bool not in kinds
            and kinds & {int, float}
            and any(one is True or one is False for one in given)
        ):
            raise ValueError(f"{value!r} is no number; write one")
        if (
            bool in kinds
            and not kinds & {int, float, str}
            and isinstance(value, int | float)
            and not isinstance(value, bool)
        ):
            raise ValueError(f"{value!r} is neither true nor false; write one of them")
        return value

    def canonical_json(self) -> str:
        """Return the section as JSON with sorted keys: equal settings give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def narrowed_to(self, section: type["Section"]) -> "Section":
        """Return the keys that a smaller section has, so that the others do not matter to a stage."""
        return section.model_validate(self.model_dump(include=set(section.model_fields)))


def deep_update(values: dict, changes: dict) -> dict:
    """Return `values` with `changes`, mapping by mapping; neither argument is altered."""
    result = dict(values)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = deep_update(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


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
