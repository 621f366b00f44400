"""What the epsilon of min-max costs a ViT's CAM: 1e-5 as it is against 1e-5 of each map's level.

    python benchmarks/forms.py --only vit_constant_rate    # or any run of the demo: trains the ViT, for each seed
    python benchmarks/epsilon.py                           # reads results/forms

Maps are made once for each seed and attribution, on the images of train, and normalised both ways; then all thresholds
are swept. The range of a map before is that of its relevance, whose scale is arbitrary.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor

from orandnet.cam.maps import MAPS
from orandnet.cam.settings import Settings
from orandnet.classifier.network import load_classifier
from orandnet.config.sections import load
from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record, read_index
from orandnet.evaluation.confusion import scores as quality
from orandnet.evaluation.sweep import confusion_by_threshold
from orandnet.files.places import place
from orandnet.job.progress import track
from orandnet.maps.grid import resize_scores
from orandnet.maps.score_maps import min_max
from orandnet.training.augment import resize, to_tensor

EPSILON = 1e-5  # IRN's and AMN's
THRESHOLDS = np.round(np.linspace(0, 1, 101), 6)


def absolute(maps: Tensor) -> Tensor:
    """Return (K, h, w) by the form with an epsilon that does not follow the maps."""
    maps = maps - maps.amin(dim=(1, 2), keepdim=True)
    return maps / (maps.amax(dim=(1, 2), keepdim=True) + EPSILON)


NORMALISATIONS = {"absolute": absolute, "relative": min_max}


def raw_maps(network: torch.nn.Module, record: Record, size: int, settings: Settings) -> Tensor:
    """Return the relevance (K, h, w) of an image's own classes."""
    rgb = to_tensor(resize(read_rgb(record.image), (size, size)))[None]
    return MAPS["vit"](network, rgb, [record], settings)[0]


def measured(
    weights: Path, records: list[Record], truth: GroundTruth, settings: Settings, class_names: tuple[str, ...]
) -> dict:
    """Return name -> (best mIoU in percent, median and lowest peak), and `range` -> quantiles of the raw ranges."""
    network, trained, _ = load_classifier(weights, class_names)
    number = len(class_names) + 1
    totals = {name: np.zeros((len(THRESHOLDS), number, number), dtype=np.int64) for name in NORMALISATIONS}
    peaks: dict[str, list[float]] = {name: [] for name in NORMALISATIONS}
    ranges: list[float] = []
    for record in track(records, "epsilon"):
        maps, true = raw_maps(network, record, trained.crop_size, settings), truth.read(record.image_id)
        ranges += (maps.amax(dim=(1, 2)) - maps.amin(dim=(1, 2))).tolist()
        for name, normalise in NORMALISATIONS.items():
            scores = normalise(maps).pow(settings.power)
            peaks[name] += scores.amax(dim=(1, 2)).tolist()
            found = resize_scores(scores.numpy(), record.size), np.array(record.classes), true, THRESHOLDS
            totals[name] += confusion_by_threshold(*found, num_classes=number)
    best = {name: 100 * np.nanmax(quality(total).miou) for name, total in totals.items()}
    result = {name: (best[name], np.median(peaks[name]), np.min(peaks[name])) for name in NORMALISATIONS}
    return result | {"range": np.quantile(ranges, (0, 0.5, 1))}


def lines(run: str, seeds: list[int]) -> Iterator[str]:
    """Yield the table in markdown."""
    config = load(yaml.safe_load(Path("config.yaml").read_text()))
    index, truth = (Path(place(name, run, part="train_aug")) for name in ("dataset_images", "dataset_ground_truth"))
    images, masks = read_index(index), GroundTruth(index, truth)
    yield "| attribution | seed | range of relevance | absolute: mIoU, median and lowest peak | relative |"
    yield "|---|---|---|---|---|"
    for attribution in ("rollout", "lrp"):
        settings = config.cam_of("vit").model_copy(update={"attribution": attribution})
        for seed in seeds:
            weights = Path(place("classifier", run, source="vit", seed=seed))
            found = measured(weights, images.subset("train"), masks, settings, images.class_names)
            low, middle, high = found.pop("range")
            cells = [f"{miou:.2f}, {median:.4f}, {lowest:.4f}" for miou, median, lowest in found.values()]
            yield f"| {attribution} | {seed} | {low:.1e} to {high:.1e}, median {middle:.1e} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="forms", help="a run of the demo: a folder of results")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for line in lines(arguments.run, arguments.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
