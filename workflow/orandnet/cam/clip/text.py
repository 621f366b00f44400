"""CLIP's text tower: sentences become the features that images are compared with, by open_clip.

open_clip is optional: it is imported here alone, and not needed where the features are given as a file.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from orandnet.cam.clip.settings import ClipTextSettings
from orandnet.files.checkpoint import foreign_weights
from orandnet.files.regular import reason

IMAGE_TOWER = "visual."
NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")  # numbers among the tensors of OpenAI's files


def text_features(phrases: Sequence[str], settings: ClipTextSettings) -> tuple[np.ndarray, float]:
    """Return the features of the sentences around phrases, and the factor of their cosines with images.

    Args:
        phrases: N of them.
        settings: template, model and weights.

    Returns:
        (N, D) float32, each row of length 1, and the exponential of the model's logit_scale.

    Raises:
        ValueError: if open_clip is not installed, has no such model, or its weights cannot be had.
    """
    open_clip = _open_clip()
    try:
        model = _model(open_clip, settings)
        tokens = open_clip.get_tokenizer(settings.model)([settings.template.format(phrase) for phrase in phrases])
    except ValueError:
        raise
    except Exception as error:  # a name, a download, a file of weights: each library has errors of its own
        raise ValueError(
            f"text.model: open_clip cannot make {settings.model!r} with {settings.tag!r} ({reason(error)}); check both "
            "names, or give a local file: text.weights, or text.features."
        ) from error
    with torch.inference_mode():
        features = model.encode_text(tokens, normalize=True)
    return features.float().numpy(), float(model.logit_scale.detach().exp())


def _open_clip():
    try:
        import open_clip
    except ImportError as error:
        raise ValueError(
            f"open_clip makes the features of a clip source's words, and cannot be imported ({error}); pip install "
            "open_clip_torch, or give their features as a file: text.features."
        ) from error
    return open_clip


def _model(open_clip, settings: ClipTextSettings) -> nn.Module:
    """Return the CLIP in inference mode; of weights in a file the text tower alone is read."""
    from_hub = settings.pretrained and settings.weights is None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip.create_model(
            settings.model,
            pretrained=settings.tag if from_hub else None,
            load_weights=from_hub,
            require_pretrained=from_hub,
        )
    if settings.weights is not None:
        _load_text_tower(model, Path(settings.weights))
    return model.eval()


def _load_text_tower(model: nn.Module, path: Path) -> None:
    given = {name: part for name, part in foreign_weights(path).items() if name not in NOT_WEIGHTS}
    own = {name: part for name, part in model.state_dict().items() if not name.startswith(IMAGE_TOWER)}
    missing = sorted(own.keys() - given.keys())
    unfit = sorted(name for name in own.keys() & given.keys() if own[name].numel() != given[name].numel())
    if missing or unfit:
        raise ValueError(
            f"{path}: is not the text tower of text.model: {len(missing)} tensors are missing and {len(unfit)} differ "
            f"in shape, for example {(missing + unfit)[0]}; give text.weights, a whole CLIP in the names of OpenAI or "
            "open_clip, or text.features."
        )
    model.load_state_dict({name: given[name].view(part.shape) for name, part in own.items()}, strict=False)
