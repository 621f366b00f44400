"""What could lift ORANDNet above the fair mean of its members: other inputs, another target. A table in markdown.

    python benchmarks/orandnet_variants.py --seeds 0 1 2        # a finished run of config.yaml: results/demo
    python benchmarks/orandnet_variants.py --config config/voc_subset.yaml --run results/voc_subset

mean             the mean of the members; no training
or_and           ORANDNet as it is: the OR CAM in, the AND CAM as target
members          every member's map in, the AND CAM as target
members_image    every member's map and the image's colours on the grid in, the AND CAM as target
agreement        the OR CAM in; target 1 where the AND CAM is above its threshold, 0 where the OR CAM is below its own,
                 and nothing elsewhere, nor where both hold. Both thresholds are Otsu's on the members' scale
agreement_image  the same, every member's map and the image's colours in

Network, steps and optimiser are the config's, the members' CAMs those of the run with the same seed. Maps of train are
scored against true masks at two thresholds: Otsu's of all training images, on the members' scale (the agreement's
score is a probability as it is), which asks no mask; and the best of 201, chosen on the masks that it is scored on.
Differences to the mean are taken seed by seed. Rows go to results/orandnet_variants/, training by training.
"""

import argparse
import time
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from orandnet.config.sections import Config, load
from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.index import Index, read_index
from orandnet.evaluation.confusion import scores as quality
from orandnet.evaluation.sweep import confusion_by_threshold
from orandnet.files.manifest import sha256, training_key
from orandnet.files.places import place
from orandnet.files.store import Cam
from orandnet.job.training_job import TrainingJob
from orandnet.maps.grid import resize_scores
from orandnet.networks.device import select_device
from orandnet.orandnet.settings import Settings
from orandnet.plan.cams import member_shards, refined_ensembles, shards
from orandnet.plan.thresholds import otsu_settings
from orandnet.pseudo_mask.otsu import from_members, histogram, otsu_split
from result_rows import Training, do_missing, mean_and_spread, read_rows
from threshold_rules import GRID, Maps
from variant_trainings import Example, Variant, read_examples, refined, trained

FOLDER = Path("results/orandnet_variants")
VARIANTS = {
    "mean": Variant(),
    "or_and": Variant(("or",), "and"),
    "members": Variant(("members",), "and"),
    "members_image": Variant(("members", "image"), "and"),
    "agreement": Variant(("or",), "agreement"),
    "agreement_image": Variant(("members", "image"), "agreement"),
}
MEASURES = tuple(f"{at}_{measure}" for at in ("otsu", "best") for measure in ("miou", "precision", "recall"))


class Case(NamedTuple):
    """One training; `limit` is how many images it sees, None for all."""

    ensemble: str
    seed: int
    variant: str
    limit: int | None


def otsu_of(cams: list[Cam], form: str, members: int) -> float:
    """Return Otsu's threshold on the members' scale, as a score of the maps."""
    split = otsu_split(sum(histogram(cam.scores, form, members) for cam in cams))
    return from_members(split.threshold, form, members)


def scored(maps: Maps, examples: list[Example], truth: GroundTruth, num_classes: int) -> dict[str, str]:
    """Return mIoU, precision and recall on train in percent, at Otsu's threshold and at the best one."""
    otsu = otsu_of(list(maps.cams.values()), maps.form, maps.members)
    thresholds = np.array([*(from_members(value, maps.form, maps.members) for value in GRID), otsu])
    total = np.zeros((len(thresholds), num_classes, num_classes), dtype=np.int64)
    for record in (example.record for example in examples if example.record.split == "train"):
        cam, true = maps.cams[record.image_id], truth.read(record.image_id)
        resized = resize_scores(cam.scores, record.size)
        total += confusion_by_threshold(resized, cam.classes, true, thresholds, num_classes=num_classes)
    found = quality(total)
    columns = (found.miou, found.mean_precision, found.mean_recall)
    places = {"otsu": len(GRID), "best": int(np.nanargmax(found.miou[:-1]))}
    at = {f"{name}_threshold": f"{thresholds[place]:.4f}" for name, place in places.items()}
    values = (f"{100 * column[place]:.3f}" for place in places.values() for column in columns)
    return at | dict(zip(MEASURES, values, strict=True))


def maps_of(config: Config, case: Case, examples: list[Example], folder: Path) -> Maps:
    """Return the maps of a variant, trained where it has a network."""
    variant, settings = VARIANTS[case.variant], config.orandnet_of(case.ensemble)
    sure, made_of = {}, {}
    for operator in ("or", "and", "mean"):
        made_of[operator] = otsu_settings(config, f"{case.ensemble}-{operator}")
        its = [example.cams[operator] for example in examples]
        sure[operator] = otsu_of(its, made_of[operator].form, made_of[operator].members)
    if variant.target:
        files = (folder / name for name in ("weights.safetensors", "history.csv", "state"))
        job = TrainingJob(*files, key=folder.name, random_seed=case.seed)
        network = trained(examples, variant, sure, settings, job)
        device = select_device(job.device)
        cams = [refined(network, example, variant.inputs, settings, device) for example in examples]
    else:
        cams = [example.cams["mean"] for example in examples]
    scale = made_of["and" if variant.target == "and" else "mean"]
    return Maps(case.variant, scale.form, scale.members, {cam.image_id: cam for cam in cams})


