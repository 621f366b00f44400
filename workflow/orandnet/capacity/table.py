"""What was counted of the published configs, so that nobody has to count it again. Needs no torch."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from orandnet.capacity.jobs import Images, Job

TABLE = Path(__file__).with_name("counted.json")
# what a device holds beside the counted storages: torch's context and its libraries' workspaces (MiB), and blocks of
# memory that are torn into pieces (a share); estimates, to be replaced by what `make gpu-check` measures
CONTEXT_MIB, FRAGMENTS = 700, 0.10


class Cost(NamedTuple):
    """What a step of a training, or a batch or image of an inference, was counted to take.

    Attributes:
        peak_mib: peak of the storages, MiB.
        peak_of_one_mib: the same with one image at a time.
        gflop: operations of its products, 1e9.
        gbyte: traffic, 1e9 bytes.
        operations: number of kernels.
        seconds: card -> roofline.
    """

    peak_mib: int
    peak_of_one_mib: int
    gflop: float
    gbyte: float
    operations: int
    seconds: dict[str, float]


@cache
def counted() -> dict[str, Cost]:
    """Return what `benchmarks/capacity.py` has counted, by the key of job and images."""
    if not TABLE.is_file():
        return {}
    return {key: Cost(**cost) for key, cost in json.loads(TABLE.read_text(encoding="utf-8")).items()}


def needed(peak_mib: float) -> int:
    """Return the MiB of a device that a counted peak asks for."""
    return round(CONTEXT_MIB + (1 + FRAGMENTS) * peak_mib)


def needed_mib(job: Job, images: Images) -> int:
    """Return the MiB of a device that a job asks for, 0 if it was not counted."""
    cost = counted().get(job.key(images))
    return needed(cost.peak_mib) if cost else 0
