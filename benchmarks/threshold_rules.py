"""What rules that ask no true mask lose against the best background threshold: a table in markdown, in points of mIoU.

    python benchmarks/threshold_rules.py --runs demo              # finished runs of config.yaml: folders of results
    python benchmarks/threshold_rules.py --config config/voc_subset.yaml --runs voc_subset --crf 40

Every CAM that lies in a run is scored on the images of train at 201 thresholds, even on the scale of the members, and
at those of each rule. `--fuse a b c` adds OR, AND and mean of these sources, made here, as ensembles of more members. A
rule is judged by its mean and its largest loss.

otsu      Otsu's threshold on the scale of the members: the rule of the package
plain     Otsu's threshold of the scores as they are
images    the mean of Otsu's thresholds of single images, on the scale of the members
above     Otsu's threshold of those scores that reach 0.05, on the scale of the members
entropy   the largest entropy of both sides (Kapur, Sahoo & Wong 1985), on the scale of the members
li        least cross entropy (Li & Lee 1993) on the scale of the members;  li_plain: of the scores as they are
expected  scores of the members' scale are read as probabilities of independent pixels; the highest expected IoU
crf       the mask and its dense CRF agree best, over `--crf` images and 15 thresholds (slow: off by default)
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from orandnet.config.sections import Config, load
from orandnet.crf.dense_crf import crf_from_labels
from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Index, Record, read_index
from orandnet.evaluation.confusion import confusion_matrix
from orandnet.evaluation.confusion import scores as quality
from orandnet.evaluation.sweep import confusion_by_threshold
from orandnet.files.places import place
from orandnet.files.store import Cam, CamStore
from orandnet.fusion.probability import OPERATORS
from orandnet.irn.labels import label_against
from orandnet.maps.grid import resize_scores
from orandnet.plan.cams import cam_shards
from orandnet.plan.thresholds import FORMS, otsu_settings
from orandnet.pseudo_mask.otsu import BINS, from_members, histogram, otsu_split

GRID = np.linspace(0, 1, 201)
CENTRES = (np.arange(BINS) + 0.5) / BINS


class Maps(NamedTuple):
    """A method's CAMs, and what their scores are made of."""

    method: str
    form: str
    members: int
    cams: dict[str, Cam]


