"""How the cost of each stage grows with the number of images and with their size: a table in markdown.

The real stage functions run on drawn scenes with small networks of random weights (trainings are left out: a step of
theirs takes a batch of one size, whatever the data set). Each stage has a process of its own, which first works on a
few images, so that imports are not counted; each measurement is a fork of it. CPU seconds of one thread.
"""

import argparse
import contextlib
import io
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

SHARD = "1-of-1"


class Size(NamedTuple):
    """A data set: number of images in train and in val, and their mean side in pixels."""

    images: int
    side: int

    def folder(self, root: Path) -> Path:
        """Return where it lies."""
        return root / f"{self.images}x{self.side}"


def sizes(images: int, side: int) -> list[Size]:
    """Return 1, 2 and 4 times as many images, and 4 times as many pixels."""
    return [*(Size(factor * images, side) for factor in (1, 2, 4)), Size(images, 2 * side)]


def prepare(root: Path, wanted: list[Size]) -> None:
    """Draw the scenes and write the weights of random networks."""
    from orandnet.dataset.scenes.images import generate
    from orandnet.dataset.settings import Settings

    for size in wanted:
        scenes = {"num_train": size.images, "num_train_aug": size.images, "num_val": size.images, "num_test": 0}
        settings = Settings(kind="scenes", scenes={**scenes, "size": size.side})
        folder = size.folder(root)
        folder.mkdir(parents=True)
        (folder / "settings.json").write_text(generate(folder / "scenes", settings).canonical_json())
    write_networks(root)


def write_networks(root: Path) -> None:
    """Write a classifier, an ORANDNet, a boundary network and a segmenter of the scenes' classes, all small."""
    import torch

    from orandnet.classifier.network import create_classifier
    from orandnet.classifier.settings import Settings as ClassifierSettings
    from orandnet.dataset.scenes.drawing import CLASS_NAMES
    from orandnet.files.checkpoint import encode, save_weights
    from orandnet.irn import boundary
    from orandnet.irn.settings import BoundarySettings
    from orandnet.orandnet.network import create_network
    from orandnet.segmenter import deeplab
    from orandnet.segmenter.settings import TrainSettings

    torch.manual_seed(0)
    backbone = {"model": "test_resnet", "pretrained": False}
    classifier = ClassifierSettings(kind="cnn", backbone=backbone)
    edges, refiner = BoundarySettings(backbone=backbone), refinement()
    segmenter = TrainSettings(backbone=backbone, hidden_channels=16)
    names = {"classifier": classifier.canonical_json(), "classes": encode(CLASS_NAMES)}
    deep = deeplab.DeepLab(segmenter, num_classes=len(CLASS_NAMES) + 1)
    for name, network, metadata in (
        ("classifier", create_classifier(classifier, len(CLASS_NAMES)), names),
        ("orandnet", create_network(refiner), {"orandnet": refiner.canonical_json()}),
        ("irn", boundary.BoundaryNetwork(edges), boundary.describe(edges)),
        ("segmenter", deep, deeplab.describe(segmenter, CLASS_NAMES)),
    ):
        save_weights(root / f"{name}.safetensors", network.state_dict(), metadata)


def refinement():
    """Return the settings of the light ORANDNet."""
    from orandnet.orandnet.settings import Settings

    return Settings(architecture="unet", width=8, input_stride=4)


def dataset(folder: Path) -> None:
    """Check the images and masks."""
    from orandnet.dataset.settings import Settings
    from orandnet.dataset.stage import make_all

    make_all(folder, Settings.model_validate_json((folder / "settings.json").read_text()))


def cam(folder: Path) -> None:
    """Make the CAMs of a CNN at two scales with mirror images."""
    from orandnet.cam.settings import Settings
    from orandnet.cam.stage import run

    weights, settings = folder.parent / "classifier.safetensors", Settings(scales=[1.0, 1.5])
    run(index=folder / "index.csv", weights=weights, output=folder / "cam.npz", settings=settings, device="cpu")


def fusion(folder: Path) -> None:
    """Fuse the CAMs with themselves by OR and AND."""
    from orandnet.fusion.settings import Settings
    from orandnet.fusion.stage import run

    outputs = {"or_output": folder / "or.npz", "and_output": folder / "and.npz"}
    run(members=["a", "b"], cams=[folder / "cam.npz"] * 2, settings=Settings(), **outputs)


def orandnet_cam(folder: Path) -> None:
    """Refine the OR CAMs."""
    from orandnet.orandnet.stage import cam

    places = {"weights": folder.parent / "orandnet.safetensors", "or_cams": folder / "or.npz"}
    cam(**places, output=folder / "refined.npz", settings=refinement(), device="cpu")


def irn_labels(folder: Path) -> None:
    """Make inter-pixel labels with two CRFs."""
    from orandnet.irn.settings import LabelSettings
    from orandnet.irn.stage import labels

    output = folder / "labels" / f"{SHARD}.csv"
    settings = LabelSettings(foreground_threshold=0.30, background_threshold=0.05)
    labels(index=folder / "index.csv", cams=[folder / "cam.npz"], output=output, settings=settings)


