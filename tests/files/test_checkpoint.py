"""Weights files: whole, equal for equal weights, and plain numbers only."""

import pickle
import re

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from orandnet.files.checkpoint import (
    described,
    described_classes,
    fill_network,
    load_backbone,
    load_weights,
    save_weights,
)
from orandnet.settings import Backbone


def tensors():
    return {
        "weight": torch.arange(6.0).view(2, 3).t(),  # not contiguous
        "count": torch.tensor(7),
        "half": torch.tensor([0.1, 0.2], dtype=torch.float16),
        "empty": torch.zeros(0, 3),
    }


def test_tensors_and_metadata_come_back_as_they_were(tmp_path):
    save_weights(tmp_path / "new folder" / "w.safetensors", tensors(), {"classes": '["cat"]', "kind": "cnn"})
    found, metadata = load_weights(tmp_path / "new folder" / "w.safetensors")
    assert metadata == {"classes": '["cat"]', "kind": "cnn"}
    assert found.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype


def test_equal_weights_give_equal_bytes_whatever_the_order(tmp_path):
    metadata = {"b": "1", "a": "2", "c": "3"}
    save_weights(tmp_path / "1", tensors(), metadata)
    save_weights(tmp_path / "2", dict(reversed(tensors().items())), dict(reversed(metadata.items())))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_an_older_file_survives_a_failure(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, tensors(), {})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_weights(path, tensors(), {"key": object()})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"short", pickle.dumps({"weight": [1, 2]})])
def test_only_safetensors_are_read(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{path}: not a readable safetensors file")):
        load_weights(path)


def test_pytorchs_pickles_and_missing_files_are_refused(tmp_path):
    torch.save(tensors(), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"w.pth: not a readable safetensors file"):
        load_weights(tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"missing: there is no such weights file"):
        load_weights(tmp_path / "missing")


@pytest.mark.parametrize("metadata", ["{not json", "[1]", '{"key": 3}', "[" * 9999])
def test_metadata_that_are_not_ours_are_refused_by_the_file_s_name(tmp_path, metadata):
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "w.safetensors", metadata={"orandnet": metadata})
    with pytest.raises(ValueError, match=r"w.safetensors: not a readable safetensors file"):
        load_weights(tmp_path / "w.safetensors")


class Network(nn.Module):
    def __init__(self, width=2, head=1):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, width, 1), nn.BatchNorm2d(width))
        self.head = nn.Linear(width, head)


def save(network, path):
    save_weights(path, network.state_dict(), {})
    return path


def test_a_backbone_is_taken_over_and_the_head_is_not(tmp_path):
    trained, fresh = Network(head=4), Network()
    head = fresh.head.weight.clone()
    load_backbone(fresh, save(trained, tmp_path / "w"))
    for name, tensor in fresh.backbone.state_dict().items():
        assert torch.equal(tensor, trained.backbone.state_dict()[name])
    assert torch.equal(fresh.head.weight, head)


def test_a_backbone_of_another_shape_is_refused_by_name(tmp_path):
    path = save(Network(width=3), tmp_path / "w")
    with pytest.raises(ValueError, match=r"0 backbone tensors are missing and 6 differ .* backbone\.0\.bias; use"):
        load_backbone(Network(), path)


def test_a_backbone_with_missing_tensors_is_refused_by_name(tmp_path):
    network = Network()
    state = {name: t for name, t in network.state_dict().items() if name != "backbone.1.weight"}
    save_weights(tmp_path / "w", state, {})
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(ValueError, match=r"1 backbone tensors are missing .* backbone\.1\.weight; use"):
        load_backbone(network, tmp_path / "w")
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_network_without_that_backbone_changes_nothing_silently(tmp_path):
    save_weights(tmp_path / "w", {"model.0.weight": torch.tensor(np.zeros(2))}, {})
    with pytest.raises(ValueError, match="7 backbone tensors are missing"):
        load_backbone(Network(), tmp_path / "w")


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("0.weight"), "lacks 1 of the 4 tensors of the network it describes, first 0.weight; train it"),
        (lambda w: w.update(head=torch.zeros(1)), "has besides 1 of the 4 tensors"),
        (
            lambda w: w.update({"1.weight": torch.zeros(3, 2)}),
            "has in another shape 1 of the 4 tensors of the network it describes, first 1.weight, (3, 2) for (1, 2); ",
        ),
        (lambda w: w["1.bias"].fill_(float("nan")), "1 tensors hold nan or inf, first 1.bias; train it again."),
    ],
)
def test_weights_of_another_network_are_refused_by_name(change, message):
    weights = {name: tensor.clone() for name, tensor in small().state_dict().items()}
    fill_network(small(), weights, "w")
    change(weights)
    with pytest.raises(ValueError, match=re.escape(f"w: {message}")):
        fill_network(small(), weights, "w")


def test_weights_of_other_classes_are_refused_with_both_lists():
    metadata = {"classes": '["cat", "dog"]'}
    assert described_classes("w", metadata, None) == described_classes("w", metadata, ["cat", "dog"]) == ("cat", "dog")
    for other in (["dog", "cat"], ["cat"]):
        with pytest.raises(ValueError, match=r"w: trained for the classes \('cat', 'dog'\), but the data set has \('"):
            described_classes("w", metadata, other)
    for damaged in ({}, {"classes": "["}, {"classes": "3"}):
        with pytest.raises(ValueError, match=r"w: does not tell its classes; train it again\."):
            described_classes("w", damaged, None)


def test_settings_in_weights_that_are_not_understood_are_one_line():
    assert described("w", {"key": Backbone().canonical_json()}, "key", Backbone) == Backbone()
    for metadata in ({}, {"key": "{"}, {"key": '{"modle": 1}'}):
        with pytest.raises(
            ValueError, match=r"^w: holds .* of key; give weights that the stage of this version wrote.$"
        ):
            described("w", metadata, "key", Backbone)
