"""The first ten minutes on a GPU: `make gpu-check`. What it is, whether it agrees, repeats itself, how fast, how full.

    make gpu-check                                  # results/gpu_check/gpu_check.md and gpu_check.json
    make gpu-check GPU_CHECK="--seconds 120"        # what fits in two minutes; the rest is said to be left out

Without a GPU all of it runs on the CPU at the demo's sizes, so that the script itself is known to work, and says what
that leaves out. The exit status is 1 where something fails or agrees less than stated.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn

import walk
from inputs import Inputs
from orandnet.capacity.jobs import Images, Job, gpu_jobs, largest_images, usual_images
from orandnet.capacity.needs import count
from orandnet.capacity.networks import make_network
from orandnet.capacity.table import counted
from orandnet.capacity.work import LEARNING, steps
from orandnet.config.sections import load
from orandnet.networks.device import place, select_device
from timing import run

ROOT = Path(__file__).parents[1]
FLOAT32_BOUND = 1e-3  # largest difference of a logit, with TF32 switched off
BFLOAT16_BOUND = 0.05  # largest difference as a share of the largest logit: 8 bits of mantissa through some 50 layers
STEPS_TWICE = 3
SECONDS_EACH = 4.0  # of one job's timing
KEPT_FOR_DEMO = 240.0


class Clock:
    """What is left of the time."""

    def __init__(self, seconds: float):
        """Start it."""
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.end - time.monotonic()


def jobs_of(name: str) -> tuple[list[Job], Images, Images]:
    """Return the GPU jobs of a config, its usual and its largest images."""
    config = load(yaml.safe_load((ROOT / name).read_text()))
    return gpu_jobs(config), usual_images(config), largest_images(config)


def wait(device: torch.device) -> None:
    """Let a GPU finish what it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def seconds_of(work: Callable[[], object], device: torch.device, *, most: float) -> float:
    """Return the seconds of one call: the mean of as many as `most` seconds hold, after two that are not counted."""
    work(), work()
    wait(device)
    start, number = time.perf_counter(), 0
    while number < 3 or time.perf_counter() - start < most:
        work()
        wait(device)
        number += 1
        if time.perf_counter() - start > 3 * most:
            break
    return (time.perf_counter() - start) / number


def facts(device: torch.device, clock: Clock) -> Iterator[dict]:
    """Yield what the device is and what it reaches: products of large matrices, and copies."""
    on_gpu = device.type == "cuda"
    yield {
        "fact": "torch",
        "value": f"{torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}",
    }
    yield {"fact": "machine", "value": f"{platform.machine()}, {os.cpu_count()} cores"}
    if on_gpu:
        about = torch.cuda.get_device_properties(0)
        yield {"fact": "device", "value": f"{about.name}, compute capability {about.major}.{about.minor}"}
        yield {"fact": "memory", "value": f"{about.total_memory / 2**20:.0f} MiB"}
        yield {"fact": "bfloat16", "value": str(torch.cuda.is_bf16_supported(including_emulation=False))}
        driver = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True
        )
        yield {"fact": "driver", "value": driver.stdout.strip() or driver.stderr.strip()}
    for kind, rate in peaks(device).items():
        yield {"fact": kind, "value": f"{rate / 1e12:.3g} TFLOP/s" if kind != "copies" else f"{rate / 1e9:.3g} GB/s"}


def peaks(device: torch.device) -> dict[str, float]:
    """Return the measured rates: operations a second of products in bfloat16 and float32, bytes a second of copies."""
    side, found = (8192 if device.type == "cuda" else 512), {}
    for kind in (torch.bfloat16, torch.float32):
        left = torch.ones(side, side, dtype=kind, device=device)
        seconds = seconds_of(lambda matrix=left: matrix @ matrix, device, most=0.5)
        found[str(kind).removeprefix("torch.")] = 2 * side**3 / seconds
    block = torch.ones(side * side * 4, device=device)
    found["copies"] = 2 * 4 * block.numel() / seconds_of(block.clone, device, most=0.5)
    return found


def outputs(network: nn.Module, rgb: Tensor, device: torch.device) -> list[Tensor]:
    """Return what a network makes of images, on the CPU."""
    inputs = (rgb.to(device),)
    if hasattr(network, "conditioning"):  # an AMN also sees the labels
        inputs += (torch.ones(len(rgb), network.num_foreground, device=device),)
    found = network(*inputs)
    return [part.float().cpu() for part in (found.values() if isinstance(found, dict) else [found])]


