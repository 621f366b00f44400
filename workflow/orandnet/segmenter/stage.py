"""Train the segmenter on pseudo masks, or on ground truth as the fully supervised reference."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from orandnet.dataset.index import Record, read_index
from orandnet.files.checkpoint import load_backbone
from orandnet.files.mask import MaskList
from orandnet.job.training_job import TrainingJob
from orandnet.job.warnings import warn
from orandnet.networks.backbone import pad_color
from orandnet.segmenter.deeplab import DeepLab, describe, without_pretraining
from orandnet.segmenter.sample import TrainingPairs
from orandnet.segmenter.scale_schedule import doubts, pixels_seen, steps_of_equal_pixels
from orandnet.segmenter.settings import SegmenterTraining, TrainSettings, schedule_factors
from orandnet.training.pixel_loss import pixel_cross_entropy
from orandnet.training.task import Task, train


def run(
    *,
    index: Path,
    masks: list[Path],
    ground_truth: Path | None = None,
    initial_weights: Path | None = None,
    settings: TrainSettings,
    schedule: str,
    job: TrainingJob,
) -> None:
    """Train a segmenter on train_aug with either `masks`, lists of pseudo masks, or `ground_truth`.

    Args:
        index: train_aug.csv of the data set.
        masks: lists of pseudo masks.
        ground_truth: where the true masks lie (JSON), for the fully supervised reference, in the place of pseudo masks.
        initial_weights: weights of a classifier, for the backbone; without it the settings say how it starts.
        settings: network and training.
        schedule: baseline, scale or scale_same_pixels.
    """
    images = read_index(index)
    records = images.subset("train_aug")
    read_mask = mask_reader(records, index=index, masks=masks, ground_truth=ground_truth)
    training = settings.training
    if schedule == "scale_same_pixels" and records:  # without any, the training says what is wrong
        training = with_pixels_of_baseline(settings, [record.size for record in records])
    for doubt in doubts(schedule, training.num_steps(len(records))) if records else ():
        warn(*doubt)

    def task() -> Task:
        network = start_network(settings, num_classes=images.num_classes, initial_weights=initial_weights)
        factors, pad_rgb = schedule_factors(settings, schedule), pad_color(network.backbone.normalise)
        return Task(
            network,
            TrainingPairs(records, read_mask, settings, factors, pad_rgb, job.random_seed),
            len(records),
            lambda network, batch: training_loss(network, batch, settings),
            groups=lambda: network.groups(settings.training.head_learning_rate_factor),
            training=training,
            metadata=describe(settings, images.class_names),
        )

    train(task, job, description=f"segmenter ({schedule})")


def with_pixels_of_baseline(settings: TrainSettings, sizes: list[tuple[int, int]]) -> SegmenterTraining:
    """Return the settings of a training, lengthened until the scale schedule sees the baseline's pixels.

    Args:
        settings: with the training of the baseline.
        sizes: (H, W) of the training images.
    """
    schedule, training = settings.scale_schedule, settings.training
    window = {
        "crop_size": settings.crop_size,
        "scale_crop": schedule.scale_crop,
        "random_scale": settings.random_scale,
    }
    pixels = {
        factor: sum(number * pixels_seen(size, factor, **window) for size, number in Counter(sizes).items())
        for factor in {*schedule.factors, 1.0}
    }
    steps = steps_of_equal_pixels(
        training.num_steps(len(sizes)), pixels, factors=schedule.factors, fraction=schedule.fraction
    )
    epochs = -(-steps // training.steps_per_epoch(len(sizes)))
    return training.model_copy(update={"epochs": epochs, "max_iterations": steps})


def mask_reader(
    records: list[Record], *, index: Path, masks: list[Path], ground_truth: Path | None
) -> Callable[[str], np.ndarray]:
    """Return the function image_id -> (H, W) uint8 mask ids that the training reads its targets with.

    Raises:
        ValueError: if not exactly one source of masks is given, or an image has no pseudo mask.
    """
    if bool(masks) == (ground_truth is not None):
        raise ValueError(
            f"masks: {len(masks)} lists of pseudo masks and ground truth {ground_truth} are given; give one of the two."
        )
    if ground_truth is not None:
        # imported here, so that a weakly supervised training never loads the way to ground-truth masks
        from orandnet.dataset.ground_truth import GroundTruth

        truth = GroundTruth(index, ground_truth)
        truth.require(record.image_id for record in records)
        return truth.read
    listed = MaskList(masks)
    for record in records:
        listed.path(record.image_id)  # a missing mask is an error now, not after hours of training
    return listed.read


def start_network(settings: TrainSettings, *, num_classes: int, initial_weights: Path | None) -> DeepLab:
    """Return a segmenter whose backbone starts from `initial_weights`, or as `settings.backbone` says."""
    if initial_weights is None:
        return DeepLab(settings, num_classes=num_classes)
    network = DeepLab(without_pretraining(settings), num_classes=num_classes)
    load_backbone(network, initial_weights)
    return network


def training_loss(network: nn.Module, batch: tuple[Tensor, Tensor], settings: TrainSettings) -> dict[str, Tensor]:
    """Return the loss of a batch of (N, 3, S, S) uint8 RGB and (N, S, S) uint8 mask ids."""
    rgb, target = batch
    loss = pixel_cross_entropy(
        network(rgb), target, label_smoothing=settings.label_smoothing, balanced=settings.balanced
    )
    return {"loss": loss}


COMMANDS = {"": run}
