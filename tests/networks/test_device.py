"""Precision and layout: who gets bfloat16, and that every loss and map can be computed with it."""

from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest
import torch

from orandnet.cam.multiscale import cnn_maps
from orandnet.classifier.amn_training import activation_loss
from orandnet.classifier.network import create_classifier
from orandnet.classifier.settings import Settings as ClassifierSettings
from orandnet.classifier.stage import classification_loss
from orandnet.irn.boundary import BoundaryNetwork, predict_boundary
from orandnet.irn.loss import training_loss as boundary_loss
from orandnet.irn.settings import BoundarySettings
from orandnet.networks import device as devices
from orandnet.prediction.inference import class_probabilities
from orandnet.segmenter.deeplab import DeepLab
from orandnet.segmenter.settings import TrainSettings
from orandnet.segmenter.stage import training_loss as segmenter_loss

SMALL = {"model": "test_resnet", "pretrained": False}
# what a GPU computes in; a CPU can do it too, only slowly
BFLOAT16 = partial(torch.autocast, "cpu", dtype=torch.bfloat16)
RGB = torch.randint(0, 256, (2, 3, 48, 48), generator=torch.Generator().manual_seed(0)).byte()
LABELS = torch.tensor([[1.0, 0, 1], [0, 1, 0]])


def test_only_gpus_that_have_it_compute_in_bfloat16(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: True)
    assert isinstance(devices.mixed_precision(torch.device("cpu"), "auto"), nullcontext)
    assert isinstance(devices.mixed_precision(torch.device("cuda"), "float32"), nullcontext)
    monkeypatch.setattr("torch.autocast", lambda *arguments, **options: (arguments, options))
    assert devices.mixed_precision(torch.device("cuda"), "auto") == (("cuda",), {"dtype": torch.bfloat16})
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: False)
    assert isinstance(devices.mixed_precision(torch.device("cuda"), "auto"), nullcontext)


def test_a_placed_network_has_its_channels_last_and_computes_the_same():
    torch.manual_seed(0)
    network = DeepLab(TrainSettings(backbone=SMALL, hidden_channels=8, dilation=1), num_classes=4).eval()
    with torch.no_grad():
        before = network(RGB)
        placed = devices.place(network, torch.device("cpu"))
        after = placed(RGB)
    assert placed.head[0].weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)


def classifier(kind, **settings):
    torch.manual_seed(0)
    made = ClassifierSettings(kind=kind, backbone=settings.pop("backbone", SMALL), crop_size=48, **settings)
    return create_classifier(made, 3)


TRAININGS = {
    "cnn": lambda: (classifier("cnn"), classification_loss, (RGB, LABELS)),
    "mctformer": lambda: (
        classifier("mctformer", backbone={"model": "test_vit", "pretrained": False}, vit={"patch_size": 8}),
        classification_loss,
        (RGB, LABELS),
    ),
    "amn": lambda: (
        classifier("amn", amn={"dilations": (1, 2), "dropout": 0.0}),
        partial(activation_loss, label_smoothing=0.4),
        (RGB, torch.randint(0, 4, (2, 12, 12), generator=torch.Generator().manual_seed(1)).byte(), LABELS),
    ),
    "irn": lambda: (
        BoundaryNetwork(BoundarySettings(backbone=SMALL)),
        partial(boundary_loss, radius=3),
        (RGB, torch.randint(0, 4, (2, 12, 12), generator=torch.Generator().manual_seed(1)).byte()),
    ),
    "segmenter": lambda: (
        DeepLab(TrainSettings(backbone=SMALL, hidden_channels=8, dilation=1, dropout=0.0), num_classes=4),
        partial(segmenter_loss, settings=TrainSettings()),
        (RGB, torch.randint(0, 4, (2, 48, 48), generator=torch.Generator().manual_seed(1)).byte()),
    ),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_losses_in_bfloat16_are_float32_and_near_those_in_float32(name):
    torch.manual_seed(0)
    network, loss, batch = TRAININGS[name]()
    network.eval()  # no chance of dropout between the two
    expected = loss(network, batch)["loss"]
    with BFLOAT16():
        found = loss(network, batch)["loss"]
    found.backward()
    assert found.dtype == torch.float32
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0.02)


def test_maps_and_probabilities_from_bfloat16_are_float32_and_near():
    cnn, boundary = classifier("cnn").eval(), BoundaryNetwork(BoundarySettings(backbone=SMALL)).eval()
    segmenter = DeepLab(TrainSettings(backbone=SMALL, hidden_channels=8, dilation=1), num_classes=4).eval()
    photograph = RGB[0].permute(1, 2, 0).numpy()
    options = {"scales": (1.0, 1.5), "flip": True, "fusion": "mean", "device": torch.device("cpu")}

    def everything():
        (maps,) = cnn_maps(cnn, RGB[:1], [(1, 3)], scales=[1.0], flip=True)
        return [
            maps.numpy(),
            predict_boundary(boundary, RGB[0]).numpy(),
            *class_probabilities(segmenter, photograph, **options).values(),
        ]

    expected = everything()
    with BFLOAT16():
        found = everything()
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=0.03 * np.abs(other).max())
