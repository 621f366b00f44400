"""What the forms of the releases that are settings here do to the scores, on the demo's scenes: a table in markdown.

    python benchmarks/forms.py                          # three seeds; half an hour on one core
    python benchmarks/forms.py --only amn_raw_background

The demo is run as far as the CAMs, then once more for each form with that one change, for each seed. What a form does
not touch is not made again. A difference is the form's score less the demo's with the same seed. The demo's networks
are small and start at random, so these are numbers about the demo: none within the spread over seeds is a finding.
"""

import argparse
import csv
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from orandnet.files.places import place
from orandnet.settings import deep_update

RUN = "forms"
IRN = ("resnet50+irn", "naive+irn", "ours+irn", "ours_star+irn")
CAMS = ("resnet50", "vit", "naive", "ours")


class Form(NamedTuple):
    """A change of the config, and what it is measured on.

    Attributes:
        changes: keys of the config.
        methods: rows that they can move: CAM methods, or `segmenter` for the predictions of naive's segmenter.
        start: what else differs from the demo, in both of the runs that are compared.
    """

    changes: dict
    methods: tuple[str, ...]
    start: dict | None = None


FORMS = {
    "irn_before_pooling": Form({"irn": {"boundary": {"pooled_first_stage": False}}}, IRN),
    "irn_relu_before_resizing": Form({"irn": {"boundary": {"resize_before_relu": False}}}, IRN),
    "irn_both": Form({"irn": {"boundary": {"pooled_first_stage": False, "resize_before_relu": False}}}, IRN),
    "irn_pad_to_window": Form({"irn": {"walk": {"pad_to_window": True}}}, IRN),
    # most scenes are smaller than windows of 128 pixels, as VOC's images are than its windows of 512
    "irn_pad_to_window_of_128": Form(
        {"irn": {"walk": {"pad_to_window": True}}}, IRN[1:3], {"irn": {"boundary": {"crop_size": 128}}}
    ),
    "amn_raw_background": Form({"sources": {"amn": {"cam": {"raw_background": True}}}}, ("amn", "ours_star")),
    "amn_frozen_first_layer": Form(
        {"sources": {"amn": {"classifier": {"frozen_layers": ["conv1", "bn1"]}}}}, ("amn", "ours_star")
    ),
    "amn_walk_power": Form({"sources": {"amn": {"irn": {"walk": {"power": 1.3}}}}}, ("amn+irn",)),
    "offset": Form(
        {"ensembles": {"ours": {"fusion": {"offsets": {"vit": 0.15}, "clip": False}}}}, ("ours-or", "ours-and", "ours")
    ),
    "naive_sum": Form(
        {"ensembles": {"naive": {"output": "sum", "fusion": {"offsets": {"vit": 0.15}, "clip": False}}}}, ("naive",)
    ),
    # it takes the classes of one image, so both runs have batches of one; longer than all other forms
    "orandnet_softmax": Form(
        {"orandnet": {"loss": "official_softmax"}}, ("ours", "ours_star"), {"orandnet": {"training": {"batch_size": 1}}}
    ),
    "vit_not_mirrored": Form({"sources": {"vit": {"cam": {"flip": False}}}}, CAMS[1:]),
    "orandnet_not_mirrored": Form({"orandnet": {"random_flip": False}}, ("ours", "ours_star")),
    "cam_bilinear": Form({"cam": {"interpolation": "bilinear"}}, CAMS),
    "vit_constant_rate": Form({"sources": {"vit": {"classifier": {"training": {"schedule": "constant"}}}}}, CAMS[1:]),
    "jitter_before_padding": Form(
        {"classifier": {"color_jitter": {"before_padding": True, "random_order": True}}}, CAMS
    ),
    "segmenter_mctformer": Form(
        {
            "segmenter": {
                "frozen_layers": ["conv1"],
                "freeze_affine": True,
                "head_init": "xavier",
                "scale_per_batch": True,
                "small_images": "top_left",
            },
            "prediction": {"flip": False},
        },
        ("segmenter",),
    ),
}


def summary(method: str, seed: int) -> Path:
    """Return where the scores of a method lie."""
    if method == "segmenter":
        chosen = {"method": "naive", "schedule": "baseline", "split": "val"}
        return Path(place("evaluation_prediction", RUN, seed=seed, scores="summary", **chosen))
    return Path(place("evaluation_cam", RUN, method=method, seed=seed, scores="summary"))


def score(method: str, seed: int) -> float:
    """Return a method's mIoU in percent: best over thresholds of CAMs, multi-scale with CRF of predictions."""
    key, value = ("variant", "ms_crf") if method == "segmenter" else ("threshold_rule", "best_miou")
    with summary(method, seed).open(newline="") as file:
        return next(float(row["miou"]) for row in csv.DictReader(file) if row[key] == value)


def measure(changes: dict, methods: tuple[str, ...], seeds: list[int]) -> dict[tuple[str, int], float]:
    """Run the demo with some changes and return (method, seed) -> mIoU."""
    overlay = Path(f"results/{RUN}.yaml")
    overlay.parent.mkdir(exist_ok=True)
    overlay.write_text(yaml.safe_dump({"run": RUN, "seeds": seeds, **changes}))
    targets = [str(summary(method, seed)) for method in methods for seed in seeds]
    for target in targets:
        Path(target).unlink(missing_ok=True)  # one that is there hides that a stopped run has left no CAM behind it
    command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--cores", "1", "--configfile", "config.yaml"]
    subprocess.run([*command, str(overlay), "--", *targets], check=True)
    return {(method, seed): score(method, seed) for method in methods for seed in seeds}


def lines(name: str, base: dict, form: dict, methods: tuple[str, ...], seeds: list[int]) -> Iterator[str]:
    """Yield the table's line of each method: means with standard deviations, and the differences seed by seed."""
    for method in methods:
        before, after = ([scores[method, seed] for seed in seeds] for scores in (base, form))
        means = [f"{statistics.mean(values):.1f} ± {spread(values):.1f}" for values in (before, after)]
        differences = [b - a for a, b in zip(before, after, strict=True)]
        each = ", ".join(f"{difference:+.1f}" for difference in differences)
        yield f"| {name} | {method} | {means[0]} | {means[1]} | {statistics.mean(differences):+.1f} | {each} |"


def spread(values: list[float]) -> float:
    """Return the sample standard deviation, 0 of one value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def main() -> None:
    """Print the table, form by form."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(FORMS), default=list(FORMS), help="these forms")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    chosen = {name: FORMS[name] for name in arguments.only}
    methods = tuple(dict.fromkeys(method for form in chosen.values() for method in form.methods))
    base = measure({}, methods, arguments.seeds)
    print(
        "| form | row | demo, mIoU | with the form | difference | seed by seed |", "|---|---|---|---|---|---|", sep="\n"
    )
    for name, form in chosen.items():
        start = measure(form.start, form.methods, arguments.seeds) if form.start else base
        found = measure(deep_update(form.start or {}, form.changes), form.methods, arguments.seeds)
        print(*lines(name, start, found, form.methods, arguments.seeds), sep="\n", flush=True)


if __name__ == "__main__":
    main()
