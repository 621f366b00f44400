"""The classifiers: what learns, what stays frozen, and that a saved one comes back."""

import numpy as np
import pytest
import torch
from PIL import Image

from orandnet.classifier.network import create_classifier, load_classifier
from orandnet.classifier.samples import ClassifierSamples, label_vector
from orandnet.classifier.settings import Settings
from orandnet.classifier.stage import chance_of, classification_loss
from orandnet.dataset.index import Record
from orandnet.files.checkpoint import encode, save_weights

STEM = {"model": "test_resnet", "pretrained": False}
CNN = {"kind": "cnn", "backbone": STEM, "crop_size": 32}
VIT = {"kind": "vit", "backbone": {"model": "test_vit", "pretrained": False}, "crop_size": 32, "vit": {"patch_size": 8}}
KINDS = {
    "cnn": CNN,
    "vit": VIT,
    "hybrid": {**VIT, "vit": {"stem": STEM, "stem_stride": 16}},
    "mctformer": {**VIT, "kind": "mctformer"},
}


def network_of(changes, num_foreground=3):
    torch.manual_seed(0)
    return create_classifier(Settings.model_validate(changes), num_foreground)


def images(number=2, side=32):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (number, 3, side, side), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("kind", ["cnn", "vit", "hybrid"])
def test_a_saved_classifier_gives_the_same_logits_again(tmp_path, kind):
    settings = Settings.model_validate(KINDS[kind])
    network = network_of(KINDS[kind]).eval()
    metadata = {"classifier": settings.canonical_json(), "classes": encode(["a", "b", "c"])}
    save_weights(tmp_path / "w", network.state_dict(), metadata)
    loaded, found, _ = load_classifier(tmp_path / "w")
    assert found == settings
    assert not loaded.training
    with torch.no_grad():
        assert network(images()).shape == (2, 3)
        assert torch.equal(loaded(images()), network(images()))


def test_weights_of_something_else_are_refused(tmp_path):
    save_weights(tmp_path / "w", {"a": torch.zeros(1)}, {"orandnet": "{}"})
    with pytest.raises(ValueError, match="w: holds no classifier"):
        load_classifier(tmp_path / "w")


@pytest.mark.parametrize("kind", KINDS)
def test_every_trainable_parameter_is_in_one_group_and_gets_a_gradient(kind):
    network = network_of(KINDS[kind]).train()
    body, head = network.groups(10.0)
    assert (body["lr_factor"], head["lr_factor"]) == (1.0, 10.0)
    grouped = [id(parameter) for group in (body, head) for parameter in group["params"]]
    trainable = [id(parameter) for parameter in network.parameters() if parameter.requires_grad]
    assert sorted(grouped) == sorted(trainable)
    classification_loss(network, (images(), torch.tensor([[1.0, 0, 0], [0, 1, 1]])))["loss"].backward()
    missing = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_a_frozen_stem_keeps_its_weights_and_its_statistics():
    network = network_of(KINDS["hybrid"])
    stem = network.model.patch_embed.backbone
    before = {name: tensor.clone() for name, tensor in stem.state_dict().items()}
    optimizer = torch.optim.SGD([{"params": group["params"]} for group in network.train().groups(1.0)], lr=0.1)
    network(images()).sum().backward()
    optimizer.step()
    assert all(torch.equal(before[name], tensor) for name, tensor in stem.state_dict().items())
    free = network_of({**VIT, "vit": {"stem": STEM, "freeze_stem": False}}).train()
    assert all(parameter.requires_grad for parameter in free.parameters())
    assert free.model.patch_embed.backbone.stages.bn1.training


def test_chosen_layers_and_batch_statistics_are_frozen():
    network = network_of({**CNN, "frozen_layers": ["conv1", "layer1"], "freeze_batch_norm": True}).train()
    frozen = {name.split(".")[0] for name, p in network.backbone.stages.named_parameters() if not p.requires_grad}
    assert frozen == {"conv1", "layer1"}
    assert not network.backbone.stages.bn1.training
    for kind, layer in (("vit", "patch_embed.proj.weight"), ("mctformer", "patch_embed")):
        network = network_of({**KINDS[kind], "frozen_layers": [layer]}).train()
        frozen = [name for name, parameter in network.model.named_parameters() if not parameter.requires_grad]
        assert frozen == [name for name, _ in network.model.named_parameters() if name.startswith(layer)] != []
    with pytest.raises(ValueError, match=r"frozen_layers: no layer's name begins with 'layr1'; choose from \['conv1'"):
        network_of({**CNN, "frozen_layers": ["layr1"]})


