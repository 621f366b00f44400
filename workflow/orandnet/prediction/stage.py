"""Predict the masks of a split with a trained segmenter."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Index, Record, read_index
from orandnet.files.checkpoint import load_weights
from orandnet.files.mask import write_mask, write_mask_list
from orandnet.files.store import shard_slice
from orandnet.job.progress import track
from orandnet.job.read_ahead import read_ahead
from orandnet.networks.device import place, select_device
from orandnet.prediction.inference import image_probabilities
from orandnet.prediction.settings import PredictSettings
from orandnet.prediction.variants import variant_masks
from orandnet.prediction.workers import ordered_starmap
from orandnet.segmenter.deeplab import DeepLab, restore


def run(
    *,
    index: Path,
    weights: Path,
    output: Path,
    settings: PredictSettings,
    split: str,
    shard: str = "1-of-1",
    device: str = "auto",
    threads: int = 1,
) -> None:
    """Write palette PNGs of the images' own size, one folder per variant beside `output`, their list."""
    images, where = read_index(index), select_device(device)
    records = shard_slice(images.subset(split), shard)
    network = place(trained_network(weights, images), where)
    refine = partial(
        variant_masks,
        variants=settings.variants,
        crf=settings.crf,
        min_probability=settings.crf_min_probability,
    )
    masks = ordered_starmap(refine, predict(network, records, settings, where), processes=max(0, threads - 1))
    write_mask_list(output, write_masks(output.parent, records, masks))


def trained_network(weights: Path, images: Index) -> DeepLab:
    """Return the segmenter of a weights file in inference mode.

    Raises:
        ValueError: if it was trained for other classes than the index names.
    """
    return restore(*load_weights(weights), class_names=images.class_names, path=weights)[0]


def predict(
    network: nn.Module, records: list[Record], settings: PredictSettings, device: torch.device
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield RGB and class probabilities of each image; one pass serves all variants."""
    images = read_ahead(read_rgb(record.image, record.size) for record in records)
    for rgb in track(images, "prediction", len(records)):
        yield rgb, image_probabilities(network, rgb, settings, device)


def write_masks(folder: Path, records: list[Record], masks: Iterator[dict[str, np.ndarray]]) -> Iterator[dict]:
    """Write each mask to `<folder>/<variant>/<image_id>.png` and yield its row of the list."""
    for record, variants in zip(records, masks, strict=True):
        for variant, mask in variants.items():
            sha256 = write_mask(folder / variant / f"{record.image_id}.png", mask)
            yield {"image_id": record.image_id, "variant": variant, "sha256": sha256}


COMMANDS = {"": run}
