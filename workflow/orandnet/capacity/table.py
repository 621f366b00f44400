"""What was counted of the published configs, so that nobody has to count it again. Needs no torch."""

import ast
import json
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

from orandnet.capacity.jobs import Images, Job

FEATURES = "ORANDNET_GPU_FEATURES"  # set by a profile
TABLE = Path(__file__).with_name("counted.json")
# what a device holds beside the counted storages: torch's context and its libraries' workspaces (MiB), and blocks of
# memory that are torn into pieces (a share); estimates, to be replaced by what `make gpu-check` measures
CONTEXT_MIB, FRAGMENTS = 700, 0.10


class Cost(NamedTuple):
    """What a step of a training, or a batch or image of an inference, was counted to take.

    Attributes:
        peak_mib: peak of the storages, MiB.
        gflop: operations of its products, 1e9.
        gbyte: traffic, 1e9 bytes.
        operations: number of kernels.
        products: in what most of them are computed, bfloat16 or float32.
    """

    peak_mib: int
    gflop: float
    gbyte: float
    operations: int
    products: str


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


def feature_of(mib: int) -> str | None:
    """Return the feature of a cluster's nodes whose GPUs have so much memory, None where no profile names any.

    Profiles name them in the environment: {MiB: feature}, as in {24000: "rtx3090|a100", 80000: "a100"}.

    Raises:
        ValueError: if none has so much.
    """
    features = ast.literal_eval(os.environ.get(FEATURES) or "{}")
    if not features or not mib:
        return None
    enough = [size for size in sorted(features) if size >= mib]
    if not enough:
        raise ValueError(
            f"gpu_features: {features} has no device of {mib} MB; name one in the profile, or set training.accumulate."
        )
    return features[enough[0]]