def li_threshold(counts: np.ndarray) -> float:
    """Return the threshold of a histogram over [0, 1] with the least cross entropy between scores and side means."""
    mass, number = np.cumsum(counts * CENTRES), np.cumsum(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = mass * np.log(mass / number)
        high = (mass[-1] - mass) * np.log((mass[-1] - mass) / (number[-1] - number))
    return (int(np.nanargmax(low + high)) + 1) / BINS


def entropy_threshold(counts: np.ndarray, bins: int = 128) -> float:
    """Return the threshold of a histogram over [0, 1] whose two sides have the largest entropy together."""
    share = counts.reshape(bins, -1).sum(1) / counts.sum()
    below = np.cumsum(share)[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.cumsum(np.where(share > 0, share * np.log(share), 0))
        sides = np.log(below) - terms[:-1] / below
        sides += np.log(1 - below) - (terms[-1] - terms[:-1]) / (1 - below)
    return (int(np.nanargmax(np.where(np.isfinite(sides), sides, np.nan))) + 1) / bins


def expected_threshold(counts: np.ndarray) -> float:
    """Return the threshold of the highest expected IoU where scores are the probabilities of independent pixels."""
    found = np.cumsum((counts * CENTRES)[::-1])[::-1]
    marked = np.cumsum(counts[::-1])[::-1]
    return int(np.argmax(found / (marked + found[0] - found))) / BINS


def crf_threshold(maps: Maps, records: list[Record], config: Config, number_of_classes: int) -> float:
    """Return the score at which masks and their dense CRF agree best in mIoU."""
    candidates = np.linspace(0.15, 0.85, 15)
    totals = np.zeros((len(candidates), number_of_classes, number_of_classes), dtype=np.int64)
    for record in records:
        cam, rgb = maps.cams[record.image_id], read_rgb(record.image, record.size)
        scores, ids = resize_scores(cam.scores, record.size), np.append(0, cam.classes).astype(np.uint8)
        thresholds = [from_members(value, maps.form, maps.members) for value in candidates]
        labels = np.stack([label_against(scores, value) for value in thresholds])
        refined = crf_from_labels(rgb, labels, num_labels=len(ids), confidence=0.7, settings=config.irn.labels.crf)
        for total, before, after in zip(totals, labels, refined, strict=True):
            total += confusion_matrix(ids[before], ids[after], num_classes=number_of_classes)
    agreement = [quality(total).miou for total in totals]
    return from_members(float(candidates[int(np.nanargmax(agreement))]), maps.form, maps.members)


def rules(maps: Maps, records: list[Record]) -> dict[str, float]:
    """Return rule -> background threshold, as a score of the method, from the scores of all training images."""
    images = [histogram(maps.cams[r.image_id].scores, maps.form, maps.members) for r in records]
    scaled = sum(images)
    plain = sum(histogram(maps.cams[r.image_id].scores, "single", 1) for r in records)
    found = {
        "otsu": otsu_split(scaled).threshold,
        "images": float(np.mean([otsu_split(counts).threshold for counts in images if counts.any()])),
        "above": otsu_split(np.where(CENTRES > 0.05, scaled, 0)).threshold,
        "entropy": entropy_threshold(scaled),
        "li": li_threshold(scaled),
        "expected": expected_threshold(scaled),
    }
    found = {rule: from_members(value, maps.form, maps.members) for rule, value in found.items()}
    return found | {"plain": otsu_split(plain).threshold, "li_plain": li_threshold(plain)}


def mious(maps: Maps, images: Index, truth: GroundTruth, thresholds: np.ndarray) -> np.ndarray:
    """Return (T,) mIoU in percent of the train images' masks at each threshold."""
    total = np.zeros((len(thresholds), images.num_classes, images.num_classes), dtype=np.int64)
    for record in images.subset("train"):
        cam = maps.cams[record.image_id]
        scores = resize_scores(cam.scores, record.size)
        true = truth.read(record.image_id)
        total += confusion_by_threshold(scores, cam.classes, true, thresholds, num_classes=images.num_classes)
    return 100 * quality(total).miou


def methods(config: Config, seed: int, fuse: list[str]) -> Iterator[Maps]:
    """Yield the CAMs that lie in a run, then the fusions that are made here."""
    for method in config.cam_methods:
        shards = [Path(shard) for shard in cam_shards(config, method, seed)]
        if all(shard.is_file() for shard in shards):
            settings = otsu_settings(config, method)
            yield Maps(method, settings.form, settings.members, read(shards))
    if fuse:
        members = [read([Path(shard) for shard in cam_shards(config, source, seed)]) for source in fuse]
        for operator in ("or", "and", "mean"):
            fused = {
                name: cam._replace(scores=OPERATORS[operator](*(member[name].scores for member in members)))
                for name, cam in members[0].items()
            }
            form = FORMS[operator]
            yield Maps(f"{'+'.join(fuse)} {operator}", form, 1 if form == "single" else len(fuse), fused)


def read(shards: list[Path]) -> dict[str, Cam]:
    """Return image_id -> CAM of a store."""
    store = CamStore(shards)
    return {image_id: store[image_id] for image_id in store.image_ids}


def losses(
    config: Config, seed: int, fuse: list[str], crf: int
) -> Iterator[tuple[str, float, float, dict[str, float]]]:
    """Yield each method with its best mIoU, the best threshold and what each rule loses against it."""
    index = Path(place("dataset_images", config.run, part="train_aug"))
    images = read_index(index)
    truth = GroundTruth(index, Path(place("dataset_ground_truth", config.run, part="train_aug")))
    for maps in methods(config, seed, fuse):
        chosen = rules(maps, images.subset("train_aug"))
        if crf:
            chosen["crf"] = crf_threshold(maps, images.subset("train_aug")[:crf], config, images.num_classes)
        grid = [from_members(value, maps.form, maps.members) for value in GRID]
        found = mious(maps, images, truth, np.array([*grid, *chosen.values()]))
        best = float(np.nanmax(found))
        at = dict(zip(chosen, found[len(grid) :].tolist(), strict=True))
        yield maps.method, best, grid[int(np.nanargmax(found[: len(grid)]))], {r: best - at[r] for r in chosen}


def main() -> None:
    """Print the table, a line for each CAM, then mean and largest loss of each rule."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="config.yaml", help="of the runs")
    parser.add_argument("--runs", nargs="+", default=["demo"], help="folders of results")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of the trainings")
    parser.add_argument("--fuse", nargs="*", default=[], help="sources that are also fused here")
    parser.add_argument("--crf", type=int, default=0, help="images of the rule crf")
    arguments = parser.parse_args()
    raw, table = yaml.safe_load(Path(arguments.config).read_text()), []
    for run in arguments.runs:
        for seed in arguments.seeds:
            for method, best, threshold, lost in losses(load(raw | {"run": run}), seed, arguments.fuse, arguments.crf):
                if not table:
                    print(
                        f"| run | seed | CAM | best mIoU | at | {' | '.join(lost)} |",
                        "|---" * (5 + len(lost)) + "|",
                        sep="\n",
                    )
                table.append(lost)
                cells = " | ".join(f"{value:.1f}" for value in lost.values())
                print(f"| {run} | {seed} | {method} | {best:.1f} | {threshold:.3f} | {cells} |", flush=True)
    for name, over in (("mean", np.mean), ("largest", np.max)):
        cells = " | ".join(f"{over([row[rule] for row in table]):.1f}" for rule in table[0])
        print(f"| {name} of {len(table)} | | | | | {cells} |")


if __name__ == "__main__":
    main()
