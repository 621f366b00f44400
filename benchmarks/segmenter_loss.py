"""The segmenter's loss: balanced or plain, label smoothing 0, 0.1 and 0.4. A table in markdown, val mIoU at one scale.

    python benchmarks/segmenter_loss.py                                        # the demo's scenes, three seeds
    python benchmarks/segmenter_loss.py --config config/voc_subset.yaml --limit 220

All before the segmenters is made once for each seed. Rows are trained with the schedule `scale`. The last line of a
form is the mean over its rows, seed by seed, which is what forms are compared by.
"""

import argparse
import csv
import statistics
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import yaml

from orandnet.config.overrides import deep_update
from orandnet.config.sections import load
from orandnet.files.places import place

FORMS = [*product((True, False), (0.0, 0.1, 0.4))]  # balanced, label smoothing
SCHEDULE = "scale"
# one scale without a CRF: the loss is compared, not the inference
INFERENCE = {"prediction": {"variants": ["ss"]}, "report": {"variant": "ss"}}


def summary(run: str, row: str, seed: int) -> Path:
    """Return where the scores of a row lie."""
    chosen = {"method": row, "schedule": SCHEDULE, "split": "val", "scores": "summary"}
    return Path(place("evaluation_prediction", run, seed=seed, **chosen))


def miou(path: Path) -> float:
    """Return the mIoU of a summary in percent."""
    with path.open(newline="", encoding="utf-8") as file:
        return next(float(row["miou"]) for row in csv.DictReader(file) if row["variant"] == "ss")


def measured(raw: dict, rows: list[str], *, balanced: bool, smoothing: float) -> dict[str, list[float]]:
    """Run one form and return row -> mIoU of each seed."""
    changes = {"segmenter": {"balanced": balanced, "label_smoothing": smoothing}}
    config = deep_update(deep_update(raw, INFERENCE), changes)
    overlay = Path(f"results/{config['run']}.yaml")
    overlay.parent.mkdir(exist_ok=True)
    overlay.write_text(yaml.safe_dump(config))
    seeds = load(config).seeds
    targets = [str(summary(config["run"], row, seed)) for row in rows for seed in seeds]
    command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--cores", "1", "--configfile", str(overlay)]
    subprocess.run([*command, "--", *targets], check=True)
    return {row: [miou(summary(config["run"], row, seed)) for seed in seeds] for row in rows}


def lines(found: dict[str, list[float]], *, balanced: bool, smoothing: float) -> Iterator[str]:
    """Yield the table's lines of a form: mean, sample standard deviation, and every seed."""
    means = [statistics.mean(values) for values in zip(*found.values(), strict=True)]
    for row, values in {**found, "mean of rows": means}.items():
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        each = ", ".join(f"{value:.1f}" for value in values)
        form = "balanced" if balanced else "plain"
        yield f"| {form} | {smoothing:g} | {row} | {statistics.mean(values):.1f} ± {deviation:.1f} | {each} |"


def main() -> None:
    """Print the table, form by form."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="config.yaml")
    parser.add_argument("--run", default="segmenter_loss", help="folder of results")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--scenes", type=int, help="seed of the embedded scenes, instead of the config's")
    parser.add_argument("--limit", type=int, help="images of each list, instead of the config's")
    parser.add_argument("--rows", nargs="+", default=["fsss", "naive", "ours", "ours_star"])
    arguments = parser.parse_args()
    raw = yaml.safe_load(Path(arguments.config).read_text(encoding="utf-8"))
    raw = deep_update(raw, {"run": arguments.run, "seeds": arguments.seeds})
    if arguments.scenes is not None:
        raw = deep_update(raw, {"dataset": {"scenes": {"seed": arguments.scenes}}})
    if arguments.limit is not None:
        raw = deep_update(raw, {"dataset": {"limit": arguments.limit}})
    print("| loss | label smoothing | row | val mIoU | each seed |", "|---|---|---|---|---|", sep="\n")
    for balanced, smoothing in FORMS:
        form = {"balanced": balanced, "smoothing": smoothing}
        print(*lines(measured(raw, arguments.rows, **form), **form), sep="\n", flush=True)


if __name__ == "__main__":
    main()
