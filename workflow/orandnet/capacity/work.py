"""One step of each training, and one batch or image of each inference, as the stages do them."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from orandnet.cam.maps import batch_cams
from orandnet.capacity.jobs import Images, Job
from orandnet.classifier.amn_training import activation_loss
from orandnet.classifier.stage import classification_loss
from orandnet.dataset.index import Record
from orandnet.files.store import Cam
from orandnet.irn.loss import training_loss as boundary_loss
from orandnet.irn.walking import walked
from orandnet.maps.grid import GRID_STRIDE, grid_shape
from orandnet.networks.device import place
from orandnet.orandnet.loss import training_loss as orandnet_loss
from orandnet.orandnet.maps import refine
from orandnet.prediction.inference import probabilities_for
from orandnet.segmenter.stage import training_loss as segmenter_loss
from orandnet.settings import Section
from orandnet.training.loop import Loss, Steps, fresh_progress, training_step
from orandnet.training.optimizer import build_optimizer, parameter_groups

Arrays = tuple[Tensor, ...]
MOST_CLASSES = 2  # of an image whose CAMs are made: more take turns, and what is kept of each is small


class Learning(NamedTuple):
    """What a training needs beside its network.

    Attributes:
        loss: as the loop takes it.
        groups: the optimiser's, of the network on its device.
        batch: (number of images) -> tensors on the CPU.
    """

    loss: Loss
    groups: Callable[[nn.Module], list[dict]]
    batch: Callable[[int], Arrays]


def steps(
    job: Job,
    images: Images,
    network: nn.Module,
    device: torch.device,
    *,
    batch_size: int,
    batch: Callable[[int], Arrays] | None = None,
) -> Iterator[None]:
    """Do one step after the other of a training, or one batch after the other of an inference, each when asked.

    Args:
        job: whose work it is.
        images: what they are like.
        network: on the CPU.
        device: where to compute; a real one, or a fake one inside `fake_tensors`.
        batch_size: images at a time.
        batch: (their number) -> the tensors of a training's batch, on the CPU; by default zeros.
    """
    network = place(network, device)
    if not job.trains:
        work = INFERENCES[job.rule](job, images, network.eval(), device, batch_size)
        while True:
            work()
            yield
    settings, learning = job.settings[0].training, LEARNING[job.rule](job.settings[0], images)
    # no more parts than images, as in the loop's last check of the settings
    settings = settings.model_copy(
        update={"batch_size": batch_size, "accumulate": min(settings.accumulate, batch_size)}
    )
    optimizer = build_optimizer(learning.groups(network), settings)
    _prime(optimizer)
    progress = fresh_progress()
    endless = Steps(1_000_000 * batch_size, settings, random_seed=0)
    network.train()
    draw = batch or learning.batch
    while True:
        training_step(network, optimizer, learning.loss, draw(batch_size), progress, endless, settings, device)
        yield


def _prime(optimizer: torch.optim.Optimizer) -> None:
    """Let the optimiser make its state, with gradients of zero, so that the first step finds what others do."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _rgb(number: int, size: tuple[int, int]) -> Tensor:
    return torch.zeros(number, 3, *size, dtype=torch.uint8)


def _ids(number: int, size: tuple[int, int]) -> Tensor:
    return torch.zeros(number, *size, dtype=torch.uint8)


def _heads(settings: Section) -> Callable[[nn.Module], list[dict]]:
    return lambda network: network.groups(settings.training.head_learning_rate_factor)


