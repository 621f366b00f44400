"""Counts what the GPU jobs of the published configs take, and writes that into the package and into docs/scaling.md.

    python benchmarks/capacity.py            # counts what changed: up to five minutes; then writes both
    python benchmarks/capacity.py --page     # writes docs/scaling.md from what was counted before

No GPU is needed: every step runs on tensors without numbers (`orandnet.capacity`). A test holds both files against this
script, so a changed setting of a published config asks for it to be run again.
"""

import argparse
import json
import sys
from pathlib import Path

import yaml

from orandnet.capacity import jobs, table
from orandnet.capacity.cards import CARDS, Card, roofline
from orandnet.capacity.jobs import Images, Job
from orandnet.config.sections import Config, load
from orandnet.plan import targets, trainings

ROOT = Path(__file__).parents[1]
CONFIGS = ("voc2012", "coco2014", "voc2012_clip")
PAGE = ROOT / "docs/scaling.md"
START, END = "<!-- made by benchmarks/capacity.py: begin -->", "<!-- made by benchmarks/capacity.py: end -->"
GUESS = 10e12  # operations a second that the page's first estimates took for granted
NUM_TEST = {"voc2012": 2905, "coco2014": 40_137}  # val and test, or val
MAPS_PER_IMAGE = {"voc2012": 1.555, "coco2014": 2.9}


def config_of(name: str) -> Config:
    """Return a config of the folder config/."""
    return load(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))


def wanted() -> list[tuple[str, Job, Images]]:
    """Return key, job and images of all that is counted."""
    found = {}
    for name in CONFIGS:
        config = config_of(name)
        images = jobs.largest_images(config)
        found |= {job.key(images): (job, images) for job in jobs.gpu_jobs(config)}
    return [(key, *pair) for key, pair in found.items()]


def seconds_on(card: Card, cost: table.Cost) -> float:
    """Return the roofline of a count on a card."""
    flops, moved = cost.gflop * 1e9, cost.gbyte * 1e9
    return roofline(card, products=cost.products, flops=flops, moved=moved, kernels=cost.operations)


def usual_share(config: Config, job: Job) -> float:
    """Return the share of a count's time that an image of the usual size takes: that of its pixels, and of its maps."""
    largest, usual = jobs.largest_images(config), jobs.usual_images(config)
    if not job.sees_whole_images or (job.rule == "cam" and job.settings[1].kind == "vit"):
        return 1.0  # of windows, and of images squeezed to one size
    share = (usual.size[0] * usual.size[1]) / (largest.size[0] * largest.size[1])
    return share * usual.shown / largest.shown if job.rule == "orandnet_cam" else share


def count_all() -> None:
    """Count what the table lacks, drop what no config asks for, and write it after each."""
    from orandnet.capacity.needs import cost_of  # with torch, which the page alone does not need

    table.counted.cache_clear()
    known = table.counted()
    costs = {key: known[key] for key, *_ in wanted() if key in known}
    for key, job, images in wanted():
        if key not in costs:
            print(f"{job.rule} {', '.join(job.names)}", file=sys.stderr, flush=True)
            costs[key] = cost_of(job, images)
            _write_table(costs)
    _write_table(costs)


def _write_table(costs: dict[str, table.Cost]) -> None:
    lines = [f"  {json.dumps(key)}: {json.dumps(cost._asdict())}" for key, cost in sorted(costs.items())]
    table.TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    table.counted.cache_clear()


def row(*cells: object) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*cells: str) -> list[str]:
    """Return the head of a Markdown table."""
    return [row(*cells), "|" + "---|" * len(cells)]


def memory_rows(name: str, *, rule: str = "") -> list[str]:
    """Return the table of the memory that a config's jobs need, or those of one rule."""
    config, lines = config_of(name), head("rule", "of", "at a time", "counted MiB", "asked for, MiB")
    images = jobs.largest_images(config)
    for job in [job for job in jobs.gpu_jobs(config) if job.rule.startswith(rule)]:
        cost = table.counted()[job.key(images)]
        who, needs = ", ".join(dict.fromkeys(job.names)), table.needed(cost.peak_mib)
        lines.append(row(job.rule, who, job.batch_size, cost.peak_mib, needs))
    return lines


def repetitions(name: str, config: Config, job: Job) -> tuple[float, int]:
    """Return how often a job's unit is done in one of its jobs of a seed, shards together, and how many there are."""
    trained = config.dataset.expected_sizes.train_aug
    if job.rule == "orandnet":
        return job.settings[0].training.num_steps(round(trained * MAPS_PER_IMAGE[name])), len(job.names)
    if job.rule == "segmenter":
        return job.settings[0].training.num_steps(trained), len(trainings.segmenters(config))
    if job.trains:
        return job.settings[0].training.num_steps(trained), len(job.names)
    if job.rule == "prediction":
        return NUM_TEST[name], len(trainings.segmenters(config))
    return trained / job.batch_size, len(job.names)