def test_the_score_of_a_cnn_is_the_mean_of_its_class_map():
    network = network_of({**CNN, "output_stride": 8}).eval()
    with torch.no_grad():
        maps = network.class_map(images(side=64))
        assert maps.shape == (2, 3, 8, 8)
        torch.testing.assert_close(network(images(side=64)), maps.mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({**VIT, "backbone": STEM}, "timm cannot make 'test_resnet'"),
        (
            {**VIT, "backbone": {"model": "test_vit3", "pretrained": False}},
            "no vision transformer that scores its class token",
        ),
        ({**CNN, "backbone": {"model": "resnet5O", "pretrained": False}}, "timm cannot make 'resnet5O'"),
        ({**CNN, "backbone": {**STEM, "pretrained": True, "weights": "/no/such"}}, "no file /no/such"),
    ],
)
def test_a_backbone_that_cannot_serve_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        network_of(changes)


def test_labels_become_a_vector_without_background():
    assert label_vector((1, 3), 3).tolist() == [1, 0, 1]
    assert label_vector((), 3).tolist() == [0, 0, 0]


def test_samples_are_windows_with_labels(tmp_path):
    Image.fromarray(np.full((20, 50, 3), 200, np.uint8)).save(tmp_path / "a.png")
    settings = Settings.model_validate({**CNN, "resize_long": (20, 30)})
    samples = ClassifierSamples([Record("a", str(tmp_path / "a.png"), "train", (20, 50), (2,))], settings, 3, (1, 2, 3))
    rgb, labels = samples(0, np.random.default_rng(0), 0.0)
    assert rgb.shape == (3, 32, 32)
    assert rgb.dtype == torch.uint8
    assert labels.tolist() == [0, 1, 0]


def test_colours_change_before_or_after_the_padding(tmp_path):
    Image.fromarray(np.full((20, 50, 3), 200, np.uint8)).save(tmp_path / "a.png")
    record = Record("a", str(tmp_path / "a.png"), "train", (20, 50), (2,))
    for before_padding in (True, False):
        jitter = {"brightness": 0.5, "before_padding": before_padding, "random_order": True}
        settings = Settings.model_validate({**CNN, "resize_long": (24, 24), "color_jitter": jitter})
        samples = ClassifierSamples([record], settings, 3, (90, 90, 90))
        windows = torch.stack([samples(0, np.random.default_rng(seed), 0.0)[0] for seed in range(8)]).float()
        rows = windows.mean(dim=(1, 3))  # the image fills 24 columns of 10 of the rows
        padding = rows.min(dim=1).values if before_padding else windows.amin(dim=(1, 2, 3))
        assert (padding == 90).all() == before_padding


@pytest.mark.parametrize("kind", ["cnn", "mctformer"])
def test_a_classifier_that_does_not_look_has_the_loss_of_chance(kind):
    labels = [(1,), (1, 2), (3,), (1,)]
    records = [Record(str(number), "", "train", (8, 8), classes) for number, classes in enumerate(labels)]
    settings = Settings.model_validate(KINDS[kind])
    targets = torch.stack([label_vector(classes, 3) for classes in labels])
    logits = torch.logit(targets.mean(0)).expand(4, 3)
    answer = {"class_tokens": logits, "patches": logits} if kind == "mctformer" else logits
    loss = classification_loss(lambda rgb: answer, (None, targets))["loss"]
    assert chance_of(records, settings, 3) == pytest.approx(float(loss), rel=1e-5)


def test_of_amn_which_is_told_the_labels_no_chance_is_known():
    record = Record("a", "", "train", (8, 8), (1,))
    assert chance_of([record], Settings.model_validate({**CNN, "kind": "amn"}), 3) is None
