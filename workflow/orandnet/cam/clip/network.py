"""CLIP's image tower in timm's form, beside the features of the words that images are compared with."""

from pathlib import Path

import torch
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn
from torch.nn import functional

from orandnet.cam.clip.features import WordFeatures
from orandnet.cam.clip.settings import ClipBackbone
from orandnet.files.checkpoint import foreign_weights
from orandnet.files.regular import reason
from orandnet.networks.backbone import normalise_for
from orandnet.networks.timm_model import create_model


class ClipNetwork(nn.Module):
    """An image tower that scores images against words.

    Attributes:
        model: the timm model; its last layer is CLIP's projection.
        num_foreground: number C of classes, background words not counted.
    """

    def __init__(self, backbone: ClipBackbone, words: WordFeatures):
        """Build the tower, with its weights, in inference mode.

        Raises:
            ValueError: if the model is no image tower of CLIP, its weights do not fit, or its features do not have the
                length of the words'.
        """
        super().__init__()
        self.model = image_tower(backbone)
        self.normalise = normalise_for(self.model)
        self.num_foreground, self.scale = len(words.classes), words.scale
        both = torch.cat([torch.from_numpy(words.classes), torch.from_numpy(words.background)])
        if both.shape[1] != self.model.head.out_features:
            raise ValueError(
                f"backbone.model: {backbone.model!r} makes features of {self.model.head.out_features} numbers, and "
                f"those of the words have {both.shape[1]}; take both towers of one CLIP: backbone.model, text.model."
            )
        self.register_buffer("words", both.double(), persistent=False)
        self.eval().requires_grad_(False)

    def logits(self, features: Tensor) -> Tensor:
        """Return (N, C + B) float64 scaled cosines of (N, D) features with classes and background words."""
        return self.scale * functional.normalize(features.double(), dim=1) @ self.words.T


def image_tower(backbone: ClipBackbone) -> VisionTransformer:
    """Return the timm model of the settings, for images of any size; without pretraining it is the same each time.

    Raises:
        ValueError: if timm has no such model, it is no image tower of CLIP, or its weights cannot be had.
    """
    from_hub = backbone.pretrained and not backbone.weights
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings = backbone if from_hub else backbone.without_pretraining()
        model = create_model(settings, dynamic_img_size=True)
    plain = isinstance(model, VisionTransformer) and model.global_pool == "token"
    if not plain or not isinstance(model.head, nn.Linear) or not hasattr(model.blocks[-1], "norm1"):
        raise ValueError(
            f"backbone.model: {backbone.model!r} is no image tower of CLIP with a class token; choose a timm model "
            "such as vit_base_patch16_clip_quickgelu_224.openai."
        )
    if backbone.weights:
        load_image_tower(model, Path(backbone.weights))
    return model


def load_image_tower(model: VisionTransformer, path: Path) -> None:
    """Fill an image tower, in place, from a file in timm's names, or in those of OpenAI and open_clip.

    Position embeddings of another size are resized. What is there beside the tower is left out.

    Raises:
        ValueError: if the file cannot be read, or its names or shapes are not those of the model, so that nothing is
            silently left at random values.
    """
    tensors, own = foreign_weights(path), model.state_dict()
    try:
        given = checkpoint_filter_fn(tensors, model)
    except Exception as error:  # a name or a shape that it does not expect breaks it in many ways
        raise ValueError(f"{path}: no image tower in names of timm, OpenAI or open_clip ({reason(error)}).") from error
    missing = sorted(own.keys() - given.keys())
    unfit = sorted(name for name in own.keys() & given.keys() if own[name].shape != given[name].shape)
    if missing or unfit:
        raise ValueError(
            f"{path}: is not the image tower of backbone.model: {len(missing)} tensors are missing and {len(unfit)} "
            f"differ in shape, for example {(missing + unfit)[0]}; give weights of that model in the names of timm, "
            "OpenAI or open_clip."
        )
    spoilt = sorted(name for name in own if not torch.isfinite(given[name]).all())
    if spoilt:
        raise ValueError(f"{path}: {len(spoilt)} tensors hold nan or inf, first {spoilt[0]}; fetch it again.")
    model.load_state_dict({name: given[name] for name in own})
