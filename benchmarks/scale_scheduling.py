"""Where scale scheduling turns from a loss to a gain: the segmenter trained ever longer, with and without it.

    python benchmarks/scale_scheduling.py --run results/demo --lengths 1 3 10 30 --final ms_crf
    python benchmarks/scale_scheduling.py --run results/voc_subset --config config/voc_subset.yaml --points 4
    python benchmarks/scale_scheduling.py --page    # the table of what was trained, and images/scale_scheduling.svg

Pseudo masks and first weights are those of a finished run with the same seed. A length is a multiple of the config's
epochs: the learning rate falls over the whole of it, and the small images have their fraction of it. The table gives
the steps; `scale_same_pixels` has more of them than the others of its length. Masks of val are looked at during the
training, at one scale and without a CRF, and change nothing in it; the result is the last of these numbers, not the
best. `--final ms_crf` also scores the end as the tables of a run do. The mIoU on train is that of the trained network
on images that it was trained on, against their true masks: it falls where the faults of the pseudo masks are learnt.
Rows go to results/scale_scheduling/, training by training; one that is stopped or killed goes on when it is asked for
again. Two of these commands with other schedules or seeds may run side by side.
"""

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import yaml

from orandnet.config.sections import Config, load
from orandnet.dataset.index import read_index
from orandnet.files.manifest import sha256, training_key
from orandnet.files.places import place
from orandnet.job.training_job import TrainingJob
from orandnet.networks.device import select_device
from orandnet.plan.trainings import segmenter_masks, segmenter_settings, segmenter_weights
from orandnet.prediction.settings import PredictSettings
from orandnet.report.paper import draw_chart
from orandnet.segmenter.settings import TrainSettings
from orandnet.segmenter.stage import with_pixels_of_baseline
from result_rows import Training, do_missing, read_rows
from scale_scheduling_page import chart, table
from watched_segmenter import Inputs, miou, split_of, trained

FOLDER = Path("results/scale_scheduling")
SCHEDULES = ("baseline", "scale", "scale_same_pixels")


class Case(NamedTuple):
    """One training: its schedule, the fraction of it on small images, its length in the config's, its seed."""

    schedule: str
    fraction: float
    length: int
    seed: int


class Study(NamedTuple):
    """Row of segmenter.methods whose masks are learnt, how often val is looked at, and the variant of the end."""

    method: str
    points: int
    final: str


def cases(lengths: list[int], schedules: Sequence[str], fractions: list[float], seeds: list[int]) -> Iterator[Case]:
    """Yield all trainings, short ones first: what a stopped study has is then complete for some lengths."""
    for length in sorted(lengths):
        for seed, schedule in product(seeds, schedules):
            of_it = fractions if schedule != "baseline" else [0.0]
            yield from (Case(schedule, fraction, length, seed) for fraction in of_it)


def settings_of(config: Config, case: Case, sizes: list[tuple[int, int]]) -> TrainSettings:
    """Return the settings of a training on images of `sizes`, at its full length."""
    settings = segmenter_settings(config, case.schedule)
    length, limit = settings.training.epochs * case.length, settings.training.max_iterations
    longer = {"epochs": length, "max_iterations": limit and limit * case.length}
    changes = {"training": settings.training.model_copy(update=longer)}
    if case.schedule != "baseline":
        changes["scale_schedule"] = settings.scale_schedule.model_copy(update={"fraction": case.fraction})
    settings = settings.model_copy(update=changes)
    if case.schedule == "scale_same_pixels":
        settings = settings.model_copy(update={"training": with_pixels_of_baseline(settings, sizes)})
    return settings


def even_points(steps: int, number: int) -> list[int]:
    """Return `number` evenly spaced steps, the last one included; fewer of a training that has fewer."""
    return sorted({round(steps * point / number) for point in range(1, number + 1)} - {0})


