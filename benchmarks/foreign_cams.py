"""CAMs of another program for a finished run: pytorch-grad-cam on the run's trained CNN, as folders to import.

    pip install grad-cam                          # not a dependency of the package
    python benchmarks/foreign_cams.py --output data/grad_cam
    snakemake --cores 2 --configfile config.yaml data/grad_cam/sources.yaml --until evaluation_cam
    python benchmarks/foreign_cams.py --output data/grad_cam --table      # Otsu's threshold beside the best

It makes a map for each label of each image of train_aug, normalised as that program does it, the lowest score to 0 and
the highest to 1, and then averaged over the cells of the stride-4 grid. `sources.yaml` adds them to the run as sources
of kind import.
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

from orandnet.classifier.network import load_classifier
from orandnet.config.sections import Config, load
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record, read_index
from orandnet.files.atomic import atomic_path
from orandnet.files.places import place
from orandnet.job.progress import track
from orandnet.maps.grid import grid_shape
from result_rows import mean_and_spread

METHODS = ("GradCAM", "GradCAMPlusPlus", "LayerCAM", "EigenGradCAM")


class Probed(nn.Module):
    """A CNN whose last features pass a layer of their own, which is where the program listens."""

    def __init__(self, network: nn.Module):
        """Wrap a classifier of kind cnn; all of it is given gradients, though nothing learns."""
        super().__init__()
        self.backbone, self.last, self.head = network.backbone, nn.Identity(), network.head
        self.requires_grad_(True)

    def forward(self, rgb: Tensor) -> Tensor:
        """Return (N, C) logits of (N, 3, H, W) RGB in 0..255."""
        return self.head(self.last(self.backbone(rgb)[-1])).mean(dim=(2, 3))


def maps_of(explain: Callable, rgb: np.ndarray, classes: tuple[int, ...], scale: float) -> np.ndarray:
    """Return (K, h, w) float32 maps on the stride-4 grid.

    Args:
        explain: (1, 3, H, W) float RGB and the number of a logit -> (H, W) map.
        rgb: (H, W, 3) uint8.
        classes: numbers of the logits.
        scale: of the image's size.
    """
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
    image = functional.interpolate(image, scale_factor=scale, mode="bilinear", antialias=True)
    found = [explain(image, number) for number in classes]
    return functional.adaptive_avg_pool2d(torch.from_numpy(np.stack(found)), grid_shape(rgb.shape[:2])).numpy()


def write_maps(config: Config, source: str, output: Path, scale: float) -> None:
    """Write the maps of all methods for all images of train_aug."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    images = read_index(Path(place("dataset_images", config.run, part="train_aug")))
    weights = Path(place("classifier", config.run, source=source, seed=config.seeds[0]))
    file_ids = np.array([0, *config.dataset.file_ids])
    network = Probed(load_classifier(weights, images.class_names).network)
    for method in METHODS:
        with getattr(pytorch_grad_cam, method)(model=network, target_layers=[network.last]) as cam:

            def explain(image: Tensor, number: int, cam: Callable = cam) -> np.ndarray:
                return cam(input_tensor=image, targets=[ClassifierOutputTarget(number)])[0]

            for record in track(images.subset("train_aug"), f"{method} on {source}"):
                write_map(output / method / f"{record.image_id}.npz", record, explain, scale, file_ids)


def write_map(path: Path, record: Record, explain: Callable, scale: float, file_ids: np.ndarray) -> None:
    """Write the maps of an image, named by their ids in mask files, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    classes = np.array(record.classes)
    scores = maps_of(explain, read_rgb(record.image, record.size), tuple(classes - 1), scale)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, classes=file_ids[classes], scores=np.clip(scores, 0, 1))


def rows(config: Config) -> Iterator[str]:
    """Yield a table of what each method's CAMs reach at Otsu's threshold and at the best one."""
    yield "| CAM | Otsu's threshold | best threshold | mIoU at Otsu's | precision | best mIoU | lost |"
    yield "|---|---|---|---|---|---|---|"
    lost = []
    for method in METHODS:
        name = method.lower()
        path = Path(place("evaluation_cam", config.run, method=name, seed=config.seeds[0], scores="summary"))
        with path.open(newline="", encoding="utf-8") as file:
            found = {row["threshold_rule"]: row for row in csv.DictReader(file)}
        otsu, best = found["otsu"], found["best_miou"]
        lost.append(float(best["miou"]) - float(otsu["miou"]))
        cells = [f"{float(row['background_threshold']):.2f}" for row in (otsu, best)]
        cells += [f"{float(value):.1f}" for value in (otsu["miou"], otsu["precision"], best["miou"], lost[-1])]
        yield f"| {method} | {' | '.join(cells)} |"
    yield f"| all | | | | | | {mean_and_spread(lost)} |"


def main() -> None:
    """Make the maps, or print the table of a run that imported them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="config.yaml", help="of the run")
    parser.add_argument("--source", default="resnet50", help="source of kind cnn whose classifier is looked into")
    parser.add_argument("--scale", type=float, default=1.5, help="of the image's size")
    parser.add_argument("--output", type=Path, required=True, help="folder for the maps")
    parser.add_argument("--table", action="store_true", help="make nothing; print what the run measured")
    arguments = parser.parse_args()
    config = load(yaml.safe_load(Path(arguments.config).read_text(encoding="utf-8")))
    if arguments.table:
        print(*rows(config), sep="\n")
        return
    write_maps(config, arguments.source, arguments.output, arguments.scale)
    sources = {
        method.lower(): {"kind": "import", "path": str(arguments.output / method), "format": "arrays"}
        for method in METHODS
    }
    (arguments.output / "sources.yaml").write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")


if __name__ == "__main__":
    main()
