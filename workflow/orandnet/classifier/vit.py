"""A vision transformer, on image patches or on a CNN's features, as a multi-label classifier."""

from functools import partial

from timm.layers import HybridEmbed
from torch import Tensor, nn

from orandnet.classifier.settings import ClassifierBackbone, Settings, refuse_crop
from orandnet.networks.backbone import create_backbone, normalise_for
from orandnet.networks.freezing import freeze_batch_norm, freeze_layers
from orandnet.networks.timm_model import create_model
from orandnet.training.optimizer import parameter_groups


def create_transformer(settings: Settings, *, num_classes: int) -> nn.Module:
    """Return the timm transformer of the settings, on image patches or on the stem's features, for any image size.

    Raises:
        ValueError: if the model is no vision transformer with a class token, or its patches do not fill the window.
    """
    vit, arguments = settings.vit, {}
    if vit.stem is not None:
        stem = create_backbone(vit.stem, output_stride=vit.stem_stride).requires_grad_(not vit.freeze_stem)
        arguments = {"embed_layer": partial(HybridEmbed, backbone=stem), "patch_size": 1}
    arguments |= {name: getattr(vit, name) for name in ("patch_size", "depth") if getattr(vit, name) is not None}
    arguments |= {"num_classes": num_classes, "img_size": settings.crop_size, "drop_path_rate": vit.drop_path_rate}
    model = _with_class_token(settings.backbone, arguments)
    refuse_crop(settings.crop_size, model.patch_embed.feat_ratio())
    return model


def _with_class_token(backbone: ClassifierBackbone, arguments: dict) -> nn.Module:
    """Return the model, made to score its class token, and to take images of any size if it can."""
    refused = None
    for form in ({"dynamic_img_size": True}, {}):
        try:
            model = create_model(backbone, **form, **arguments)
            if getattr(model, "global_pool", None) != "token" and getattr(model, "cls_token", None) is not None:
                model = create_model(backbone, **form, **arguments, global_pool="token")  # as of BEiT and EVA
        except ValueError as error:
            refused = refused if refused and "dynamic_img_size" not in str(refused) else error
            continue
        patches = hasattr(model, "blocks") and hasattr(getattr(model, "patch_embed", None), "feat_ratio")
        if patches and getattr(model, "global_pool", None) == "token":
            return model
        raise ValueError(
            f"backbone.model: {backbone.model!r} is no vision transformer that scores its class token; "
            "choose a timm model such as deit_small_patch16_224.fb_in1k, or kind: cnn."
        )
    raise refused


def token_normalise(model: nn.Module, settings: Settings) -> nn.Module:
    """Return the normalisation of the images that go into a transformer; a stem has its own."""
    return normalise_for(model) if settings.vit.stem is None else nn.Identity()


class VitClassifier(nn.Module):
    """A timm vision transformer with a class token; position embeddings are resized to the image.

    Attributes:
        model: the timm model; the attention of its blocks gives the CAM.
    """

    def __init__(self, settings: Settings, num_foreground: int):
        """Build the network for `num_foreground` classes, background not counted.

        Raises:
            ValueError: if the model is no vision transformer with a class token, or if a layer that is to be
                frozen does not exist.
        """
        super().__init__()
        self.freeze_stem = settings.vit.stem is not None and settings.vit.freeze_stem
        self.model = create_transformer(settings, num_classes=num_foreground)
        self.normalise = token_normalise(self.model, settings)
        freeze_layers(self.model, settings.frozen_layers)

    def forward(self, rgb: Tensor) -> Tensor:
        """Return (N, C) logits of (N, 3, H, W) uint8."""
        return self.model(self.normalise(rgb))

    def train(self, mode: bool = True) -> "VitClassifier":
        """Switch to training; a frozen stem keeps the statistics of its batch normalisation."""
        super().train(mode)
        if self.freeze_stem:
            freeze_batch_norm(self.model.patch_embed.backbone)
        return self

    def groups(self, head_factor: float) -> list[dict]:
        """Return the optimiser's groups: transformer and, learning faster, its last layer."""
        heads = self.model.get_classifier()  # a distilled DeiT has two
        head = list(nn.ModuleList(heads if isinstance(heads, tuple) else [heads]).parameters())
        in_head = {id(parameter) for parameter in head}
        rest = [parameter for parameter in self.model.parameters() if id(parameter) not in in_head]
        return parameter_groups(rest, head, head_factor=head_factor)
