"""Stage `orandnet`: OR and AND CAM stores in, a network and the CAMs it refines out."""

from functools import partial
from pathlib import Path

from orandnet.files.checkpoint import described, fill_network, load_weights
from orandnet.files.store import CamStore, write_shard
from orandnet.job.progress import track
from orandnet.job.training_job import TrainingJob
from orandnet.maps.flatness import warned_if_flat
from orandnet.networks.device import place, select_device
from orandnet.orandnet.loss import training_loss
from orandnet.orandnet.maps import refine
from orandnet.orandnet.network import create_network
from orandnet.orandnet.samples import CamSamples
from orandnet.orandnet.settings import Settings
from orandnet.training.optimizer import parameter_groups
from orandnet.training.task import Task
from orandnet.training.task import train as train_network


def train(*, or_cams: list[Path], and_cams: list[Path], settings: Settings, job: TrainingJob) -> None:
    """Train ORANDNet from the OR CAM of each class to its AND CAM; no image and no mask is seen.

    Args:
        or_cams: shards of the OR CAM, the network's input.
        and_cams: shards of the AND CAM, its target.
        settings: network, loss and training.
    """
    samples = CamSamples(CamStore(or_cams), CamStore(and_cams), settings)

    def task() -> Task:
        network = create_network(settings)
        return Task(
            network,
            samples,
            len(samples),
            partial(training_loss, loss=settings.loss),
            groups=lambda: parameter_groups(list(network.parameters()), [], head_factor=1.0),
            training=settings.training,
            metadata={"orandnet": settings.canonical_json()},
        )

    train_network(task, job, description="orandnet train")


def cam(*, weights: Path, or_cams: Path, output: Path, settings: Settings, device: str = "auto") -> None:
    """Refine one shard of OR CAMs.

    Args:
        weights: of an ORANDNet.
        or_cams: the shard that is refined.
        output: shard of refined CAMs.
        settings: the same as in training.
        device: auto, cpu or cuda.

    Raises:
        ValueError: if the weights are not ORANDNet's.
    """
    where = select_device(device)
    tensors, metadata = load_weights(weights)
    if "orandnet" not in metadata:
        raise ValueError(f"{weights}: holds no ORANDNet; give the weights that `orandnet orandnet train` wrote.")
    trained = described(weights, metadata, "orandnet", Settings)
    network = create_network(trained.model_copy(update={"pretrained": False, "weights": None}))
    fill_network(network, tensors, weights)
    place(network, where).eval()
    refining = settings.model_copy(update=trained.model_dump(include={"inputs", "input_stride", "loss"}))
    store = CamStore([or_cams])
    cams = (refine(network, store[image_id], refining, where) for image_id in store.image_ids)
    write_shard(output, warned_if_flat(track(cams, "orandnet cam", len(store)), "orandnet cam"))


COMMANDS = {"train": train, "cam": cam}
