"""Small networks with random weights as files, and folders of images, for the commands that use what was trained."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from orandnet.classifier.network import create_classifier
from orandnet.classifier.settings import Settings as ClassifierSettings
from orandnet.cli import main
from orandnet.files.checkpoint import encode, save_weights
from orandnet.segmenter.deeplab import DeepLab, describe
from orandnet.segmenter.settings import TrainSettings

CLASSES = ("cat", "dog")
RESNET, VIT = ({"model": name, "pretrained": False} for name in ("test_resnet", "test_vit"))
KINDS = {
    "cnn": {"backbone": RESNET},
    "amn": {"backbone": RESNET, "amn": {"dilations": [1, 2]}},
    "vit": {"backbone": VIT, "vit": {"patch_size": 8}},
    "mctformer": {"backbone": VIT, "vit": {"patch_size": 8}},
}


def write_segmenter(path: Path, class_names: tuple[str, ...] = CLASSES) -> Path:
    settings = TrainSettings(backbone=RESNET, hidden_channels=8, dilation=1)
    torch.manual_seed(0)
    network = DeepLab(settings, num_classes=len(class_names) + 1)
    for convolution in (network.head[0], network.head[3]):
        nn.init.normal_(convolution.weight, std=0.3)  # as sure of itself as a trained network
    save_weights(path, network.state_dict(), describe(settings, class_names))
    return path


def write_classifier(path: Path, kind: str) -> Path:
    settings = ClassifierSettings(kind=kind, crop_size=32, **KINDS[kind])
    torch.manual_seed(0)
    network = create_classifier(settings, len(CLASSES))
    save_weights(path, network.state_dict(), {"classifier": settings.canonical_json(), "classes": encode(CLASSES)})
    return path


def photograph(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (20 + number, 31 - number, 3), dtype=np.uint8)


def write_images(folder: Path, *names: str) -> Path:
    """Write an image of its own size and content under each name, as PNG whatever the name ends in."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(number)).save(path, format="PNG")
    return folder


def run(*arguments) -> int:
    """Run the command line in this process; return its exit code."""
    try:
        main(list(map(str, arguments)))
    except SystemExit as stopped:
        return stopped.code
    return 0
