"""WideResNet-38: its shape, its weight files, and the segmenter on it."""

import numpy as np
import pytest
import torch
from torch import nn

from orandnet.files.checkpoint import save_weights
from orandnet.networks.backbone import create_backbone, pad_color
from orandnet.networks.wideresnet38 import WideResNet38, load_wideresnet38
from orandnet.segmenter.deeplab import DeepLab, describe, restore
from orandnet.segmenter.settings import TrainSettings
from orandnet.settings import Backbone

NARROW = {"model": "wideresnet38", "model_options": {"width": 4}}


@pytest.fixture(scope="module")
def narrow():
    torch.manual_seed(0)
    network = WideResNet38(width=4)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
    return network.eval()


def test_the_published_width_has_38_layers_and_105_million_weights():
    with torch.device("meta"):  # shapes without memory
        network = WideResNet38()
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    on_the_path = [name for name, _ in network.named_parameters() if "conv" in name and "branch1." not in name]
    assert len(on_the_path) == 37  # and the classifier
    assert network.channels == 4096
    assert sum(module.weight.numel() for module in convolutions) == 105_023_168
    assert sum(parameter.numel() for parameter in network.parameters()) == 105_070_912
    assert {module.dilation[0] for module in convolutions} == {1, 2, 4}
    assert not any(module.bias is not None for module in convolutions)
    shapes = {
        "b2.conv_branch2a": (128, 64, 3, 3),
        "b4_5.conv_branch2b1": (512, 512, 3, 3),
        "b5.conv_branch2b1": (1024, 512, 3, 3),
        "b5_2.conv_branch2a": (512, 1024, 3, 3),
        "b6.conv_branch2b2": (2048, 1024, 1, 1),
        "b7.conv_branch2b1": (2048, 1024, 3, 3),
        "b7.conv_branch1": (4096, 2048, 1, 1),
    }
    assert {name: tuple(network.get_submodule(name).weight.shape) for name in shapes} == shapes


def test_dilation_stands_where_a_stride_was():
    with torch.device("meta"):
        blocks = dict(WideResNet38().named_children())
    both = {
        name: (blocks[name].conv_branch2a.dilation[0], blocks[name].conv_branch2b1.dilation[0])
        for name in blocks
        if name.startswith("b") and name != "bn7"
    }
    assert (both["b4_5"], both["b5"], both["b5_1"], both["b6"], both["b7"]) == ((1, 1), (1, 2), (2, 2), (1, 4), (1, 4))
    assert [blocks[name].dropout.p for name in ("b5_2", "b6", "b7")] == [0.0, 0.3, 0.5]


@pytest.mark.parametrize("size", [(64, 48), (33, 41), (1, 9)])
def test_features_have_stride_8_at_any_size(narrow, size):
    with torch.no_grad():
        features = narrow(torch.rand(2, 3, *size))
    assert features.shape == (2, 256, -(-size[0] // 8), -(-size[1] // 8))
    assert features.min() >= 0


def test_a_block_is_its_shortcut_where_the_branch_is_0(narrow):
    block, features = narrow.b3_1, torch.randn(1, 16, 5, 5)
    kept = block.conv_branch2b1.weight.detach().clone()
    with torch.no_grad():
        block.conv_branch2b1.weight.zero_()
        torch.testing.assert_close(block(features), features)
        block.conv_branch2b1.weight.copy_(kept)


def files_of(folder, weights):
    """Write the weights as safetensors, and as torch files of today's and of the field's old form."""
    save_weights(folder / "w.safetensors", weights, {})
    torch.save(weights, folder / "w.pth")
    torch.save(weights, folder / "old.pth", _use_new_zipfile_serialization=False)
    return [folder / name for name in ("w.safetensors", "w.pth", "old.pth")]


def test_weight_files_of_every_kind_give_the_network_back(narrow, tmp_path):
    weights = {name: part for name, part in narrow.state_dict().items() if not name.endswith("num_batches_tracked")}
    rgb = torch.rand(1, 3, 32, 40)
    for path in files_of(tmp_path, {**weights, "fc8.weight": torch.zeros(20, 256, 1, 1)}):
        network = WideResNet38(width=4).eval()
        load_wideresnet38(network, path)
        with torch.no_grad():
            torch.testing.assert_close(network(rgb), narrow(rgb))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"b5_1.conv_branch2a.weight": None},
            "1 tensors are missing, 0 are unknown and 0 differ .* b5_1.conv_branch2a",
        ),
        ({"b8.weight": torch.zeros(1)}, "0 tensors are missing, 1 are unknown and 0 differ in shape, for example b8"),
        ({"bn7.bias": torch.zeros(3)}, "0 tensors are missing, 0 are unknown and 1 differ in shape, for example bn7"),
    ],
)
def test_other_names_and_shapes_are_refused(narrow, tmp_path, change, message):
    weights = {name: part for name, part in (narrow.state_dict() | change).items() if part is not None}
    torch.save(weights, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=f"is no WideResNet-38: {message}"):
        load_wideresnet38(WideResNet38(width=4), tmp_path / "w.pth")


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (print, ("code was run",))


@pytest.mark.parametrize("content", [Trap(), {"conv1a.weight": Trap()}, [1, 2], {"a": 1}])
def test_files_of_anything_but_tensors_are_refused_and_run_nothing(tmp_path, capsys, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"w\.pth: (not a torch file of plain tensors|holds no mapping)"):
        load_wideresnet38(WideResNet38(width=4), tmp_path / "w.pth")
    assert "code was run" not in capsys.readouterr().out


def test_damaged_and_missing_files_are_named(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"w\.pth: not a torch file"):
        load_wideresnet38(WideResNet38(width=4), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"backbone\.weights: no file .*other\.pth"):
        load_wideresnet38(WideResNet38(width=4), tmp_path / "other.pth")


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({"pretrained": True}, {"output_stride": 8}, "has no weights to fetch; give a local file"),
        ({"pretrained": False}, {"output_stride": 16}, "has one map of stride 8"),
        ({"pretrained": False}, {"output_stride": 8, "out_indices": (1, 2)}, "has one map of stride 8"),
    ],
)
def test_what_it_cannot_be_is_refused_when_it_is_made(settings, options, message):
    with pytest.raises(ValueError, match=message):
        create_backbone(Backbone(**NARROW, **settings), **options)


def test_the_segmenter_is_built_trained_and_restored_on_it(narrow, tmp_path):
    torch.save(narrow.state_dict(), tmp_path / "res38.pth")
    backbone = {**NARROW, "weights": str(tmp_path / "res38.pth")}
    settings = TrainSettings(backbone=backbone, hidden_channels=8, dilation=2, dropout=0.0)
    network = DeepLab(settings, num_classes=3)
    assert torch.equal(network.backbone.stages.b7.conv_branch1.weight, narrow.b7.conv_branch1.weight)
    assert pad_color(network.backbone.normalise) == (124, 116, 104)
    rgb = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 33, 40), dtype=np.uint8))
    network.train()
    assert not network.backbone.stages.bn7.training  # frozen statistics, by default
    network(rgb).square().mean().backward()
    assert network.backbone.stages.conv1a.weight.grad.abs().max() > 0
    (tmp_path / "res38.pth").unlink()
    again, _ = restore(network.state_dict(), describe(settings, ("a", "b")))
    with torch.no_grad():
        torch.testing.assert_close(again(rgb), network.eval()(rgb))