def time_rows(name: str) -> list[str]:
    """Return the table of the time that a config's jobs take at least, and the sum over one seed."""
    config = config_of(name)
    images, columns = jobs.largest_images(config), [card.name for card in CARDS]
    lines = head(
        "rule", "of", "at a time", "GFLOP", "GB", "kernels",
        *(f"{column}, s" for column in columns), "10 TFLOP/s, s", "units", "jobs",
        *(f"{column}, h" for column in columns), "10 TFLOP/s, h",
    )  # fmt: skip
    sums = dict.fromkeys((*columns, "guess"), 0.0)
    for job in jobs.gpu_jobs(config):
        cost = table.counted()[job.key(images)]
        units, number = repetitions(name, config, job)
        share = usual_share(config, job)
        seconds = {card.name: seconds_on(card, cost) for card in CARDS} | {"guess": cost.gflop * 1e9 / GUESS}
        hours = {card: share * value * units * number / 3600 for card, value in seconds.items()}
        sums = {card: total + hours[card] for card, total in sums.items()}
        lines.append(
            row(
                job.rule, ", ".join(dict.fromkeys(job.names)) if len(job.names) < 4 else f"{len(job.names)} methods",
                job.batch_size, f"{cost.gflop:.0f}", f"{cost.gbyte:.1f}", cost.operations,
                *(f"{value:.3f}" for value in seconds.values()), f"{units:.0f}", number,
                *(f"{value:.1f}" for value in hours.values()),
            )
        )  # fmt: skip
    total = [f"**{value:.0f}**" for value in sums.values()]
    lines.append(row("**one seed**", *[""] * (7 + len(columns)), *total))
    return lines


def chain_hours(name: str, card: Card) -> float:
    """Return the hours of the longest chain of jobs of one seed on a card, with each shard on a device of its own."""
    config = config_of(name)
    images, hours = jobs.largest_images(config), {}
    shards = {"prediction": targets.prediction_shards(config)}
    for job in jobs.gpu_jobs(config):
        cost, units = table.counted()[job.key(images)], repetitions(name, config, job)[0]
        split = 1 if job.trains else len(list(shards.get(job.rule, range(config.shards))))
        for who in job.names:
            hours[job.rule, who] = usual_share(config, job) * seconds_on(card, cost) * units / split / 3600
    sources = max(hours["classifier", source] + hours["cam", source] for source in ("resnet50", "vit"))
    after = ("orandnet", "orandnet_cam", "irn", "irn_walk", "segmenter", "prediction")
    return sources + sum(hours[rule, "ours"] for rule in after)


def wall_rows() -> list[str]:
    """Return the table of projected wall hours of three seeds."""
    lines = head("config", "card", "one seed, GPU h", "three seeds on 1 GPU", "on 8", "on 64", "longest chain, h")
    for name in NUM_TEST:
        config = config_of(name)
        images = jobs.largest_images(config)
        for card in CARDS:
            total = 0.0
            for job in jobs.gpu_jobs(config):
                units, number = repetitions(name, config, job)
                seconds = usual_share(config, job) * seconds_on(card, table.counted()[job.key(images)])
                total += seconds * units * number / 3600
            chain = chain_hours(name, card)
            walls = [max(3 * total / gpus, chain) for gpus in (1, 8, 64)]
            lines.append(row(name, card.name, f"{total:.0f}", *(f"{wall:.1f} h" for wall in walls), f"{chain:.1f}"))
    return lines


def generated() -> str:
    """Return the part of docs/scaling.md that follows from the counts."""
    parts = [START, ""]
    for name, title in (("voc2012", "VOC 2012"), ("coco2014", "COCO 2014")):
        images = jobs.largest_images(config_of(name))
        size = f"{images.size[1]} x {images.size[0]} pixels and {images.shown} classes"
        parts += [f"### Memory, {title}", "", f"Images of {size}, the largest there are.", "", *memory_rows(name), ""]
    parts += ["Of voc2012_clip.yaml besides:", "", *memory_rows("voc2012_clip", rule="cam_clip"), ""]
    for name, title in (("voc2012", "VOC 2012"), ("coco2014", "COCO 2014")):
        images = jobs.usual_images(config_of(name))
        size = f"{images.size[1]} x {images.size[0]} pixels and {images.shown} classes"
        said = f"Seconds of the images above; hours of usual ones, {size}, by their share of the pixels."
        parts += [f"### Time, {title}, one seed", "", said, "", *time_rows(name), ""]
    parts += ["### Wall time by these rooflines", "", *wall_rows(), "", END]
    return "\n".join(parts)


def page() -> str:
    """Return docs/scaling.md with its generated part made anew.

    Raises:
        ValueError: if the page has no place for it.
    """
    text = PAGE.read_text()
    if text.count(START) != 1 or text.count(END) != 1:
        raise ValueError(f"{PAGE}: lacks the lines {START!r} and {END!r}; write them where the counts belong.")
    before, rest = text.split(START)
    return before + generated() + rest.split(END)[1]


def main() -> None:
    """Count, unless told not to, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true", help="only write docs/scaling.md")
    if not parser.parse_args().page:
        count_all()
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