def rows_of(config: Config, case: Case, images: Index, truth: GroundTruth, folder: Path) -> list[dict[str, object]]:
    """Train and score one variant."""
    start, records = time.process_time(), images.subset("train_aug")[: case.limit]
    examples = read_examples(config, case.ensemble, case.seed, records)
    found = scored(maps_of(config, case, examples, folder), examples, truth, images.num_classes)
    positions = sum(len(example.members) for example in examples)
    steps = config.orandnet_of(case.ensemble).training.num_steps(positions) if VARIANTS[case.variant].target else 0
    facts = {"run": config.run, **case._asdict(), "steps": steps, "key": folder.name}
    return [facts | found | {"cpu_s": round(time.process_time() - start)}]


def check(settings: Settings) -> None:
    """Refuse forms of ORANDNet that are not rebuilt here."""
    form = (settings.architecture, settings.inputs, settings.input_stride, settings.loss, settings.divide_by_max)
    if form != ("unet", ["or"], 4, "bce", False):
        raise ValueError(f"orandnet: {form} is not the form of config.yaml; variants of another one are not made.")


def trainings(config: Config, cases: list[Case]) -> Iterator[Training]:
    """Yield the key of each training, its name, and what does it."""
    index = Path(place("dataset_images", config.run, part="train_aug"))
    images, truth = (
        read_index(index),
        GroundTruth(index, Path(place("dataset_ground_truth", config.run, part="train_aug"))),
    )
    for case in cases:
        settings = config.orandnet_of(case.ensemble)
        check(settings)
        files = [
            Path(path) for shard in shards(config) for path in member_shards(config, case.ensemble, case.seed, shard)
        ]
        facts = {"case": case, "variant": VARIANTS[case.variant], "settings": settings.canonical_json()}
        facts |= {"fusion": config.fusion_of(case.ensemble).canonical_json(), "files": [*map(sha256, (index, *files))]}
        name = f"{config.run}, {case.ensemble}, {case.variant}, seed {case.seed}"
        yield training_key(facts)[:12], name, partial(rows_of, config, case, images, truth)


def table(rows: list[dict[str, str]]) -> Iterator[str]:
    """Yield the lines of the table: means over seeds with standard deviations, and differences to the mean."""
    heads = ("run", "ensemble", "images", "variant", "steps", "seeds", *(name.replace("_", ", ") for name in MEASURES))
    heads += ("otsu, less mean", "best, less mean")
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for group in dict.fromkeys((row["run"], row["ensemble"], row["limit"]) for row in rows):
        mean = by_seed(rows, group, "mean")
        for variant in VARIANTS:
            if found := by_seed(rows, group, variant):
                yield f"| {' | '.join([*group[:2], group[2] or 'all', variant, *cells(found, mean)])} |"


def by_seed(rows: list[dict[str, str]], group: tuple[str, ...], variant: str) -> dict[str, dict[str, str]]:
    """Return seed -> row of a variant, the last one where a seed was trained twice."""
    wanted = (*group, variant)
    return {row["seed"]: row for row in rows if (row["run"], row["ensemble"], row["limit"], row["variant"]) == wanted}


def cells(found: dict[str, dict[str, str]], mean: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield the numbers of a line; `found` and `mean`, the variant without a network, are seed -> row."""
    yield from (", ".join(sorted({row["steps"] for row in found.values()})), str(len(found)))
    for measure in MEASURES:
        yield mean_and_spread([float(row[measure]) for row in found.values()])
    for measure in ("otsu_miou", "best_miou"):
        less = [float(row[measure]) - float(mean[seed][measure]) for seed, row in found.items() if seed in mean]
        yield mean_and_spread(less, "+.1f") if less and found != mean else ""


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="config.yaml", help="of the run")
    parser.add_argument("--run", default="results/demo", help="folder of a finished run, in results/ here")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--ensembles", nargs="+", help="all that ORANDNet refines by default")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--limit", type=int, help="only so many training images, those of train first")
    parser.add_argument("--name", help="of the CSV; the run's by default")
    arguments = parser.parse_args()
    run = Path(arguments.run).name
    config = load(yaml.safe_load(Path(arguments.config).read_text(encoding="utf-8")) | {"run": run})
    wanted = product(arguments.ensembles or refined_ensembles(config), arguments.seeds, arguments.variants)
    output = FOLDER / f"{arguments.name or run}.csv"
    do_missing(output, trainings(config, [Case(*case, arguments.limit) for case in wanted]))
    print(*table(read_rows(output)), sep="\n")


if __name__ == "__main__":
    main()