def _learn_labels(settings: Section, images: Images) -> Learning:
    side, labels = (settings.crop_size,) * 2, images.num_foreground
    if settings.kind != "amn":
        batch = lambda number: (_rgb(number, side), torch.zeros(number, labels))  # noqa: E731
        return Learning(classification_loss, _heads(settings), batch)
    cells = tuple(length // GRID_STRIDE for length in side)
    loss = partial(activation_loss, label_smoothing=settings.amn.label_smoothing)
    return Learning(
        loss,
        _heads(settings),
        lambda number: (_rgb(number, side), _ids(number, cells), torch.zeros(number, labels)),
    )


def _learn_and(settings: Section, images: Images) -> Learning:
    side = (settings.crop_size,) * 2 if settings.crop_size else images.size
    shape = side if settings.crop_size or settings.input_stride == 1 else grid_shape(side)
    classes = images.shown if settings.loss == "official_softmax" else 1

    def batch(number: int) -> Arrays:
        channels = (len(settings.inputs), 1, 1)
        return tuple(torch.zeros(number, classes, channel, *shape) for channel in channels)

    return Learning(
        partial(orandnet_loss, loss=settings.loss),
        lambda network: parameter_groups(list(network.parameters()), [], head_factor=1.0),
        batch,
    )


def _learn_boundaries(settings: Section, images: Images) -> Learning:
    side = (settings.crop_size,) * 2
    cells = tuple(length // GRID_STRIDE for length in side)
    return Learning(
        partial(boundary_loss, radius=settings.radius),
        lambda network: [{"params": list(network.edge_parameters()), "lr_factor": 1.0}],
        lambda number: (_rgb(number, side), _ids(number, cells)),
    )


def _learn_masks(settings: Section, images: Images) -> Learning:
    side = (settings.crop_size,) * 2
    return Learning(
        partial(segmenter_loss, settings=settings),
        _heads(settings),
        lambda number: (_rgb(number, side), _ids(number, side)),
    )


LEARNING = {
    "classifier": _learn_labels,
    "classifier_amn": _learn_labels,
    "orandnet": _learn_and,
    "irn": _learn_boundaries,
    "segmenter": _learn_masks,
}


class _NoLabels:
    """Stands for lists of inter-pixel labels: all background."""

    def __init__(self, size: tuple[int, int]):
        self.size = size

    def read(self, image_id: str) -> np.ndarray:
        return np.zeros(self.size, dtype=np.uint8)


def _labelled(images: Images, number: int) -> list[Record]:
    classes = tuple(range(1, min(images.shown, images.num_foreground, MOST_CLASSES) + 1))
    return [Record(str(index), "", "train", images.size, classes) for index in range(number)]


def _cams(job: Job, images: Images, network: nn.Module, device: torch.device, number: int) -> Callable[[], None]:
    settings, trained = job.settings
    records = _labelled(images, number)
    size = (trained.crop_size,) * 2 if trained.kind == "vit" else images.size
    labels = _NoLabels(images.size) if trained.kind == "amn" and settings.raw_background else None
    return lambda: batch_cams(network, _rgb(number, size), records, settings, trained.kind, device, labels)


def _clip_cams(job: Job, images: Images, network: nn.Module, device: torch.device, number: int) -> Callable[[], None]:
    records = _labelled(images, number)
    return lambda: batch_cams(network, _rgb(number, images.size), records, job.settings[0], "clip", device)


def _cam(images: Images) -> Cam:
    scores = np.zeros((images.shown, *grid_shape(images.size)), dtype=np.float32)
    return Cam("", np.arange(1, images.shown + 1), scores, images.size)


def _refined(job: Job, images: Images, network: nn.Module, device: torch.device, number: int) -> Callable[[], None]:
    return lambda: refine(network, _cam(images), job.settings[0], device)


def _walked(job: Job, images: Images, network: nn.Module, device: torch.device, number: int) -> Callable[[], None]:
    return lambda: walked(network, _cam(images), _rgb(1, images.size)[0], job.settings[0])


def _predicted(job: Job, images: Images, network: nn.Module, device: torch.device, number: int) -> Callable[[], None]:
    rgb = np.zeros((*images.size, 3), dtype=np.uint8)
    return lambda: probabilities_for(network, rgb, job.settings[0].variants, job.settings[0], device)


INFERENCES = {
    "cam": _cams,
    "cam_clip": _clip_cams,
    "orandnet_cam": _refined,
    "irn_walk": _walked,
    "prediction": _predicted,
}
