"""The segmenter's loss: balanced or plain, label smoothing 0, 0.1 and 0.4. A table in markdown, val mIoU at one scale.

    python benchmarks/segmenter_loss.py --run results/demo --methods naive ours ours_star --schedule scale --seeds 0 1 2
    python benchmarks/segmenter_loss.py --run results/voc_subset --config config/voc_subset.yaml --seeds 0 1 2
    python benchmarks/segmenter_loss.py --page    # the tables of all that was trained

Pseudo masks and first weights are those of a finished run with the same seed; nothing but the loss differs. The result
is that of the trained network on val, at one scale and without a CRF: the loss is compared, not the inference. Forms
are compared by their mean over rows, seed by seed. Rows go to results/segmenter_loss/, training by training; one that
is stopped goes on when it is asked for again.
"""

import argparse
from collections.abc import Iterator
from itertools import groupby, product
from pathlib import Path
from statistics import mean

import yaml

from orandnet.config.sections import load
from orandnet.settings import deep_update
from result_rows import Training, do_missing, mean_and_spread, read_rows
from scale_scheduling import SCHEDULES, Case, Study, trainings

FOLDER = Path("results/segmenter_loss")
FORMS = [*product((True, False), (0.0, 0.1, 0.4))]  # balanced, label smoothing
RUN = ("run", "schedule", "fraction", "steps")  # what a table's trainings have in common


def forms(raw: dict, methods: list[str], schedule: str, seeds: list[int]) -> Iterator[Training]:
    """Yield the trainings of a config, seed by seed: what a stopped study has is then complete for some seeds."""
    for seed, (balanced, smoothing), method in product(seeds, FORMS, methods):
        loss = {"balanced": balanced, "label_smoothing": smoothing}
        config = load(deep_update(raw, {"segmenter": loss}))
        fraction = config.segmenter.scale_schedule.fraction if schedule != "baseline" else 0.0
        (found,) = trainings(config, Study(method, 1, ""), [Case(schedule, fraction, 1, seed)])
        key, name, train = found
        yield (
            key,
            f"{name}, {method}, {loss}",
            lambda folder, train=train, loss=loss: [{**row, **loss} for row in train(folder)],
        )


def table(rows: list[dict[str, str]]) -> Iterator[str]:
    """Yield a table for each run and schedule; the last line of a form is the mean over its rows."""
    kind = lambda row: tuple(row[column] for column in RUN)  # noqa: E731
    for what, same in groupby(sorted(rows, key=kind), key=kind):
        trained = [*same]
        yield f"\n{what[0]}, `{what[1]}`, {what[3]} steps:\n"
        yield "| loss | label smoothing | row | val mIoU | each seed |"
        yield "|---|---|---|---|---|"
        for balanced, smoothing in FORMS:
            form = {"balanced": str(balanced), "label_smoothing": str(smoothing)}
            found = {
                (row["method"], int(row["seed"])): float(row["val_miou"])
                for row in trained
                if form.items() <= row.items()
            }
            yield from lines(found, "balanced" if balanced else "plain", smoothing)


def lines(found: dict[tuple[str, int], float], loss: str, smoothing: float) -> Iterator[str]:
    """Yield the lines of a form: mean, standard deviation, every seed; and the mean of rows, of seeds that all have."""
    methods, seeds = (sorted({key[part] for key in found}) for part in (0, 1))
    of = {method: [found[method, seed] for seed in seeds if (method, seed) in found] for method in methods}
    whole = [seed for seed in seeds if all((method, seed) in found for method in methods)]
    if len(methods) > 1 and whole:
        of["mean of rows"] = [mean(found[method, seed] for method in methods) for seed in whole]
    for method, values in of.items():
        each = ", ".join(f"{value:.1f}" for value in values)
        yield f"| {loss} | {smoothing:g} | {method} | {mean_and_spread(values)} | {each} |"


def main() -> None:
    """Train what is missing, or print the tables of all that was trained."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="config.yaml", help="of the run")
    parser.add_argument("--run", default="results/demo", help="folder of a finished run, in results/ here")
    parser.add_argument("--methods", nargs="+", default=["ours"], help="rows of segmenter.methods, but fsss")
    parser.add_argument("--schedule", choices=SCHEDULES, default="baseline")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of the run")
    parser.add_argument("--page", action="store_true", help="train nothing; tables of all CSVs")
    arguments = parser.parse_args()
    if arguments.page:
        print(*table([row for path in sorted(FOLDER.glob("*.csv")) for row in read_rows(path)]), sep="\n")
        return
    run = Path(arguments.run).name
    raw = yaml.safe_load(Path(arguments.config).read_text(encoding="utf-8")) | {"run": run}
    do_missing(FOLDER / f"{run}.csv", forms(raw, arguments.methods, arguments.schedule, arguments.seeds))


if __name__ == "__main__":
    main()
