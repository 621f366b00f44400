"""How long Snakemake takes to list the jobs of the full experiments, and how many there are.

    python benchmarks/listing.py            # VOC as its file asks for it, and what Snakemake takes by itself
    python benchmarks/listing.py --table    # by shards and seeds, VOC and COCO: the table of docs/scaling.md

The lists of images are as long as VOC's; there are no images, since none is read. Beside it stands Snakemake's own
time: as many jobs of one rule that reads no file and asks no function.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from orandnet.files.mask import write_mask

SIZES = {"train": 1464, "train_aug": 10_582, "val": 1449, "test": 1456}
CONFIG, COCO = "config/voc2012.yaml", "config/coco2014.yaml"
SHARDS = (1, 4, 8, 64)
ROUNDS = 3
BARE = """
rule all:
    input: expand("results/{{job}}/weights.safetensors", job=range({number}))

rule work:
    output: "results/{{job}}/weights.safetensors"
    log: "results/{{job}}/log"
    params: code="a"
    shell: "work --output {{output:q}} {{params.code:q}} &> {{log:q}}"
"""


def write_lists(root: Path) -> None:
    """Write the lists of a folder in VOC layout, and the one mask that is looked at."""
    ids = iter(range(20_000))
    names = {split: [f"2007_{next(ids):06}" for _ in range(SIZES[split])] for split in ("train", "val", "test")}
    names["train_aug"] = names["train"] + [f"2008_{next(ids):06}" for _ in range(SIZES["train_aug"] - SIZES["train"])]
    folder = root / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True)
    for split, listed in names.items():
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in listed))
    (root / "JPEGImages").mkdir()
    write_mask(root / "SegmentationClassAug" / f"{names['train'][0]}.png", np.zeros((2, 2), np.uint8))


def listed(*options: str) -> tuple[float, float, int]:
    """Return wall seconds, CPU seconds and the number of jobs of one dry run with these options."""
    command = [sys.executable, "-m", "snakemake", "-n", *options]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    printed = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if printed.returncode:
        raise RuntimeError(printed.stdout + printed.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(printed.stdout.split("\ntotal")[1].split()[0])


def show(what: str, *options: str) -> int:
    """Print the medians of some dry runs; return their number of jobs."""
    runs = [listed(*options) for _ in range(ROUNDS)]
    wall, cpu, _ = (median(column) for column in zip(*runs, strict=True))
    print(f"{what}: {runs[0][2]} jobs, {wall:.1f} s of wall time, {cpu:.1f} CPU s", flush=True)
    return runs[0][2]


def table(voc: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: jobs by shards and seeds, and CPU seconds to list those of VOC with three seeds."""
    yield "| shards | VOC, 1 seed | VOC, 3 seeds | CPU s to list them | COCO, 1 seed | COCO, 3 seeds |"
    yield "|---|---|---|---|---|---|"
    for shards in SHARDS:
        cells = []
        for config in (voc, ("--configfile", COCO, "--config")):
            for seeds in ("seeds=[0]", "seeds=[0, 1, 2]"):
                _, cpu, jobs = listed("--quiet", "rules", *config, f"shards={shards}", seeds)
                # the last one is the target itself
                cells += [str(jobs - 1), *([f"{cpu:.1f}"] if config is voc and seeds != "seeds=[0]" else [])]
        yield f"| {' | '.join([str(shards), *cells])} |"


def main() -> None:
    """Print the medians, or the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="jobs by shards and seeds")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        write_lists(Path(name))
        config = ("--configfile", CONFIG, "--config", f'dataset={{"root": "{name}"}}')
        if arguments.table:
            for line in table(config):
                print(line, flush=True)
            return
        jobs = show(CONFIG, *config)
        show(f"{CONFIG} --quiet rules", *config, "--quiet", "rules")
        show(f"{CONFIG} shards=1", *config, "shards=1")
        bare = Path(name) / "Snakefile"
        for number in (jobs - 1, 1):
            bare.write_text(BARE.format(number=number), encoding="utf-8")
            show("one rule without input", "--snakefile", str(bare), "--directory", name)


if __name__ == "__main__":
    main()
