"""Stage `cam`: a trained classifier in, class activation maps of the training images out."""

from pathlib import Path

from orandnet.cam.maps import CAMS
from orandnet.cam.settings import Settings
from orandnet.classifier.network import load_classifier
from orandnet.dataset.index import read_index
from orandnet.device import select_device
from orandnet.files.store import shard_slice, write_shard
from orandnet.progress import track


def run(
    *,
    index: Path,
    weights: Path,
    output: Path,
    settings: Settings,
    shard: str = "1-of-1",
    device: str = "auto",
) -> None:
    """Write the CAMs of this shard's images, each for the image's own labels only."""
    where = select_device(device)
    network, trained = load_classifier(weights)
    records = shard_slice(read_index(index).subset("train_aug"), shard)
    cams = CAMS[trained.kind](network.to(where), records, settings, trained, where)
    write_shard(output, track(cams, "cam", len(records)))


COMMANDS = {"": run}
