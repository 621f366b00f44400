"""What every stage that trains does around the loop: seed, device, losses and weights to files, and no state left."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from orandnet.files.checkpoint import save_weights
from orandnet.files.manifest import training_key
from orandnet.job.progress import say
from orandnet.job.training_job import TrainingJob
from orandnet.networks.device import place, select_device
from orandnet.training.loop import Loss, Sample, fit
from orandnet.training.settings import Training
from orandnet.training.state import remove_state
from orandnet.training.watching import check_events


class Task(NamedTuple):
    """What a stage trains, and on what.

    Attributes:
        network: on the CPU, with its initial values.
        sample: what the loop draws, see `loop.fit`.
        num_samples: positions are 0 .. num_samples - 1.
        loss: what the loop minimises, see `loop.fit`.
        groups: the parameters with their rates, asked for when the network is on its device.
        training: length, optimiser and schedule.
        metadata: what the weights' file says of itself; it also tells unfinished trainings apart.
        chance: the loss of an answer that does not look at the images, if one is known.
    """

    network: nn.Module
    sample: Sample
    num_samples: int
    loss: Loss
    groups: Callable[[], list[dict]]
    training: Training
    metadata: dict[str, str]
    chance: float | None = None


def train(make_task: Callable[[], Task], job: TrainingJob, *, description: str) -> None:
    """Train a network from its seed to its files, or go on where an unfinished training was stopped.

    Args:
        make_task: called once the random numbers are seeded, since it draws the network's initial values.
        job: where results go, and how it runs.
        description: for the progress display.

    Raises:
        ValueError: if there is nothing to train on, the loss is not finite, or event files cannot be written.
        SystemExit: with code 75 if the training was asked to stop, once its state is saved.
    """
    check_events(job.events_output)
    events = f", and for TensorBoard in {job.events_output}" if job.events_output else ""
    say(f"{description}: losses by epoch grow in {job.history_output}{events}")
    where = select_device(job.device)
    torch.manual_seed(job.random_seed)
    task = make_task()
    network = place(task.network, where)
    fit(
        network,
        sample=task.sample,
        num_samples=task.num_samples,
        loss=task.loss,
        settings=task.training,
        groups=task.groups(),
        state=job.state,
        key=training_key({"key": job.key, "metadata": task.metadata}),
        random_seed=job.random_seed,
        device=where,
        threads=job.threads,
        description=description,
        history_output=job.history_output,
        events_output=job.events_output,
        chance=task.chance,
    )
    save_weights(job.output, network.state_dict(), task.metadata)
    remove_state(job.state)
