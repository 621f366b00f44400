"""A small CLIP with random weights, in the formats of OpenAI, open_clip and timm."""

import json
from pathlib import Path

import safetensors.torch
import torch

from orandnet.cam.clip.network import image_tower
from orandnet.cam.clip.settings import ClipBackbone, ClipTextSettings

DIMENSIONS, SIDE, PATCH = 16, 32, 8
CONFIG = {
    "embed_dim": DIMENSIONS,
    "quick_gelu": True,
    "vision_cfg": {"image_size": SIDE, "layers": 3, "width": 32, "head_width": 16, "patch_size": PATCH},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}
MODEL = {
    "model": "vit_base_patch16_clip_quickgelu_224.openai",
    "model_options": {
        "embed_dim": 32,
        "depth": 3,
        "num_heads": 2,
        "patch_size": PATCH,
        "img_size": SIDE,
        "num_classes": DIMENSIONS,
    },
}


def write_config(folder: Path) -> str:
    """Write open_clip's description of the model, without weights; return the model's name."""
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {}}))
    return f"local-dir:{folder}"


def small_clip(name: str) -> torch.nn.Module:
    """Return open_clip's form of it, with weights that tell the blocks apart and a factor of 100."""
    import open_clip  # takes seconds

    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = open_clip.create_model(name, load_weights=False)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, 1.0 if parameter.ndim == 1 else 0.0, 0.15)
        torch.nn.init.constant_(model.logit_scale, torch.tensor(100.0).log())
    return model.eval()


def as_openai(model: torch.nn.Module, path: Path) -> None:
    """Write the tensors of OpenAI's archive: half precision, three numbers among them, under open_clip's names."""
    numbers = {"input_resolution": SIDE, "context_length": 77, "vocab_size": 49408}
    tensors = {name: tensor.half() for name, tensor in model.state_dict().items()}
    torch.save(tensors | {name: torch.tensor(number) for name, number in numbers.items()}, path)


def as_open_clip(model: torch.nn.Module, path: Path) -> None:
    safetensors.torch.save_file({name: part.contiguous() for name, part in model.state_dict().items()}, path)


def as_timm(model: torch.nn.Module, path: Path) -> None:
    """Write the image tower alone, under timm's names."""
    as_open_clip(model, path.with_suffix(".whole.safetensors"))
    backbone = ClipBackbone(**MODEL, weights=str(path.with_suffix(".whole.safetensors")))
    safetensors.torch.save_file(image_tower(backbone).state_dict(), path)


def text_settings(name: str, **changes) -> ClipTextSettings:
    given = {"template": "a clean origami {}.", "words": "voc", "prompts": {}, "background_words": None}
    return ClipTextSettings(**given | {"model": name, "tag": "", "weights": None, "pretrained": True} | changes)
