"""A training of the segmenter that is scored on the way, and is not changed by it; stopped, it goes on where it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record, read_index
from orandnet.evaluation.confusion import confusion_matrix, scores
from orandnet.files.atomic import atomic_path
from orandnet.files.checkpoint import load_weights
from orandnet.files.places import place
from orandnet.job.training_job import TrainingJob
from orandnet.networks.backbone import pad_color
from orandnet.networks.device import place as place_on
from orandnet.networks.device import select_device
from orandnet.prediction.inference import probabilities_for
from orandnet.prediction.settings import PredictSettings
from orandnet.prediction.stage import trained_network
from orandnet.prediction.variants import variant_masks
from orandnet.segmenter.deeplab import describe
from orandnet.segmenter.sample import TrainingPairs
from orandnet.segmenter.settings import TrainSettings, schedule_factors
from orandnet.segmenter.stage import mask_reader, start_network, training_loss
from orandnet.training.state import FILE
from orandnet.training.task import Task, train

SINGLE_SCALE = PredictSettings(variants=("ss",))


class Split(NamedTuple):
    """Images with true masks that a network is scored on."""

    records: list[Record]
    truth: GroundTruth
    num_classes: int


class Inputs(NamedTuple):
    """The list of training images, lists of their pseudo masks, and first weights of the backbone, if any."""

    index: Path
    masks: list[Path]
    weights: Path | None


class WatchedLoss:
    """The loss of a training that, at some steps, scores the network before it takes the next one."""

    def __init__(self, loss: Callable, score: Callable[[], float], points: list[int], job: TrainingJob):
        """Wrap a loss, which the training calls once a step; the scores lie beside the weights, as JSON."""
        self.loss, self.score, self.points = loss, score, points
        self.state, self.file = job.state / FILE, job.output.with_name("val_miou.json")
        self.step: int | None = None

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Return the loss of the batch."""
        if self.step is None:
            self.step = self._first_step()
        if self.step in self.points:
            found = self.found() | {self.step: self.score()}
            with atomic_path(self.file) as path:
                path.write_text(json.dumps(found), encoding="utf-8")
        self.step += 1
        return self.loss(network, batch)

    def found(self) -> dict[int, float]:
        """Return step -> score, also of what was trained before it was stopped."""
        known = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        return {int(step): value for step, value in known.items()}

    def _first_step(self) -> int:
        """Return where the training was taken up: one that is not to be taken up has been set aside by now."""
        return json.loads(load_weights(self.state)[1]["progress"])["step"] if self.state.exists() else 0


def split_of(run: str, part: str, name: str) -> Split:
    """Return the images of a split, which stands in the list of `part`."""
    index = Path(place("dataset_images", run, part=part))
    images = read_index(index)
    truth = GroundTruth(index, Path(place("dataset_ground_truth", run, part=part)))
    return Split(images.filled_subset(name, index), truth, images.num_classes)


def miou(
    network: nn.Module,
    split: Split,
    device: torch.device,
    *,
    variant: str = "ss",
    settings: PredictSettings = SINGLE_SCALE,
) -> float:
    """Return the mIoU of a variant in percent; the network and all random numbers stay as they are."""
    total = np.zeros((split.num_classes, split.num_classes), dtype=np.int64)
    crf = {"crf": settings.crf, "min_probability": settings.crf_min_probability}
    training = network.training
    with torch.random.fork_rng():
        network.eval()
        for record in split.records:
            rgb = read_rgb(record.image, record.size)
            found = probabilities_for(network, rgb, (variant,), settings, device)
            predicted = variant_masks(rgb, found, variants=(variant,), **crf)[variant]
            total += confusion_matrix(predicted, split.truth.read(record.image_id), num_classes=split.num_classes)
        network.train(training)
    return 100 * float(scores(total).miou)


def trained(
    settings: TrainSettings, schedule: str, inputs: Inputs, job: TrainingJob, val: Split, points: list[int]
) -> tuple[nn.Module, dict[int, float]]:
    """Train as the stage `segmenter` does, and return the network and the mIoU on val at each of the points.

    Args:
        settings: of the training at its full length.
        schedule: baseline, scale or scale_same_pixels.
        inputs: what it reads.
        job: where its files go, a folder for this training alone; what lies there of it is taken up.
        val: images to score the network on.
        points: steps after which that is done, the last one at the end.
    """
    images, device, made = read_index(inputs.index), select_device(job.device), []
    records = images.subset("train_aug")
    read_mask = mask_reader(records, index=inputs.index, masks=inputs.masks, ground_truth=None)
    watched = WatchedLoss(
        lambda network, batch: training_loss(network, batch, settings), lambda: miou(made[0], val, device), points, job
    )

    def task() -> Task:
        network = start_network(settings, num_classes=images.num_classes, initial_weights=inputs.weights)
        made.append(network)
        factors, pad_rgb = schedule_factors(settings, schedule), pad_color(network.backbone.normalise)
        return Task(
            network,
            TrainingPairs(records, read_mask, settings, factors, pad_rgb, job.random_seed),
            len(records),
            watched,
            groups=lambda: network.groups(settings.training.head_learning_rate_factor),
            training=settings.training,
            metadata=describe(settings, images.class_names),
        )

    if not job.output.exists():
        train(task, job, description=f"segmenter ({schedule})")
    network = place_on(trained_network(job.output, images), device)
    return network, watched.found() | {points[-1]: miou(network, val, device)}
