"""Settings of a source of kind `clip`: its two towers, and the words that are compared with images."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from orandnet.cam.settings import Settings
from orandnet.settings import Backbone, Distinct, Section

Words = Literal["voc", "coco", "plain"]
Phrase = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
# data set's kind -> table of the package that has its words
WORDS_OF_KIND: dict[str, Words] = {"voc": "voc", "coco": "coco"}


def check_template(template: str) -> str:
    """Return a sentence with one place for a phrase; ValueError for another."""
    if template.count("{}") != 1 or "{" in template.replace("{}", "") or "}" in template.replace("{}", ""):
        raise ValueError(f"{template!r} needs {{}} once, where the phrase goes; write for example 'a photo of {{}}.'")
    return template


class ClipBackbone(Backbone):
    """Of kind clip: the image tower, a vision transformer of timm with CLIP's projection as its last layer."""

    model: str = Field(
        "vit_base_patch16_clip_quickgelu_224.openai",
        description="name of a timm model, as on the hub; OpenAI's weights need the one with quickgelu in its name",
    )
    weights: str | None = Field(
        None,
        description="local file instead of the hub: timm's image tower (safetensors), or a whole CLIP in the names of "
        "OpenAI and open_clip (safetensors, or a torch file of plain tensors), which holds the text tower too",
    )


class ClipWords(Section):
    """Of kind clip: the sentences, and what makes features of them."""

    template: Annotated[str, AfterValidator(check_template)] = Field(
        "a clean origami {}.", description="sentence around each phrase; {} alone where phrases are whole sentences"
    )
    words: Words | None = Field(
        None,
        description="table of the package with phrases and background words: voc or coco, as published for these; "
        "plain takes the classes' names as they are, and VOC's background words; null goes by dataset.kind, plain for "
        "folders and scenes",
    )
    background_words: Annotated[list[Phrase], Distinct] | None = Field(
        None,
        min_length=1,
        description="what may stand around the objects; null takes the table's. A word that is a class, or its phrase, "
        "is left out",
    )
    model: str = Field("ViT-B-16-quickgelu", description="open_clip's name of the model whose text tower is used")
    tag: str = Field("openai", description="open_clip's name of its weights, fetched from the hub")
    weights: str | None = Field(
        None,
        description="local file of the text tower instead of the hub, in the names of OpenAI and open_clip; null takes "
        "backbone.weights where these are given",
    )
    features: str | None = Field(
        None,
        description="local .npz with names (N,) of the classes and background words, features (N, D) of their "
        "sentences, and scale, the factor of the cosines (100 of OpenAI's models), instead of a text tower; all names "
        "in it that are no class are background words",
    )

    @model_validator(mode="after")
    def _features_stand_alone(self) -> Self:
        fields = type(self).model_fields
        others = [key for key, field in fields.items() if key != "features" and getattr(self, key) != field.default]
        if self.features and others:
            raise ValueError(
                f"{', '.join(others)}: would not be read beside features {self.features}; drop one of both"
            )
        return self


class ClipSettings(Settings):
    """What the CAMs of CLIP depend on, but for its words: the section `cam`, and the image tower."""

    backbone: ClipBackbone = Field(ClipBackbone(), description="the image tower")


class ClipTextSettings(Section):
    """What the features of the words depend on, but for the classes' names."""

    template: str = Field(description="sentence around each phrase")
    words: Words = Field(description="table of the package")
    prompts: dict[str, str] = Field(description="class name -> phrase, before the table's")
    background_words: list[str] | None = Field(description="instead of the table's")
    model: str = Field(description="open_clip's name")
    tag: str = Field(description="open_clip's name of the weights")
    weights: str | None = Field(description="local file, instead of the hub")
    pretrained: bool = Field(description="false for random weights, which only rehearse")