def agreement(device: torch.device, clock: Clock) -> Iterator[dict]:
    """Yield for each network of the demo how far the device's logits are from the CPU's."""
    found, images, _ = jobs_of("config.yaml")
    tf32 = torch.backends.cudnn.allow_tf32
    for job in found:
        if not job.trains:
            continue
        torch.manual_seed(0)
        network, channels = make_network(job, images, values=True).eval(), 3
        if job.rule == "orandnet":
            channels = len(job.settings[0].inputs)
        rgb = torch.rand(2, channels, 96, 96) * (255 if channels == 3 else 1)
        with torch.inference_mode():
            expected = outputs(network, rgb, torch.device("cpu"))
            network = place(network, device)
            torch.backends.cudnn.allow_tf32 = False
            precise = difference(outputs(network, rgb, device), expected)
            torch.backends.cudnn.allow_tf32 = tf32
            with torch.autocast(device.type, dtype=torch.bfloat16):
                coarse = difference(outputs(network, rgb, device), expected)
        largest = max(part.abs().max().item() for part in expected)
        yield {
            "network": f"{job.rule} {', '.join(dict.fromkeys(job.names))}",
            "largest logit": round(largest, 4),
            "float32, difference": precise,
            "bfloat16, difference": coarse,
            "holds": precise <= FLOAT32_BOUND and coarse <= BFLOAT16_BOUND * max(largest, 1.0),
        }


def difference(found: list[Tensor], expected: list[Tensor]) -> float:
    """Return the largest difference of two lists of tensors."""
    return max((a - b).abs().max().item() for a, b in zip(found, expected, strict=True))


def determinism(device: torch.device, clock: Clock) -> Iterator[dict]:
    """Yield for each training of the demo whether two runs of a few steps leave the same weights, byte for byte."""
    found, images, _ = jobs_of("config.yaml")
    for job in found:
        if job.trains:
            first, second = (weights_after(job, images, device) for _ in range(2))
            equal = all(torch.equal(first[name], second[name]) for name in first)
            yield {
                "training": f"{job.rule} {', '.join(dict.fromkeys(job.names))}",
                "steps": STEPS_TWICE,
                "holds": equal,
            }


def weights_after(job: Job, images: Images, device: torch.device) -> dict[str, Tensor]:
    """Return the weights of a training after a few steps from seed 0, on random images."""
    torch.manual_seed(0)
    network, learning = make_network(job, images, values=True), LEARNING[job.rule](job.settings[0], images)
    generator = torch.Generator().manual_seed(1)

    def drawn(number: int) -> tuple[Tensor, ...]:
        batch = learning.batch(number)
        return tuple(
            torch.randint(0, 2 if index else 256, part.shape, generator=generator).to(part.dtype)
            for index, part in enumerate(batch)
        )

    for _ in itertools.islice(steps(job, images, network, device, batch_size=job.batch_size, batch=drawn), STEPS_TWICE):
        pass
    return {name: tensor.cpu() for name, tensor in network.state_dict().items()}


def bench_rows(device: torch.device, clock: Clock) -> Iterator[dict]:
    """Yield the rows of `make bench` that need a device."""
    small = {} if device.type == "cuda" else {"number": 2}
    inputs = Inputs() if device.type == "cuda" else Inputs(size=(32, 40))
    row = run(walk.batch_on(device, inputs, **small))
    yield {
        "work": row.work,
        "baseline, s": row.baseline_s,
        "ours, s": row.ours_s,
        "agreement": row.agreement.text,
        "holds": row.agreement.holds,
    }


def speed(device: torch.device, clock: Clock) -> Iterator[dict]:
    """Yield for each job its steps and images a second, its share of the peak, and its memory beside the count."""
    on_gpu = device.type == "cuda"
    found, images, _ = jobs_of("config/voc2012.yaml" if on_gpu else "config.yaml")
    reached = peaks(device)
    for job in found:
        if clock.left() < (KEPT_FOR_DEMO if on_gpu else 0):
            yield {"job": job.rule, "left out": "no time was left"}
            continue
        cost = counted().get(job.key(images))
        gflop = cost.gflop if cost else sum(operation.flops for operation in count(cheap(job), images).operations) / 1e9
        if on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        network = make_network(job, images, values=True)
        work = steps(job, images, network, device, batch_size=job.batch_size)
        seconds = seconds_of(lambda work=work: next(work), device, most=SECONDS_EACH if on_gpu else 0.2)
        row = {
            "job": f"{job.rule} {', '.join(list(dict.fromkeys(job.names))[:3])}",
            "at a time": job.batch_size,
            "steps/s": round(1 / seconds, 3),
            "images/s": round(job.batch_size / seconds, 2),
            "TFLOP/s": round(gflop / 1e3 / seconds, 3),
            "share of peak": round(gflop * 1e9 / seconds / reached["bfloat16" if on_gpu else "float32"], 3),
        }
        if on_gpu:
            peak = torch.cuda.max_memory_allocated() / 2**20
            expected = count(cheap(job), images).peak / 2**20
            row |= {"MiB held": round(peak), "MiB reserved": round(torch.cuda.max_memory_reserved() / 2**20)}
            row |= {"MiB counted": round(expected), "counted / held": round(expected / peak, 2)}
        work.close()
        del work, network
        yield row


