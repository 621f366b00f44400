"""MCTformer: a vision transformer with one class token per class (Xu et al., CVPR 2022, section 3)."""

import torch
from timm.layers import trunc_normal_
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from orandnet.classifier.settings import Settings
from orandnet.classifier.vit import create_transformer, token_normalise
from orandnet.maps.grid import grid_shape
from orandnet.networks.freezing import freeze_batch_norm, freeze_layers
from orandnet.training.optimizer import parameter_groups

NOISE = 0.02  # standard deviation of timm's new tokens


def multiply_class_token(model: VisionTransformer, number: int) -> None:
    """Give a timm transformer `number` class tokens instead of one, in place.

    Each starts as the model's own class token, plus noise: the position embeddings are copied as they are, so it is the
    noise in which the tokens differ at first. timm's code then resizes the position embeddings of the patches alone.
    """
    with torch.no_grad():
        tokens = model.cls_token.repeat(1, number, 1)
        model.cls_token = nn.Parameter(tokens + trunc_normal_(torch.empty_like(tokens), std=NOISE))
        if model.pos_embed is not None and not model.no_embed_class:
            own, others = model.pos_embed[:, :1], model.pos_embed[:, 1:]
            model.pos_embed = nn.Parameter(torch.cat([own.repeat(1, number, 1), others], dim=1))
    model.num_prefix_tokens += number - 1


class MctformerClassifier(nn.Module):
    """Class scores from class tokens and, in variant v2, from PatchCAM, a convolution of the patch tokens.

    Attributes:
        model: the timm model with a class token per class; class tokens come first.
        num_foreground: number of classes, background not counted.
    """

    def __init__(self, settings: Settings, num_foreground: int):
        """Build the network for `num_foreground` classes, background not counted.

        Raises:
            ValueError: if the model is no plain vision transformer with a class token, or drops patches, or if a
                layer that is to be frozen does not exist.
        """
        super().__init__()
        self.num_foreground = num_foreground
        self.freeze_stem = settings.vit.stem is not None and settings.vit.freeze_stem
        self.model = create_transformer(settings, num_classes=0)
        if not isinstance(self.model, VisionTransformer):
            raise ValueError(
                f"backbone.model: {settings.backbone.model!r} is no plain vision transformer, which kind: mctformer "
                "needs; choose a timm model such as deit_small_patch16_224.fb_in1k."
            )
        if settings.backbone.model_options.get("patch_drop_rate"):
            raise ValueError("backbone.model_options.patch_drop_rate: kind: mctformer needs all patches; drop the key.")
        # as in the release; after a layer normalisation with equal scales, the mean of a token would always be zero
        self.model.norm = nn.Identity()
        multiply_class_token(self.model, num_foreground)
        self.normalise = token_normalise(self.model, settings)
        width = self.model.embed_dim
        v2 = settings.mctformer.variant == "v2"
        self.patch_cam = nn.Conv2d(width, num_foreground, kernel_size=3, padding=1) if v2 else None
        freeze_layers(self.model, settings.frozen_layers)

    def evidence(self, rgb: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the class tokens (N, C, D) of (N, 3, H, W) RGB of 0..255, and PatchCAM (N, C, h, w) or None."""
        tokens = self.model.forward_features(self.normalise(rgb))
        class_tokens = tokens[:, : self.num_foreground]
        if self.patch_cam is None:
            return class_tokens, None
        shape = grid_shape(tuple(rgb.shape[-2:]), self.model.patch_embed.feat_ratio())
        patches = tokens[:, self.model.num_prefix_tokens :].mT.unflatten(2, shape)
        return class_tokens, self.patch_cam(patches)

    def forward(self, rgb: Tensor) -> dict[str, Tensor]:
        """Return (N, C) logits of (N, 3, H, W) uint8: of `class_tokens`, their means, and in v2 of `patches`."""
        class_tokens, patch_map = self.evidence(rgb)
        logits = {"class_tokens": class_tokens.mean(dim=2)}
        return logits if patch_map is None else {**logits, "patches": patch_map.mean(dim=(2, 3))}

    def train(self, mode: bool = True) -> "MctformerClassifier":
        """Switch to training; a frozen stem keeps the statistics of its batch normalisation."""
        super().train(mode)
        if self.freeze_stem:
            freeze_batch_norm(self.model.patch_embed.backbone)
        return self

    def groups(self, head_factor: float) -> list[dict]:
        """Return the optimiser's groups: transformer and, in v2, PatchCAM's convolution as the head."""
        head = [] if self.patch_cam is None else list(self.patch_cam.parameters())
        return parameter_groups(list(self.model.parameters()), head, head_factor=head_factor)