def irn_walk(folder: Path) -> None:
    """Spread the CAMs by the random walk."""
    from orandnet.irn.settings import WalkSettings
    from orandnet.irn.stage import walk

    places = {"weights": folder.parent / "irn.safetensors", "output": folder / "walk.npz"}
    walk(index=folder / "index.csv", cams=[folder / "cam.npz"], **places, settings=WalkSettings(), device="cpu")


def pseudo_mask(folder: Path) -> None:
    """Write pseudo masks."""
    from orandnet.pseudo_mask.settings import MethodSettings
    from orandnet.pseudo_mask.stage import run

    settings = MethodSettings(threshold_rule="fixed", background_threshold=0.3)
    outputs = {"output": folder / "masks" / f"{SHARD}.csv", "threshold_output": folder / "threshold.json"}
    run(index=folder / "index.csv", cams=[folder / "cam.npz"], **outputs, settings=settings)


def evaluation_cam(folder: Path) -> None:
    """Score the CAMs at 101 thresholds."""
    from orandnet.evaluation.settings import Settings
    from orandnet.evaluation.stage import cam
    from orandnet.files.thresholds import Thresholds, write_thresholds

    write_thresholds(folder / "otsu.json", Thresholds(0.3, 0.2, 0.4))
    outputs = {name: folder / f"{name}.csv" for name in ("output", "curve_output", "per_class_output")}
    truth = {"index": folder / "train_aug.csv", "ground_truth": folder / "ground_truth" / "train_aug.json"}
    places = {"cams": [folder / "cam.npz"], "otsu": folder / "otsu.json", **outputs}
    cam(**truth, **places, settings=Settings(), background_threshold=0.3)


def prediction(folder: Path) -> None:
    """Segment the images at three scales with mirror images, with a CRF."""
    from orandnet.prediction.settings import PredictSettings
    from orandnet.prediction.stage import run

    settings = PredictSettings(scales=(0.75, 1.0, 1.25), variants=("ss", "ms_crf"))
    places = {"weights": folder.parent / "segmenter.safetensors", "output": folder / "predictions" / f"{SHARD}.csv"}
    run(index=folder / "index.csv", **places, settings=settings, split="val", device="cpu")


STAGES = (dataset, cam, fusion, orandnet_cam, irn_labels, irn_walk, pseudo_mask, evaluation_cam, prediction)


def peak_megabytes() -> float:
    """Return the peak memory of this process."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def measured(stage: Callable[[Path], None], folder: Path) -> tuple[float, float]:
    """Return the CPU seconds and the peak memory in MB of a stage, run in a fork of this process."""
    receive, send = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            start = time.process_time()
            stage(folder)
            send.send((time.process_time() - start, peak_megabytes()))

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f"{stage.__name__} failed on {folder}")
    return receive.recv()


def measure_stage(name: str, root: Path, wanted: list[Size]) -> None:
    """Print CPU seconds and peak memory of a stage for each size; the first one warms up and is not measured."""
    stage = next(one for one in STAGES if one.__name__ == name)
    with contextlib.redirect_stderr(io.StringIO()):
        stage(wanted[0].folder(root))
    for size in wanted[1:]:
        print(*measured(stage, size.folder(root)), flush=True)


def rows(root: Path, wanted: list[Size], arguments: list[str]) -> Iterator[str]:
    """Yield the lines of the table."""
    first = wanted[1]
    yield f"| ms per image | {first.images} images, {first.side} px | 2x images | 4x images | 4x pixels | peak MB |"
    yield "|---|---|---|---|---|---|"
    for stage in STAGES:
        command = [sys.executable, __file__, *arguments, "--stage", stage.__name__, "--root", str(root)]
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        numbers = [tuple(map(float, line.split())) for line in printed.splitlines()]
        per_image = [1000 * numbers[k][0] / size.images for k, size in enumerate(wanted[1:])]
        cells = [f"{value:.3g}" for value in per_image]
        yield f"| {stage.__name__} | {' | '.join(cells)} | {', '.join(f'{peak:.0f}' for _, peak in numbers)} |"


def main() -> None:
    """Print the table, or measure one stage for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=12, help="images of the smallest data set, 7 or more")
    parser.add_argument("--side", type=int, default=128, help="mean side in pixels, 48 or more")
    parser.add_argument("--stage", choices=[stage.__name__ for stage in STAGES], help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # torch is imported later, and by the processes of the stages
    wanted = [Size(6, chosen.side), *sizes(chosen.images, chosen.side)]
    if chosen.stage:
        measure_stage(chosen.stage, chosen.root, wanted)
        return
    with TemporaryDirectory() as name:
        with contextlib.redirect_stderr(io.StringIO()):
            prepare(Path(name), wanted)
        for line in rows(Path(name), wanted, ["--images", str(chosen.images), "--side", str(chosen.side)]):
            print(line, flush=True)


if __name__ == "__main__":
    main()
