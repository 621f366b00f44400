"""The segmenter: its network, its loss and its training."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from orandnet.dataset.index import Record
from orandnet.files.checkpoint import save_weights
from orandnet.files.mask import write_mask, write_mask_list
from orandnet.segmenter.deeplab import DeepLab, describe, restore
from orandnet.segmenter.settings import Settings, TrainSettings
from orandnet.segmenter.stage import mask_reader, start_network, training_loss
from orandnet.training.pixel_loss import pixel_cross_entropy

NUM_CLASSES = 4


@pytest.fixture
def tiny():
    return TrainSettings(
        backbone={"model": "test_resnet", "pretrained": False},
        freeze_batch_norm=False,
        hidden_channels=8,
        dilation=2,
        dropout=0.0,
        crop_size=24,
    )


@pytest.fixture
def network(tiny):
    torch.manual_seed(0)
    return DeepLab(tiny, num_classes=NUM_CLASSES)


@pytest.fixture
def batch():
    """Two images whose left half is dark background and whose right half is bright class 2."""
    rgb = torch.zeros(2, 3, 24, 24, dtype=torch.uint8)
    rgb[..., 12:] = 250
    return rgb, (rgb[:, 0] > 0).to(torch.uint8) * 2


@pytest.mark.parametrize("size", [(24, 24), (17, 29), (1, 5)])
def test_logits_have_the_size_of_the_image_whatever_it_is(network, size):
    rgb = torch.zeros(2, 3, *size, dtype=torch.uint8)
    assert network.eval()(rgb).shape == (2, NUM_CLASSES, *size)
    assert network(rgb, (7, 9)).shape == (2, NUM_CLASSES, 7, 9)


def test_the_head_sees_as_far_as_its_dilation(tiny):
    network = DeepLab(tiny.model_copy(update={"dilation": 12}), num_classes=NUM_CLASSES).eval()
    features = torch.zeros(1, network.backbone.channels[-1], 49, 49, requires_grad=True)
    nn.init.ones_(network.head[0].weight)
    nn.init.ones_(network.head[3].weight)
    network.head(features + 1)[0, 0, 24, 24].backward()
    seen = np.argwhere(features.grad[0, 0].numpy())
    assert sorted(set(seen[:, 0].tolist())) == [0, 12, 24, 36, 48]


def test_batch_normalisation_stays_frozen_in_training_where_asked(tiny, batch):
    for frozen in (True, False):
        network = DeepLab(tiny.model_copy(update={"freeze_batch_norm": frozen}), num_classes=NUM_CLASSES)
        before = {name: value.clone() for name, value in network.named_buffers()}
        network.train()(batch[0])
        assert all(value.equal(before[name]) for name, value in network.named_buffers()) is frozen
        assert network.head.training


def test_layers_and_the_weights_of_batch_normalisation_can_be_frozen(tiny):
    settings = tiny.model_copy(update={"frozen_layers": ["conv1"], "freeze_affine": True})
    network = DeepLab(settings, num_classes=NUM_CLASSES).train()
    learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    backbone = {name.removeprefix("backbone.stages.") for name in learning if not name.startswith("head.")}
    assert {name.split(".")[0] for name in backbone} == {"layer1", "layer2", "layer3", "layer4"}
    assert not any(name.split(".")[-2].startswith("bn") for name in backbone)
    assert {name for name in learning if name.startswith("head.")} == {
        f"head.{name}" for name in network.head.state_dict()
    }
    assert network.backbone.stages.bn1.training  # the statistics are another setting
    with pytest.raises(ValueError, match="frozen_layers: no layer's name begins with 'conv9'"):
        DeepLab(tiny.model_copy(update={"frozen_layers": ["conv9"]}), num_classes=NUM_CLASSES)


@pytest.mark.parametrize(("init", "bias"), [("normal", False), ("xavier", True)])
def test_the_head_starts_from_the_values_asked_for(tiny, init, bias):
    torch.manual_seed(0)
    settings = tiny.model_copy(update={"head_init": init, "hidden_channels": 64})
    for convolution in (network := DeepLab(settings, num_classes=NUM_CLASSES)).head[0], network.head[3]:
        outputs, inputs = convolution.weight.shape[:2]
        largest = (6 / (9 * (inputs + outputs))) ** 0.5  # of Glorot and Bengio's uniform values
        expected = 0.01 if init == "normal" else largest / 3**0.5
        assert convolution.weight.std().item() == pytest.approx(expected, rel=0.1)
        assert (convolution.weight.abs().max() <= largest).item() or init == "normal"
        assert bool(convolution.bias.any()) is bias


def test_a_network_is_rebuilt_from_its_weights_file_alone(tiny, network, batch):
    # settings of a network that started from the hub: nothing may be fetched to rebuild it
    hub = tiny.model_copy(update={"backbone": tiny.backbone.model_copy(update={"pretrained": True})})
    rebuilt, class_names = restore(network.state_dict(), describe(hub, ("cat", "cow", "dog")))
    assert class_names == ("cat", "cow", "dog")
    assert not rebuilt.training
    torch.testing.assert_close(rebuilt(batch[0]), network.eval()(batch[0]), rtol=0, atol=0)


def test_weights_of_another_stage_are_refused(network):
    with pytest.raises(ValueError, match="holds no segmenter"):
        restore(network.state_dict(), {})


def test_the_backbone_starts_from_a_classifier(tiny, network, tmp_path):
    save_weights(tmp_path / "w.safetensors", {**network.state_dict(), "classifier.weight": torch.ones(3)}, {})
    hub = tiny.model_copy(update={"backbone": tiny.backbone.model_copy(update={"pretrained": True})})
    torch.manual_seed(1)
    started = start_network(hub, num_classes=2, initial_weights=tmp_path / "w.safetensors")
    for name, value in started.backbone.state_dict().items():
        assert value.equal(network.backbone.state_dict()[name]), name


def test_the_head_learns_faster_and_every_parameter_learns_once(network):
    groups = network.groups(10.0)
    assert [group["lr_factor"] for group in groups] == [1.0, 10.0]
    learning = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(learning) == sorted(map(id, network.parameters()))
    assert set(map(id, groups[1]["params"])) == set(map(id, network.head.parameters()))


def test_steps_on_one_batch_lower_the_loss(tiny, network, batch):
    settings = tiny.model_copy(update={"label_smoothing": 0.0})
    optimizer = torch.optim.SGD(network.train().parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(12):
        loss = training_loss(network, batch, settings)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def by_hand(logits, target, eps):
    """Label smoothing as AMN writes it, pixel by pixel."""
    num_classes, log_p = logits.shape[1], logits.log_softmax(dim=1)
    losses = []
    for n, y, x in np.ndindex(*target.shape):
        label = int(target[n, y, x])
        shares = torch.full((num_classes,), eps / (num_classes - 1))
        if label != 255:
            shares[label] = 1 - eps
            losses.append((label, -(shares * log_p[n, :, y, x]).sum()))
    return losses


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.4])
def test_the_loss_is_the_formula_of_label_smoothing(eps):
    logits = torch.randn(1, NUM_CLASSES, 3, 3, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[[0, 0, 1], [2, 255, 3], [0, 0, 255]]], dtype=torch.uint8)
    losses = by_hand(logits, target, eps)
    every = torch.stack([loss for _, loss in losses]).mean()
    torch.testing.assert_close(pixel_cross_entropy(logits, target, label_smoothing=eps), every)
    background = torch.stack([loss for label, loss in losses if label == 0]).mean()
    foreground = torch.stack([loss for label, loss in losses if label > 0]).mean()
    balanced = pixel_cross_entropy(logits, target, label_smoothing=eps, balanced=True)
    torch.testing.assert_close(balanced, (background + foreground) / 2)


@pytest.mark.parametrize("balanced", [False, True])
def test_ignored_pixels_teach_nothing(balanced):
    logits = torch.randn(2, NUM_CLASSES, 3, 3, requires_grad=True)
    target = torch.full((2, 3, 3), 255, dtype=torch.uint8)
    target[0, 0, 0] = 1
    pixel_cross_entropy(logits, target, label_smoothing=0.1, balanced=balanced).backward()
    taught = logits.grad.abs().sum(dim=1) > 0
    assert taught[0, 0, 0]
    assert taught.sum() == 1


@pytest.mark.parametrize("balanced", [False, True])
def test_a_batch_of_nothing_but_ignored_pixels_gives_0_and_no_gradient(balanced):
    logits = torch.randn(1, NUM_CLASSES, 3, 3, requires_grad=True)
    loss = pixel_cross_entropy(logits, torch.full((1, 3, 3), 255), label_smoothing=0.1, balanced=balanced)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().max() == 0


@pytest.fixture
def listed(tmp_path):
    """A list with the pseudo mask of image `a`."""
    write_mask(tmp_path / "a.png", np.full((2, 3), 4, np.uint8))
    write_mask_list(tmp_path / "1-of-1.csv", [{"image_id": "a"}])
    return tmp_path / "1-of-1.csv"


def record(image_id):
    return Record(image_id, f"{image_id}.png", "train", (2, 3), (1,))


def test_weak_training_has_no_way_to_the_ground_truth(listed, monkeypatch):
    monkeypatch.setitem(sys.modules, "orandnet.dataset.ground_truth", None)  # importing it now fails
    read = mask_reader([record("a")], index=listed, masks=[listed], ground_truth=None)
    np.testing.assert_array_equal(read("a"), np.full((2, 3), 4))
    with pytest.raises(ImportError):
        mask_reader([record("a")], index=listed, masks=[], ground_truth=listed)


def test_a_missing_pseudo_mask_is_told_before_the_training(listed):
    with pytest.raises(ValueError, match="b: no mask"):
        mask_reader([record("a"), record("b")], index=listed, masks=[listed], ground_truth=None)


def test_pseudo_masks_and_ground_truth_are_not_mixed(listed):
    for masks, ground_truth in (([], None), ([listed], listed)):
        with pytest.raises(ValueError, match="give one of the two"):
            mask_reader([record("a")], index=listed, masks=masks, ground_truth=ground_truth)


def test_the_default_recipe_is_deeplabv1_of_mctformer():
    training = Settings().training
    assert (training.epochs, training.batch_size, training.learning_rate) == (30, 4, 7e-4)
    assert (training.momentum, training.weight_decay) == (1e-5, 0.0)
    assert (training.schedule, training.power, training.head_learning_rate_factor) == ("poly", 0.9, 10)
    assert Settings(training={"epochs": 3}).training.momentum == 1e-5
