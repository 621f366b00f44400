"""CAMs of another program: what it looks into is the run's network, and its maps lie on the grid."""

import numpy as np
import torch

import foreign_cams
from orandnet.classifier.network import create_classifier
from orandnet.classifier.settings import Settings


def test_the_network_that_is_looked_into_is_the_classifier():
    settings = Settings(kind="cnn", backbone={"model": "test_resnet", "pretrained": False}, freeze_batch_norm=False)
    network = create_classifier(settings, 3).eval()
    rgb = torch.randint(0, 256, (2, 3, 64, 80)).float()
    probed = foreign_cams.Probed(network)
    torch.testing.assert_close(probed(rgb), network(rgb))
    seen = []
    probed.last.register_forward_hook(lambda module, given, out: seen.append(out))
    probed(rgb)[0, 1].backward()
    assert seen[0].shape[0] == 2
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_maps_lie_on_the_grid_class_by_class():
    asked = []

    def explain(image, number):
        asked.append((tuple(image.shape), number))
        return np.full(image.shape[2:], number / 10, np.float32)

    found = foreign_cams.maps_of(explain, np.zeros((40, 62, 3), np.uint8), (4, 7), 1.5)
    assert asked == [((1, 3, 60, 93), 4), ((1, 3, 60, 93), 7)]
    np.testing.assert_allclose(found, np.stack([np.full((10, 16), 0.4), np.full((10, 16), 0.7)]), rtol=1e-6)
