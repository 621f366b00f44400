"""IRN in three commands: label confident pixels, train the boundary network, walk inside the boundaries.

Modules that need torch are imported by the two commands that use them: the many label jobs then start
seconds sooner.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record, read_index
from orandnet.files.mask import MaskList, write_mask, write_mask_list
from orandnet.files.store import Cam, CamStore, shard_slice, write_shard
from orandnet.files.thresholds import read_thresholds
from orandnet.irn.labels import FEW, count_sure, describe_sure, ir_label
from orandnet.irn.settings import BoundarySettings, LabelSettings, WalkSettings
from orandnet.job.progress import say, track
from orandnet.job.read_ahead import read_ahead
from orandnet.job.training_job import TrainingJob
from orandnet.job.warnings import warn
from orandnet.maps.flatness import warned_if_flat
from orandnet.maps.grid import resize_scores

if TYPE_CHECKING:
    from orandnet.irn.boundary import BoundaryNetwork


def labels(
    *,
    index: Path,
    cams: list[Path],
    output: Path,
    settings: LabelSettings,
    otsu: Path | None = None,
    shard: str = "1-of-1",
) -> None:
    """Write the inter-pixel labels of a shard of train_aug as PNGs, and the list `output` beside them.

    `otsu` is otsu.json of the method, which gives the thresholds where the settings name none.

    Args:
        index: train_aug.csv of the data set.
        cams: shards of the CAM.
        output: list of the labels (CSV), which lie beside it.
        settings: thresholds and the dense CRF.
        otsu: otsu.json of the method, which gives the thresholds that the settings do not name.
        shard: which part, as 2-of-4: the second of four.
    """
    records = shard_slice(read_index(index).filled_subset("train_aug", index), shard)
    store = CamStore(cams)
    write_mask_list(output, _write_labels(records, store, output.parent, with_thresholds(settings, otsu)))


def with_thresholds(settings: LabelSettings, otsu: Path | None) -> LabelSettings:
    """Return the settings with both thresholds; otsu.json gives those that they do not name.

    Raises:
        ValueError: if there is no file, or a threshold that is named does not fit the other.
    """
    if not settings.from_scores:
        return settings
    if otsu is None:
        raise ValueError("irn.labels: does not name both thresholds, and --otsu no file; give one of them.")
    found = read_thresholds(otsu)
    given = {name: value for name, value in settings if value is not None}
    return LabelSettings.model_validate(
        {"foreground_threshold": found.sure_foreground, "background_threshold": found.sure_background} | given
    )


def _write_labels(records: list[Record], store: CamStore, folder: Path, settings: LabelSettings) -> Iterator[dict]:
    sure, pixels = np.zeros(2, dtype=np.int64), 0
    for record in track(records, "irn labels"):
        cam = store[record.image_id]
        label = ir_label(
            read_rgb(record.image, record.size),
            resize_scores(cam.scores, cam.size),
            cam.classes,
            foreground_threshold=settings.foreground_threshold,
            background_threshold=settings.background_threshold,
            confidence=settings.confidence,
            crf=settings.crf,
        )
        sha256 = write_mask(folder / f"{record.image_id}.png", label)
        sure, pixels = sure + count_sure(label), pixels + label.size
        yield {"image_id": record.image_id, "sha256": sha256}
    if pixels:
        shares = (sure / pixels).tolist()
        line = f"irn labels: {describe_sure(*shares)}"
        if min(shares) < FEW:
            warn("few_sure_pixels", line)
        else:
            say(line)


def train(
    *,
    index: Path,
    labels: list[Path],
    initial_weights: Path | None = None,
    settings: BoundarySettings,
    job: TrainingJob,
) -> None:
    """Train the boundary network on train_aug; `initial_weights` are a classifier's, for its backbone.

    Args:
        index: train_aug.csv of the data set.
        labels: lists of inter-pixel labels.
        initial_weights: weights of a classifier, for the backbone; without it the settings say how it starts.
        settings: network and training.
    """
    from orandnet.irn.boundary import describe, start_network
    from orandnet.irn.loss import training_loss
    from orandnet.training.task import Task
    from orandnet.training.task import train as train_network
    from orandnet.training.windows import LabelledWindows

    records, masks = read_index(index).filled_subset("train_aug", index), MaskList(labels)

    def task() -> Task:
        network = start_network(settings, initial_weights=initial_weights)
        factor = settings.training.head_learning_rate_factor
        return Task(
            network,
            LabelledWindows(records, masks, settings.random_scale, settings.crop_size, network.pad_rgb),
            len(records),
            lambda network, batch: training_loss(network, batch, radius=settings.radius),
            groups=lambda: [{"params": list(network.edge_parameters()), "lr_factor": factor}],
            training=settings.training,
            metadata=describe(settings),
        )

    train_network(task, job, description="irn")


def walk(
    *,
    index: Path,
    cams: list[Path],
    weights: Path,
    output: Path,
    settings: WalkSettings,
    shard: str = "1-of-1",
    device: str = "auto",
) -> None:
    """Write the CAMs of a shard of train_aug after the random walk, in the store's format.

    Args:
        index: train_aug.csv of the data set.
        cams: shards of the CAM.
        weights: of the boundary network.
        output: shard of CAMs after the walk.
        settings: reach and length of the walk.
        shard: which part, as 2-of-4: the second of four.
        device: auto, cpu or cuda.
    """
    from orandnet.irn.boundary import restore
    from orandnet.networks.device import place, select_device

    network = place(restore(weights), select_device(device))
    records = shard_slice(read_index(index).filled_subset("train_aug", index), shard)
    write_shard(output, warned_if_flat(_walked(records, CamStore(cams), network, settings), "irn walk"))


def _walked(
    records: list[Record], store: CamStore, network: "BoundaryNetwork", settings: WalkSettings
) -> Iterator[Cam]:
    from orandnet.irn.walking import walked
    from orandnet.training.augment import to_tensor

    read = read_ahead((store[record.image_id], to_tensor(read_rgb(record.image, record.size))) for record in records)
    for cam, rgb in track(read, "irn walk", len(records)):
        yield walked(network, cam, rgb, settings)


COMMANDS = {"labels": labels, "train": train, "walk": walk}
