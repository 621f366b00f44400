"""Which network a kind of classifier is, and how to bring a trained one back."""

import json
from pathlib import Path

from torch import nn

from orandnet.classifier.amn import ActivationNetwork
from orandnet.classifier.cnn import CnnClassifier
from orandnet.classifier.mctformer import MctformerClassifier
from orandnet.classifier.settings import Settings
from orandnet.classifier.vit import VitClassifier
from orandnet.files.checkpoint import load_backbone, load_weights

NETWORKS = {"cnn": CnnClassifier, "vit": VitClassifier, "mctformer": MctformerClassifier, "amn": ActivationNetwork}


def create_classifier(settings: Settings, num_foreground: int) -> nn.Module:
    """Return the network for `num_foreground` classes, background not counted."""
    return NETWORKS[settings.kind](settings, num_foreground)


def without_pretraining(settings: Settings) -> Settings:
    """Return the settings of a network whose weights are about to be read from a file of ours."""
    stem = settings.vit.stem and settings.vit.stem.without_pretraining()
    vit = settings.vit.model_copy(update={"stem": stem})
    return settings.model_copy(update={"backbone": settings.backbone.without_pretraining(), "vit": vit})


def start_classifier(settings: Settings, num_foreground: int, *, initial_weights: Path | None) -> nn.Module:
    """Return a network whose backbone is that of another classifier's weights file, or as `settings` say."""
    if initial_weights is None:
        return create_classifier(settings, num_foreground)
    network = create_classifier(without_pretraining(settings), num_foreground)
    load_backbone(network, initial_weights)
    return network


def load_classifier(path: Path) -> tuple[nn.Module, Settings]:
    """Return a trained classifier in inference mode, and its settings, from a weights file.

    Raises:
        ValueError: if the file is not a classifier's.
    """
    weights, metadata = load_weights(path)
    if "classifier" not in metadata:
        raise ValueError(f"{path}: holds no classifier; give the weights that `orandnet classifier` wrote.")
    settings = Settings.model_validate_json(metadata["classifier"])
    network = create_classifier(without_pretraining(settings), len(json.loads(metadata["classes"])))
    network.load_state_dict(weights)
    return network.eval(), settings
