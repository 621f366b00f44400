"""Predict the masks of a split with a trained segmenter."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Index, Record, read_file_ids, read_index
from orandnet.files.checkpoint import load_weights
from orandnet.files.mask import encode_mask, write_encoded_mask, write_mask, write_mask_list
from orandnet.files.store import shard_slice
from orandnet.job.progress import track
from orandnet.job.read_ahead import read_ahead
from orandnet.job.warnings import warn
from orandnet.networks.device import place, select_device
from orandnet.prediction.collapse import Predicted
from orandnet.prediction.foreign import foreign_masks
from orandnet.prediction.inference import probabilities_for
from orandnet.prediction.settings import ImportSettings, PredictSettings
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
    """Write palette PNGs of the images' own size, one folder per variant beside `output`, their list.

    Args:
        index: list of the split's images: train_aug.csv, val.csv or test.csv.
        weights: of a segmenter.
        output: list of the masks (CSV); a folder for each variant lies beside it.
        settings: variants, scales and the dense CRF.
        split: train, train_aug, val or test.
        shard: which part, as 2-of-4: the second of four.
        device: auto, cpu or cuda.
        threads: CPU threads; those beyond one do the dense CRF.
    """
    images, where = read_index(index), select_device(device)
    records = shard_slice(images.filled_subset(split, index), shard)
    network = place(trained_network(weights, images), where)
    refine = partial(
        variant_masks,
        variants=settings.variants,
        crf=settings.crf,
        min_probability=settings.crf_min_probability,
    )
    masks = ordered_starmap(refine, predict(network, records, settings, where), processes=max(0, threads - 1))
    predicted = Predicted()
    write_mask_list(output, write_masks(output.parent, records, masks, predicted))
    for doubt in predicted.doubts(images.class_names, [record.classes for record in records], f"prediction of {split}"):
        warn(*doubt)


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
        yield rgb, probabilities_for(network, rgb, settings.variants, settings, device)


def write_masks(
    folder: Path, records: list[Record], masks: Iterator[dict[str, np.ndarray]], predicted: Predicted
) -> Iterator[dict]:
    """Write each mask to `<folder>/<variant>/<image_id>.png`, count it, and yield its row of the list."""
    for record, variants in zip(records, masks, strict=True):
        for variant, mask in variants.items():
            predicted.add(variant, mask)
            sha256 = write_mask(folder / variant / f"{record.image_id}.png", mask)
            yield {"image_id": record.image_id, "variant": variant, "sha256": sha256}


def import_predictions(*, index: Path, output: Path, settings: ImportSettings, shard: str = "1-of-1") -> None:
    """Write the masks that another program predicted for this shard's images of val, in ids and form of ours.

    Args:
        index: val.csv of the data set.
        output: list of the masks (CSV); a folder for their variant lies beside it.
        settings: folder, format and variant.
        shard: which part, as 2-of-4: the second of four.

    Raises:
        ValueError: names the first files that are missing, of another size, or with ids that are no class.
    """
    records = shard_slice(read_index(index).subset("val"), shard)
    masks = track(foreign_masks(records, read_file_ids(index), settings), "import", len(records))
    encoded = [encode_mask(mask) for mask in masks]  # some kB each; nothing is written where one is at fault
    write_mask_list(output, _write_encoded(output.parent / settings.variant, records, encoded))


def _write_encoded(folder: Path, records: list[Record], encoded: list[bytes]) -> Iterator[dict]:
    for record, content in zip(records, encoded, strict=True):
        sha256 = write_encoded_mask(folder / f"{record.image_id}.png", content)
        yield {"image_id": record.image_id, "variant": folder.name, "sha256": sha256}


COMMANDS = {"": run, "import": import_predictions}
