"""Which network a kind of classifier is, and how to bring a trained one back."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import nn

from orandnet.classifier.amn import ActivationNetwork
from orandnet.classifier.cnn import CnnClassifier
from orandnet.classifier.mctformer import MctformerClassifier
from orandnet.classifier.settings import Settings
from orandnet.classifier.vit import VitClassifier
from orandnet.files.checkpoint import described, described_classes, fill_network, load_backbone, load_weights

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


class Trained(NamedTuple):
    """A trained classifier: the network in inference mode, its settings, and its classes without background."""

    network: nn.Module
    settings: Settings
    class_names: tuple[str, ...]


def load_classifier(path: Path, class_names: Sequence[str] | None = None) -> Trained:
    """Return the classifier of a weights file.

    Args:
        path: the file.
        class_names: foreground classes that it must be trained for, in order; None takes any.

    Raises:
        ValueError: if the file is not a classifier's, or one of other classes, or of another network than it says.
    """
    weights, metadata = load_weights(path)
    if "classifier" not in metadata:
        raise ValueError(f"{path}: holds no classifier; give the weights that `orandnet classifier` wrote.")
    settings = described(path, metadata, "classifier", Settings)
    classes = described_classes(path, metadata, class_names)
    network = create_classifier(without_pretraining(settings), len(classes))
    fill_network(network, weights, path)
    return Trained(network.eval(), settings, classes)
