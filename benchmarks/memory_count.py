"""Counted memory against measured: the peak of a step on the CPU, at sizes that a CPU computes in seconds.

    python benchmarks/memory_count.py            # all, two minutes
    python benchmarks/memory_count.py --only segmenter

Each step runs in a process of its own. Its memory is the rise of the peak above what the process held before its
network was made (VmHWM, reset by /proc/self/clear_refs), with blocks of memory given back at once. In a second process
torch's own allocator is listened to. The count is that of `orandnet.capacity` in float32, with the copies of weights in
another order that torch's convolution makes on a CPU. What a process takes beside torch's allocator is not in it.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from orandnet.capacity.jobs import Images, Job, gpu_jobs
from orandnet.config.sections import load

ROOT = Path(__file__).parents[1]
IMAGES = Images((375, 500), 2, 20)
# rule, name -> images at a time and their size, changed settings: seconds on a CPU, with a peak of several 100 MB
CASES = {
    "classifier resnet50": {"batch_size": 4, "crop_size": 320},
    "classifier vit": {"batch_size": 2, "crop_size": 320},
    "classifier mctformer": {"batch_size": 8, "crop_size": 224},
    "orandnet ours": {"batch_size": 1},
    "irn naive": {"batch_size": 8, "crop_size": 256},
    "segmenter ours": {"batch_size": 2, "crop_size": 225},
    "prediction ours": {"batch_size": 1, "size": (188, 250)},
}
# the workflow keeps blocks of memory (command.smk); a measurement of what is held must not
GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_TOP_PAD_": "0"}


def job_of(case: str) -> Job:
    """Return the job of a case, in float32, with the sizes of the case."""
    rule, name = case.split()
    config = load(yaml.safe_load((ROOT / "config/voc2012.yaml").read_text()))
    job = next(job for job in gpu_jobs(config) if job.rule == rule and name in job.names)
    changes = {key: value for key, value in CASES[case].items() if key not in ("batch_size", "size")}
    settings = (job.settings[0].model_copy(update=changes), *job.settings[1:])
    return job._replace(settings=settings, batch_size=CASES[case]["batch_size"])


def images_of(case: str) -> Images:
    """Return what the images of a case are like."""
    return IMAGES._replace(size=CASES[case].get("size", IMAGES.size))


def held() -> dict[str, int]:
    """Return the memory of this process and its peak, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {
        key: int(value.split()[0]) * 1024 for key, value in (line.split(":", 1) for line in lines if line[:2] == "Vm")
    }


def measure(case: str) -> int:
    """Return the bytes by which a step on the CPU raises this process's memory at its peak."""
    import torch

    from orandnet.capacity.networks import make_network
    from orandnet.capacity.work import steps

    torch.set_num_threads(1)
    job = job_of(case)
    before = held()["VmRSS"]
    images = images_of(case)
    network = make_network(job, images, values=True)
    work = steps(job, images, network, torch.device("cpu"), batch_size=job.batch_size)
    next(work)  # what is made once, such as compiled kernels
    Path("/proc/self/clear_refs").write_text("5")
    next(work)
    return held()["VmHWM"] - before


def handed_out(job: Job, images: Images) -> int:
    """Return the peak of the bytes that torch's allocator hands out for a step on the CPU, the network's among them."""
    import torch

    from orandnet.capacity.networks import make_network
    from orandnet.capacity.work import steps

    def step() -> object:
        network = make_network(job, images, values=True)
        work = steps(job, images, network, torch.device("cpu"), batch_size=job.batch_size)
        next(work)
        return work

    return peak_of(step)


def peak_of(work: Callable[[], object]) -> int:
    """Return the peak of the bytes that torch's allocator hands out for a piece of work; its result is kept."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as made:
        left = work()  # noqa: F841 - what it holds is let go after the listening
    held = peak = 0
    for event in made.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def held_by_torch(case: str) -> int:
    """Return what torch hands out for the step of a case, on one thread."""
    import torch

    torch.set_num_threads(1)
    return handed_out(job_of(case), images_of(case))


def counted(case: str) -> int:
    """Return the bytes that are counted for the same step."""
    from orandnet.capacity.needs import count

    return count(job_of(case), images_of(case), like_cpu=True).peak


def compare(case: str) -> list[float]:
    """Return the MiB of a case: a process's rise and what torch handed out, each in one of its own, and the count."""
    environment = {**os.environ, **GIVEN_BACK, "OMP_NUM_THREADS": "1"}
    found = []
    for option in MEASURES:
        command = [sys.executable, __file__, option, case]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return [number / 2**20 for number in (*found, counted(case))]


MEASURES = {"--measure": measure, "--held": held_by_torch}


def main() -> None:
    """Print a table of the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    for option in MEASURES:
        parser.add_argument(option, metavar="CASE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for option, measured in MEASURES.items():
        case = getattr(options, option.strip("-"))
        if case:
            print(json.dumps(measured(case)))
            return
    print("| step | process, MiB | torch's allocator, MiB | counted, MiB | counted / process | counted / allocator |")
    print("|---|---|---|---|---|---|")
    for case in CASES:
        if options.only in case:
            process, torch_own, count = compare(case)
            ratios = f"{count / process:.2f} | {count / torch_own:.2f}"
            print(f"| {case} | {process:.0f} | {torch_own:.0f} | {count:.0f} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
