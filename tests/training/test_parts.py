"""A batch in parts: the loss and the gradient of the whole, whatever the loss is a mean over."""

import os
import signal
from functools import partial

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from orandnet.irn.loss import training_loss as boundary_loss
from orandnet.training.parts import in_parts
from orandnet.training.pixel_loss import pixel_cross_entropy
from orandnet.training.settings import Training
from toy_training import SETTINGS, after_steps, train


class Convolutions(nn.Module):
    """A network without batch statistics, in float64."""

    def __init__(self, channels):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, channels, 3, padding=1))
        self.double()

    def forward(self, images):
        return self.layers(images)


def masks_loss(network, batch, *, balanced):
    return pixel_cross_entropy(network(batch[0]), batch[1], label_smoothing=0.1, balanced=balanced)


def named_loss(network, batch):
    outputs = network(batch[0])
    return outputs["first"].square().mean() + outputs["second"].abs().mean()


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = Convolutions(2)

    def forward(self, images):
        maps = self.network(images)
        return {"first": maps[:, 0], "second": maps[:, 1]}


def uneven_masks():
    """Of five images, one is ignored whole, one holds background alone and one a single labelled pixel."""
    torch.manual_seed(1)
    ids = torch.randint(0, 4, (5, 12, 12), dtype=torch.uint8)
    ids[0], ids[1], ids[2] = 255, 0, 255
    ids[2, 3, 4] = 2
    return ids


CASES = {
    "mean over pixels": (lambda: Convolutions(4), partial(masks_loss, balanced=False)),
    "background and foreground apart": (lambda: Convolutions(4), partial(masks_loss, balanced=True)),
    "pairs of pixels by kind": (
        lambda: nn.Sequential(Convolutions(1), nn.Flatten(1, 2)),
        lambda network, batch: boundary_loss(lambda rgb: network(rgb).double(), batch, radius=3)["loss"],
    ),
    "named outputs": (Named, named_loss),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("number", [2, 3, 5, 9])
def test_loss_and_gradient_are_those_of_the_whole_batch(case, number):
    make, loss = CASES[case]
    batch = torch.randn(5, 3, 12, 12, dtype=torch.float64), uneven_masks()
    found = []
    for parts in (1, number):
        network = make()
        value = loss(in_parts(network, parts, (0, 0)), batch)
        value.backward()
        found.append([value.detach(), *(parameter.grad for parameter in network.parameters())])
    # IRN's loss is computed in float32 in any case
    tolerance = 1e-5 if case.startswith("pairs") else 1e-12
    torch.testing.assert_close(found[0], found[1], rtol=tolerance, atol=tolerance * 1e-2)
    assert any(part.abs().max() > 0 for part in found[0][1:])


def test_several_tensors_are_cut_alike():
    network = nn.Bilinear(2, 3, 4).double()
    left, right = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(in_parts(network, 2, (0,))(left, right), network(left, right))


def test_the_second_pass_drops_out_what_the_first_did():
    network = nn.Sequential(nn.Linear(50, 50, bias=False), nn.Dropout(0.5))
    inputs = torch.eye(50)
    output = in_parts(network, 2, (3, 1))(inputs)
    output.sum().backward()
    # the gradient of a weight is that of the outputs it reached
    kept = (output != 0).T.float() * 2
    torch.testing.assert_close(network[0].weight.grad, kept)
    assert 0.3 < (output != 0).float().mean() < 0.7
    halves = (output[:25] != 0), (output[25:] != 0)
    assert not torch.equal(*halves)


def test_batch_statistics_are_counted_once_for_each_part():
    network, twice = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    inputs = torch.randn(8, 3)
    in_parts(network, 2, (0,))(inputs).square().sum().backward()
    twice(inputs[:4]), twice(inputs[4:])
    for name, expected in twice.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], expected, msg=name)
    assert network.momentum == 0.1


def test_a_training_in_parts_that_is_stopped_and_resumed_ends_with_the_same_bytes(tmp_path):
    settings = SETTINGS.model_copy(update={"accumulate": 2})
    whole = train(tmp_path / "whole", settings)
    stopping = after_steps(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit):
        train(tmp_path / "stopped", settings, loss=stopping)
    assert train(tmp_path / "stopped", settings) == whole
    assert whole[1].decode().splitlines()[0] == "epoch,learning_rate,loss,zeal,accuracy"
    assert len(whole[1].decode().splitlines()) == 1 + SETTINGS.epochs


def test_without_parts_the_network_itself_is_taken():
    network = nn.Linear(2, 2)
    assert in_parts(network, 1, (0,)) is network


def test_more_parts_than_images_are_refused():
    with pytest.raises(ValidationError, match="accumulate 5 is more than the batch_size 4 has images; lower it"):
        Training(batch_size=4, accumulate=5)
