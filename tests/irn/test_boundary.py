"""The boundary network: what learns, what stays frozen, shapes, and symmetry."""

import numpy as np
import pytest
import torch

from orandnet.files.checkpoint import save_weights
from orandnet.irn.boundary import (
    BoundaryNetwork,
    describe,
    pad_to_multiple,
    predict_boundary,
    restore,
    start_network,
)
from orandnet.irn.loss import training_loss
from orandnet.irn.settings import BoundarySettings
from orandnet.maps.grid import grid_shape

TINY = BoundarySettings(backbone={"model": "test_resnet", "pretrained": False}, radius=4, crop_size=64)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return BoundaryNetwork(TINY)


def windows(side=64):
    generator = torch.Generator().manual_seed(1)
    rgb = torch.randint(0, 256, (2, 3, side, side), generator=generator, dtype=torch.uint8)
    labels = torch.zeros(2, side // 4, side // 4, dtype=torch.uint8)
    labels[:, :, side // 8 :] = 1
    return rgb, labels


@pytest.mark.parametrize("size", [(64, 64), (50, 71), (5, 130)])
def test_logits_lie_on_the_grid_of_the_image(network, size):
    logits = network(torch.zeros(2, 3, *size, dtype=torch.uint8))
    assert logits.shape == (2, *grid_shape(size))
    assert logits.dtype == torch.float32


def test_training_moves_the_edge_branch_and_leaves_the_backbone_alone(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.SGD(network.edge_parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        training_loss(network.train(), windows(), radius=TINY.radius)["loss"].backward()
        optimizer.step()
    after = network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if not name.startswith("backbone.")}
    assert all(parameter.grad is None for parameter in network.backbone.parameters())


def test_batch_statistics_stay_frozen_in_training_mode(network):
    network.train()
    assert network.stages.training
    assert not any(module.training for module in network.backbone.modules())


def test_the_loss_falls_on_one_batch(network):
    optimizer = torch.optim.SGD(network.edge_parameters(), lr=0.1)
    losses = []
    for _ in range(15):
        loss = training_loss(network, windows(), radius=TINY.radius)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_boundaries_are_probabilities_on_the_grid_at_any_size(network):
    rgb = torch.randint(0, 256, (3, 45, 530), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    boundary = predict_boundary(network.eval(), rgb)
    assert boundary.shape == grid_shape((45, 530))
    assert 0 <= boundary.min() <= boundary.max() <= 1


def test_a_mirrored_image_has_the_mirrored_boundary(network):
    rgb = torch.randint(0, 256, (3, 32, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    boundary, mirrored = (predict_boundary(network.eval(), image) for image in (rgb, rgb.flip(-1)))
    torch.testing.assert_close(mirrored.flip(-1), boundary)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("resize_first", [True, False])
def test_the_logit_is_the_merge_of_all_stages_whichever_form_they_have(pooled, resize_first):
    torch.manual_seed(0)
    forms = {"pooled_first_stage": pooled, "resize_before_relu": resize_first}
    network, (rgb, _) = BoundaryNetwork(TINY.model_copy(update=forms)), windows()
    features = network.backbone(rgb)
    if pooled:
        features = [torch.nn.functional.max_pool2d(features[0], 3, 2, 1), *features[1:]]
    resized = []
    for stage, feature in zip(network.stages, features, strict=True):
        normed = stage(feature)
        normed = normed if resize_first else normed.relu()
        resized.append(torch.nn.functional.interpolate(normed, (16, 16), mode="bilinear").relu())
    torch.testing.assert_close(network(rgb), network.merge(torch.cat(resized, dim=1))[:, 0], atol=1e-5, rtol=1e-5)


def test_a_network_without_a_pooling_of_its_own_or_without_its_first_stage_is_read_as_it_is():
    other = {"backbone": {"model": "test_efficientnet", "pretrained": False}}
    assert not BoundaryNetwork(BoundarySettings.model_validate(other)).pools_first
    assert not BoundaryNetwork(TINY.model_copy(update={"stages": (1, 2, 3, 4)})).pools_first
    assert BoundaryNetwork(TINY).pools_first


def test_padding_to_the_window_moves_smaller_images_only(network):
    small, large = (
        torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        for size in ((32, 48), (64, 80))
    )
    network.eval()
    window = pad_to_multiple(small[None], 64, network.pad_rgb)
    assert window.shape[-2:] == (64, 64)
    padded = predict_boundary(network, small, pad_to_window=True)
    torch.testing.assert_close(padded, predict_boundary(network, window[0])[:8, :12])
    assert (padded - predict_boundary(network, small)).abs().max() > 1e-4
    torch.testing.assert_close(predict_boundary(network, large, pad_to_window=True), predict_boundary(network, large))


def test_padding_adds_the_colour_at_the_right_and_the_bottom():
    rgb = torch.arange(6, dtype=torch.uint8).view(1, 3, 1, 2)
    padded = pad_to_multiple(rgb, 4, (7, 8, 9))
    assert padded.shape == (1, 3, 4, 4)
    assert padded.dtype == torch.uint8
    torch.testing.assert_close(padded[..., :1, :2], rgb)
    assert padded[0, :, 3, 3].tolist() == [7, 8, 9]
    assert pad_to_multiple(rgb, 4, (7, 8, 9), least=9).shape == (1, 3, 12, 12)


def test_a_saved_network_predicts_the_same(network, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(path, network.state_dict(), describe(TINY))
    rgb = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 40, 40), dtype=np.uint8))
    torch.testing.assert_close(
        predict_boundary(restore(path), rgb), predict_boundary(network.eval(), rgb), rtol=0, atol=0
    )


def test_the_backbone_starts_from_a_classifiers_weights(network, tmp_path):
    path = tmp_path / "classifier.safetensors"
    classifier = {name: tensor for name, tensor in network.state_dict().items() if name.startswith("backbone.")}
    save_weights(path, {**classifier, "head.weight": torch.zeros(2, 2)}, {})
    started = start_network(TINY, initial_weights=path).state_dict()
    assert all(torch.equal(started[name], tensor) for name, tensor in classifier.items())


def test_weights_of_another_stage_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"head.weight": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match="irn train"):
        restore(path)
    with pytest.raises(ValueError, match="same backbone"):
        start_network(TINY, initial_weights=path)