def rows_of(
    config: Config, study: Study, case: Case, settings: TrainSettings, inputs: Inputs, folder: Path
) -> list[dict]:
    """Do one training in a folder and return its rows, one for each point at which it was scored."""
    whole, start = not any(folder.iterdir()), time.process_time()
    steps = settings.training.num_steps(len(read_index(inputs.index).subset("train_aug")))
    val, on_train = split_of(config.run, "val", "val"), split_of(config.run, "train_aug", "train")
    files = (folder / name for name in ("weights.safetensors", "history.csv", "state"))
    job = TrainingJob(*files, key=folder.name, random_seed=case.seed)
    network, found = trained(settings, case.schedule, inputs, job, val, even_points(steps, study.points))
    device, ends = select_device(job.device), {"train_miou": "", "final_miou": ""}
    last = {"train_miou": f"{miou(network, on_train, device):.3f}"}
    if study.final:
        how = {"variant": study.final, "settings": config.prediction.narrowed_to(PredictSettings)}
        last["final_miou"] = f"{miou(network, val, device, **how):.3f}"
    facts = {"run": config.run, "method": study.method, **case._asdict(), "steps": steps, "key": folder.name}
    facts |= {"final": study.final, "cpu_s": round(time.process_time() - start) if whole else ""}
    rows = [facts | {"step": step, "val_miou": f"{value:.3f}"} | ends for step, value in found.items()]
    return [*rows[:-1], rows[-1] | last]


def trainings(config: Config, study: Study, wanted: Iterable[Case]) -> Iterator[Training]:
    """Yield the key of each training, its name, and what does it."""
    index = Path(place("dataset_images", config.run, part="train_aug"))
    sizes = [record.size for record in read_index(index).subset("train_aug")]
    for case in wanted:
        settings, weights = settings_of(config, case, sizes), segmenter_weights(config, case.seed)
        masks = [Path(path) for path in segmenter_masks(config, study.method, case.seed)]
        inputs = Inputs(index, masks, Path(weights[0]) if weights else None)
        files = [sha256(path) for path in (index, *masks, *map(Path, weights))]
        facts = {"case": case, "study": study, "settings": settings.canonical_json(), "files": files}
        name = f"{config.run}, {case.length}x {case.schedule} {case.fraction:g}, seed {case.seed}"
        yield training_key(facts)[:12], name, partial(rows_of, config, study, case, settings, inputs)


def main() -> None:
    """Train what is missing, or print the table and draw the picture of all that was trained."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="config.yaml", help="of the run")
    parser.add_argument("--run", default="results/demo", help="folder of a finished run, in results/ here")
    parser.add_argument("--method", default="ours", help="row of segmenter.methods whose pseudo masks are learnt")
    parser.add_argument("--lengths", nargs="+", type=int, default=[1, 3, 10], help="in the config's epochs")
    parser.add_argument("--schedules", nargs="+", choices=SCHEDULES, default=SCHEDULES, help="each a training")
    parser.add_argument("--fractions", nargs="+", type=float, default=[0.25, 0.5], help="of a training on small images")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--points", type=int, default=8, help="how often val is looked at")
    parser.add_argument("--final", default="", help="variant that is scored at the end too, such as ms_crf")
    parser.add_argument("--name", help="of the CSV; the run's by default")
    parser.add_argument("--page", action="store_true", help="train nothing; table and picture of all CSVs")
    parser.add_argument("--picture", type=Path, default=Path("images/scale_scheduling.svg"))
    arguments = parser.parse_args()
    if arguments.page:
        rows = [row for path in sorted(FOLDER.glob("*.csv")) for row in read_rows(path)]
        print(*table(rows), sep="\n")
        draw_chart([arguments.picture], chart(rows))
        return
    run = Path(arguments.run).name
    config = load(yaml.safe_load(Path(arguments.config).read_text(encoding="utf-8")) | {"run": run})
    wanted = cases(arguments.lengths, arguments.schedules, arguments.fractions, arguments.seeds)
    output = FOLDER / f"{arguments.name or run}.csv"
    study = Study(arguments.method, arguments.points, arguments.final)
    do_missing(output, trainings(config, study, wanted))


if __name__ == "__main__":
    main()