def cheap(job: Job) -> Job:
    """Return a job whose count takes seconds: IRN's with fewer offsets, which changes its peak by nothing."""
    if job.rule != "irn":
        return job
    return job._replace(settings=(job.settings[0].model_copy(update={"radius": 4}),))


def demo(device: torch.device, clock: Clock) -> Iterator[dict]:
    """Yield how long the demo took on the GPU, and whether all of it was made."""
    command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--configfile", "config.yaml"]
    command += ["--cores", str(os.cpu_count() or 2), "--config", "run=gpu_check_demo", "--forceall"]
    start = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=max(clock.left(), 60), capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        yield {"demo": "was stopped: no time was left", "seconds": round(time.monotonic() - start), "holds": False}
        return
    made = sorted((ROOT / "results/gpu_check_demo/tables").glob("*.csv"))
    last = (done.stderr.strip().splitlines() or [""])[-1]
    yield {
        "demo": f"{len(made)} tables" if done.returncode == 0 else last,
        "seconds": round(time.monotonic() - start),
        "holds": done.returncode == 0 and len(made) > 3,
    }


SECTIONS = {
    "facts": facts,
    "agreement": agreement,
    "determinism": determinism,
    "bench": bench_rows,
    "speed": speed,
    "demo": demo,
}
TITLES = {
    "facts": "The device",
    "agreement": f"Logits against the CPU: {FLOAT32_BOUND:g} in float32, {BFLOAT16_BOUND:.0%} of the largest in bf16",
    "determinism": f"The same weights after {STEPS_TWICE} steps, twice",
    "bench": "`make bench` on the device",
    "speed": "Speed and memory",
    "demo": "The demo",
}
STAND_IN = [
    "No GPU: all of this ran on the CPU, at the demo's sizes instead of config/voc2012.yaml's.",
    "Left out: memory on the device, its driver, and the demo on it (`make demo` runs it on the CPU).",
]


def check(names: list[str], device: torch.device, clock: Clock) -> dict[str, list[dict]]:
    """Return the rows of each section; one that fails leaves a row with the error, and the next one runs."""
    found: dict[str, list[dict]] = {}
    for name in names:
        if name == "demo" and device.type != "cuda":
            continue
        rows = found[name] = []
        print(f"gpu-check: {name}, {clock.left():.0f} s left", file=sys.stderr, flush=True)
        if clock.left() < 0:
            rows.append({"left out": "no time was left"})
            continue
        try:
            rows.extend(SECTIONS[name](device, clock))
        except Exception as error:  # what a device does not do is a finding, and no end of the check
            rows.append({"failed": f"{type(error).__name__}: {error}".splitlines()[0], "holds": False})
    return found


def page(found: dict[str, list[dict]], remarks: list[str]) -> str:
    """Return the findings as Markdown."""
    lines = ["# GPU check", "", *(f"{remark}\n" for remark in remarks)]
    for name, rows in found.items():
        columns = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
        lines += [f"## {TITLES[name]}", "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(cell(row.get(column, "")) for column in columns) + " |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def cell(value: object) -> str:
    """Return a value as a cell of a table."""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "/")


def main() -> int:
    """Check, write both files, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("results/gpu_check"), help="folder of both files")
    parser.add_argument("--seconds", type=float, default=570.0, help="time for all of it")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS), help="these sections")
    options = parser.parse_args()
    device, clock = select_device("auto"), Clock(options.seconds)
    found = check(options.only, device, clock)
    remarks = [] if device.type == "cuda" else STAND_IN
    options.output.mkdir(parents=True, exist_ok=True)
    text = page(found, remarks)
    (options.output / "gpu_check.md").write_text(text)
    content = {"device": device.type, "remarks": remarks, "sections": found}
    (options.output / "gpu_check.json").write_text(json.dumps(content, indent=2) + "\n")
    print(text)
    return int(any(row.get("holds") is False for rows in found.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
