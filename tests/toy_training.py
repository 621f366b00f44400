"""A training of a second: a network, samples and a loss for tests of what all trainings share."""

import numpy as np
import torch
from torch import nn

from orandnet.files.checkpoint import save_weights
from orandnet.networks.device import select_device
from orandnet.training import loop
from orandnet.training.optimizer import parameter_groups
from orandnet.training.settings import Training

CPU = select_device("cpu")  # reproducible kernels, here and in the processes that the tests start
NUM_SAMPLES = 11
SETTINGS = Training(epochs=3, batch_size=4, learning_rate=0.05, momentum=0.9, weight_decay=0.01)


class Toy(nn.Module):
    """All that makes resuming hard: batch statistics, dropout, two learning rates."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(4, 2)

    def forward(self, images):
        return self.head(self.body(images).mean(dim=(2, 3)))


def noisy_sample(position, generator, progress):
    """The class of a sample is the channel that is brightest, under noise that grows with the progress."""
    image = np.zeros((3, 6, 6), np.float32)
    image[position % 2] = 1
    image += generator.normal(0, 0.1 + 0.1 * progress, image.shape).astype(np.float32)
    return torch.from_numpy(image), position % 2


def toy_loss(network, batch):
    images, classes = batch
    logits = network(images)
    loss = nn.functional.cross_entropy(logits, classes)
    # names on both sides of `epoch` and `loss` in the alphabet: the history must keep their order
    return {"loss": loss, "zeal": logits.abs().mean(), "accuracy": (logits.argmax(1) == classes).double().mean()}


def train(folder, settings=SETTINGS, *, key="key", threads=1, sample=noisy_sample, loss=toy_loss, **options):
    """Train a toy as a stage does; return the bytes of the weights and of the history."""
    torch.set_num_threads(1)  # whatever earlier tests have set: torch picks other kernels for one thread than for two
    network = Toy()
    loop.fit(
        network,
        sample=sample,
        num_samples=options.pop("num_samples", NUM_SAMPLES),
        loss=loss,
        settings=settings,
        groups=parameter_groups(list(network.body.parameters()), list(network.head.parameters()), head_factor=10.0),
        state=folder / ".state",
        key=key,
        random_seed=options.pop("random_seed", 0),
        device=CPU,
        threads=threads,
        description="toy",
        history_output=folder / "history.csv",
        **options,
    )
    save_weights(folder / "weights.safetensors", network.state_dict(), {})
    return (folder / "weights.safetensors").read_bytes(), (folder / "history.csv").read_bytes()


def after_steps(number, action):
    """A loss that acts when its step `number`, counted from 1, is computed."""
    calls = []

    def loss(network, batch):
        calls.append(1)
        if len(calls) == number:
            action()
        return toy_loss(network, batch)

    return loss
