"""Trainings of ORANDNet with other inputs and targets, on the members' CAMs of a finished run."""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from orandnet.config.sections import Config
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record
from orandnet.files.store import Cam, CamStore
from orandnet.fusion.members import align
from orandnet.fusion.stage import fused
from orandnet.job.training_job import TrainingJob
from orandnet.maps.grid import averaged
from orandnet.networks.device import mixed_precision
from orandnet.orandnet.loss import training_loss
from orandnet.orandnet.network import create_network
from orandnet.orandnet.samples import drawn
from orandnet.orandnet.settings import Settings
from orandnet.plan.cams import member_shards, shards
from orandnet.training.optimizer import parameter_groups
from orandnet.training.task import Task, train


class Variant(NamedTuple):
    """What the network sees (or, members, image) and what it is to give (and, agreement); nothing of the mean."""

    inputs: tuple[str, ...] = ()
    target: str = ""


class Example(NamedTuple):
    """An image's maps on the grid: OR, AND and mean (K, h, w), members (K, M, h, w), image (3, h, w), all in [0, 1]."""

    record: Record
    cams: dict[str, Cam]
    members: np.ndarray
    image: np.ndarray


class Samples:
    """Draws, as CamSamples, (inputs (1, I, s, s), target (1, 1, s, s), weight (1, 1, s, s)) of a class of an image."""

    def __init__(self, maps: list[np.ndarray], settings: Settings):
        """Keep the maps (K, I + 2, h, w) of each image: inputs, target and weight."""
        self.settings = settings
        self.maps = [torch.from_numpy(its) for image in maps for its in image]

    def __call__(self, position: int, generator: np.random.Generator, progress: float) -> tuple[Tensor, ...]:
        """Return the sample at `position`."""
        return drawn(self.maps[position][None], self.settings, generator)


def read_examples(config: Config, ensemble: str, seed: int, records: list[Record]) -> list[Example]:
    """Return the maps of all records, rounded as the store rounds them."""
    members, settings = config.ensembles[ensemble].members, config.fusion_of(ensemble)
    paths = zip(*(member_shards(config, ensemble, seed, shard) for shard in shards(config)), strict=True)
    stores = dict(zip(members, map(CamStore, paths), strict=True))
    by_operator = {
        operator: {cam.image_id: stored(cam) for cam in fused(stores, operator, settings)}
        for operator in ("or", "and", "mean")
    }
    examples = []
    for record in records:
        cams = {operator: cams[record.image_id] for operator, cams in by_operator.items()}
        _, aligned = align({name: store[record.image_id] for name, store in stores.items()})
        rgb = read_rgb(record.image, record.size).transpose(2, 0, 1).astype(np.float32) / 255
        image = averaged(rgb, cams["or"].scores.shape[1:])
        examples.append(Example(record, cams, np.stack([aligned[name] for name in members], axis=1), image))
    return examples


def stored(cam: Cam) -> Cam:
    """Return a CAM as it comes back from a store, which keeps scores as float16."""
    return cam._replace(scores=np.asarray(cam.scores, dtype=np.float16).astype(np.float32))


def inputs_of(example: Example, names: tuple[str, ...]) -> np.ndarray:
    """Return the (K, I, h, w) float32 inputs of each class: or, members, image, joined as they are named."""
    number = len(example.members)
    parts = {
        "or": example.cams["or"].scores[:, None],
        "members": example.members,
        "image": np.broadcast_to(example.image, (number, *example.image.shape)),
    }
    return np.concatenate([parts[name] for name in names], axis=1)


def targets(example: Example, target: str, sure: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the (K, 1, h, w) float32 target and weight; `sure` holds the thresholds of AND and OR."""
    and_scores, or_scores = (example.cams[operator].scores[:, None] for operator in ("and", "or"))
    if target == "and":
        return and_scores, np.ones_like(and_scores)
    found, none = and_scores > sure["and"], or_scores < sure["or"]
    return found.astype(np.float32), (found ^ none).astype(np.float32)


def channels(example: Example, variant: Variant, sure: dict[str, float]) -> np.ndarray:
    """Return the (K, I + 2, h, w) float32 inputs, target and weight of each class."""
    return np.concatenate([inputs_of(example, variant.inputs), *targets(example, variant.target, sure)], axis=1)


def trained(
    examples: list[Example], variant: Variant, sure: dict[str, float], settings: Settings, job: TrainingJob
) -> nn.Module:
    """Train a variant as the stage `orandnet` does, and return its network in inference mode."""
    maps = [channels(example, variant, sure) for example in examples]
    samples, number, made = Samples(maps, settings), maps[0].shape[1] - 2, []

    def task() -> Task:
        network = create_network(settings.model_copy(update={"inputs": ["or"] * number}))
        made.append(network)
        return Task(
            network,
            samples,
            len(samples.maps),
            partial(training_loss, loss=settings.loss),
            groups=lambda: parameter_groups(list(network.parameters()), [], head_factor=1.0),
            training=settings.training,
            metadata={"orandnet": settings.canonical_json()},
        )

    train(task, job, description="orandnet train")
    return made[0].eval()


@torch.inference_mode()
def refined(
    network: nn.Module, example: Example, inputs: tuple[str, ...], settings: Settings, device: torch.device
) -> Cam:
    """Return the image's map of a variant."""
    with mixed_precision(device, settings.training.precision):
        logits = network(torch.from_numpy(inputs_of(example, inputs)).to(device)).float()
    return stored(example.cams["or"]._replace(scores=logits.sigmoid()[:, 0].cpu().numpy()))
