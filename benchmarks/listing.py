"""How long Snakemake takes to list the jobs of the full VOC experiment: `python benchmarks/listing.py`.

The lists of images are as long as VOC's; there are no images, since none is read.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from orandnet.files.mask import write_mask

SIZES = {"train": 1464, "train_aug": 10_582, "val": 1449, "test": 1456}
CONFIG = "config/voc2012.yaml"
ROUNDS = 3


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


def listed(root: Path, *options: str) -> tuple[float, float, int]:
    """Return wall seconds, CPU seconds and the number of jobs of one dry run with further options."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "--configfile",
        CONFIG,
        "--config",
        f'dataset={{"root": "{root}"}}',
        *options,
    ]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    printed = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if printed.returncode:
        raise RuntimeError(printed.stdout + printed.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(printed.stdout.split("\ntotal")[1].split()[0])


def main() -> None:
    """Print the medians."""
    with TemporaryDirectory() as name:
        write_lists(Path(name))
        # the last one stands behind --config, of which it is a part
        for options in ((), ("--quiet", "rules"), ("shards=1",)):
            runs = [listed(Path(name), *options) for _ in range(ROUNDS)]
            wall, cpu, _ = (median(column) for column in zip(*runs, strict=True))
            what = " ".join((CONFIG, *options))
            print(f"{what}: {runs[0][2]} jobs, {wall:.1f} s of wall time, {cpu:.1f} CPU s", flush=True)


if __name__ == "__main__":
    main()
