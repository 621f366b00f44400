"""What grid and number type the CAM store should have: mIoU and size of several against full-resolution float32.

    snakemake --cores 2 --configfile config/voc_subset.yaml --config 'dataset={limit: 100}' run=bench \\
        -- results/bench/classifier/cnn/seed0/weights.safetensors
    python benchmarks/store_precision.py --weights results/bench/classifier/cnn/seed0/weights.safetensors

needs the photographs that config/voc_subset.yaml describes. The class maps of the trained network are brought to each
grid, normalised, rounded to each type, and enlarged to the image; then all thresholds are swept. A form is judged by
the best mIoU of its own curve, and by how far its curve is from that of full resolution anywhere.
"""

import argparse
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from orandnet.cam.multiscale import scaled_images
from orandnet.classifier.network import load_classifier
from orandnet.config.sections import Config, load
from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record, read_index
from orandnet.dataset.stage import make_all
from orandnet.evaluation.confusion import scores as quality
from orandnet.evaluation.sweep import confusion_by_threshold
from orandnet.files.store import Cam, write_shard
from orandnet.job.progress import track
from orandnet.maps.grid import grid_shape, resize_scores
from orandnet.maps.score_maps import divide_by_max, resize_maps
from orandnet.training.augment import to_tensor

CONFIG = Path("config/voc_subset.yaml")
THRESHOLDS = np.round(np.linspace(0, 1, 101), 6)
FULL = (1, "float32")
FORMS = (FULL, *((stride, name) for stride in (2, 4, 8) for name in ("float32", "float16", "uint8")))
# PASCAL VOC 2012 train_aug: images, classes in each on average, and the size of most of them
NUM_IMAGES, MEAN_CLASSES, SIZE = 10_582, 1.555, (375, 500)


def rounded(scores: np.ndarray, name: str) -> np.ndarray:
    """Return scores in [0, 1] as they come back from a type: floats as they are, uint8 as 255 equal steps."""
    if name == "uint8":
        return np.round(scores * 255).astype(np.uint8).astype(np.float32) / 255
    return scores.astype(name).astype(np.float32)


@torch.inference_mode()
def class_maps(network: nn.Module, record: Record, scales: list[float]) -> list[Tensor]:
    """Return positive evidence (1, K, h, w) of the image's classes at each scale, mirror images added."""
    chosen, maps = torch.tensor(record.classes) - 1, []
    for pair in scaled_images(to_tensor(read_rgb(record.image))[None], scales=scales, flip=True):
        both = network.class_map(pair)[:, chosen].relu()
        maps.append(both[:1] + both[1:].flip(-1))
    return maps


def stored(maps: list[Tensor], size: tuple[int, int], stride: int, name: str) -> np.ndarray:
    """Return (K, H, W) float32 scores as a reader gets them from a store of this grid and type."""
    summed = sum(resize_maps(one, grid_shape(size, stride)) for one in maps)
    return resize_scores(rounded(divide_by_max(summed[0]).numpy(), name), size)


def curves(network: nn.Module, records: list[Record], truth: GroundTruth, config: Config) -> dict[tuple, np.ndarray]:
    """Return form -> (T,) mIoU in percent by threshold."""
    num_classes = len(config.dataset.classes) + 1
    totals = {form: np.zeros((len(THRESHOLDS), num_classes, num_classes), dtype=np.int64) for form in FORMS}
    for record in track(records, "store"):
        maps, true = class_maps(network, record, config.cam_of("cnn").scales), truth.read(record.image_id)
        for form in FORMS:
            found = stored(maps, record.size, *form), np.array(record.classes), true, THRESHOLDS
            totals[form] += confusion_by_threshold(*found, num_classes=num_classes)
    return {form: 100 * quality(total).miou for form, total in totals.items()}


def bytes_beside_scores() -> float:
    """Return the bytes of a shard for each image that are no scores: headers, classes, size, table of contents."""
    cam = Cam("2007_000032", np.array([1, 2]), np.zeros((2, 3, 4), np.float32), (12, 16))
    with TemporaryDirectory() as folder:
        shard = Path(folder) / "1-of-1.npz"
        write_shard(shard, (cam._replace(image_id=f"2007_{number:06}") for number in range(100)))
        with zipfile.ZipFile(shard) as archive:
            header = len(archive.read("2007_000000/scores.npy")) - cam.scores.size * 2
            assert np.load(io.BytesIO(archive.read("2007_000000/scores.npy"))).dtype == np.float16
        return shard.stat().st_size / 100 - cam.scores.size * 2 if header else 0.0


def gigabytes(stride: int, name: str) -> float:
    """Return the size of a store of VOC's train_aug."""
    height, width = grid_shape(SIZE, stride)
    scores = MEAN_CLASSES * height * width * np.dtype(name).itemsize
    return NUM_IMAGES * (scores + bytes_beside_scores()) / 1e9


def lines(by_form: dict[tuple, np.ndarray]) -> Iterator[str]:
    """Yield the table in markdown."""
    full = by_form[FULL]
    yield "| grid | type | GB, VOC train_aug | best mIoU | difference | largest difference at one threshold |"
    yield "|---|---|---|---|---|---|"
    for (stride, name), curve in by_form.items():
        grid = "image" if stride == 1 else f"stride {stride}"
        best, apart = np.nanmax(curve) - np.nanmax(full), np.nanmax(np.abs(curve - full))
        size = gigabytes(stride, name)
        yield f"| {grid} | {name} | {size:.2f} | {np.nanmax(curve):.3f} | {best:+.3f} | {apart:.3f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="of the source cnn of config/voc_subset.yaml")
    parser.add_argument("--limit", type=int, help="so many images of the list train; all by default")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = load(yaml.safe_load(CONFIG.read_text()))
    network = load_classifier(arguments.weights).network
    with TemporaryDirectory() as name:
        index, truth = Path(name) / "train_aug.csv", Path(name) / "ground_truth" / "train_aug.json"
        make_all(Path(name), config.dataset.model_copy(update={"limit": arguments.limit}))
        records = read_index(index).subset("train")
        print(*lines(curves(network, records, GroundTruth(index, truth), config)), sep="\n")
        print(f"{len(records)} photographs")


if __name__ == "__main__":
    main()
