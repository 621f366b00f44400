"""One training loop for every network: steps, schedule, history, and taking up again after a kill.

Batch and noise of a step depend on the random seed and the step's number alone. So a training that was stopped and
taken up again ends with the same bytes as one that was not, and the number of workers does not matter.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from orandnet.job.progress import say, track
from orandnet.job.read_ahead import read_ahead
from orandnet.job.stopping import STOP_SIGNALS, StopRequest
from orandnet.job.time_limit import STOPPED
from orandnet.job.warnings import warn
from orandnet.networks.device import mixed_precision
from orandnet.training.doubts import Window, doubts, window_of
from orandnet.training.optimizer import build_optimizer
from orandnet.training.parts import in_parts
from orandnet.training.schedule import rate_factor
from orandnet.training.settings import Training
from orandnet.training.state import load_state, save_state
from orandnet.training.watching import Watch

SECONDS_BETWEEN_STATES = 60.0

Sample = Callable[[int, np.random.Generator, float], tuple]
Loss = Callable[[nn.Module, tuple[Tensor, ...]], dict[str, Tensor]]


class _Samples(Dataset):
    """Samples addressed by (position, progress, seed of their generator)."""

    def __init__(self, sample: Sample):
        self.sample = sample

    def __getitem__(self, address: tuple[int, float, tuple[int, ...]]) -> tuple:
        position, progress, seed = address
        return self.sample(position, np.random.default_rng(seed), progress)


class Steps:
    """The addresses of each batch from a step on, in a new random order each epoch."""

    def __init__(self, num_samples: int, settings: Training, random_seed: int):
        """Count the steps of a training on `num_samples` samples, from the first on."""
        self.num_samples, self.random_seed = num_samples, random_seed
        self.batch_size = min(settings.batch_size, num_samples)
        self.per_epoch, self.total = settings.steps_per_epoch(num_samples), settings.num_steps(num_samples)
        self.start = 0

    def __len__(self) -> int:
        """Return how many are left."""
        return self.total - self.start

    def __iter__(self) -> Iterator[list]:
        """Yield for each step the (position, progress, seed of the generator) of its samples."""
        for step in range(self.start, self.total):
            epoch, within = divmod(step, self.per_epoch)
            order = np.random.default_rng((self.random_seed, epoch)).permutation(self.num_samples)
            chosen = order[within * self.batch_size : (within + 1) * self.batch_size]
            yield [
                (int(position), step / self.total, (self.random_seed, step, slot))
                for slot, position in enumerate(chosen)
            ]


def fit(
    network: nn.Module,
    *,
    sample: Sample,
    num_samples: int,
    loss: Loss,
    settings: Training,
    groups: list[dict],
    state: Path,
    key: str,
    random_seed: int,
    device: torch.device,
    threads: int,
    description: str,
    history_output: Path,
    events_output: Path | None = None,
    chance: float | None = None,
) -> None:
    """Train a network, in place; warn if it can hardly have learnt anything.

    Args:
        network: moved to `device` by the caller.
        sample: (position, generator, progress in [0, 1)) -> arrays, stacked to a batch; random numbers come from the
            generator only.
        num_samples: positions are 0 .. num_samples - 1.
        loss: (network, batch on the device) -> named scalars; `loss` is minimised, all are recorded.
        settings: length, optimiser and schedule.
        groups: dicts with `params`, `lr_factor` and perhaps `weight_decay`.
        state: folder for the state of an unfinished training.
        key: names this training; a state with another key is not taken up.
        random_seed: start of all random numbers.
        device: where to compute.
        threads: CPU threads; beyond one, they are processes that load data. With one, a thread loads it a batch ahead.
        description: for the progress display.
        history_output: written anew after each epoch (CSV): a row per epoch with epoch, learning_rate and the mean of
            each of the loss's values.
        events_output: folder for TensorBoard's event files; None for none.
        chance: the loss of an answer that does not look at the images, if one is known.

    Raises:
        ValueError: if there is nothing to train on, or the loss is not finite.
        SystemExit: with code 75 after SIGINT or SIGTERM, or before the job's time is over, once the state is saved.
    """
    if num_samples == 0:
        raise ValueError(f"{description}: no training sample is left; check the splits and the labels.")
    optimizer = build_optimizer(groups, settings)
    steps = Steps(num_samples, settings, random_seed)
    progress = load_state(state, network, optimizer, key=key) or fresh_progress()
    steps.start = progress["step"]
    network.train()
    loader = _loader(_Samples(sample), steps, num_workers=max(0, threads - 1), device=device)
    saved, batches = time.monotonic(), _LoadedAhead(loader)
    watch = Watch(history_output, events_output, progress["history"], steps.start, steps.total, steps.per_epoch)
    with StopRequest() as stop, watch:
        for batch in track(batches, description, len(steps), status=watch.line):
            seen = training_step(network, optimizer, loss, batch, progress, steps, settings, device)
            watch.add(*seen, progress["history"])
            if stop.asked or time.monotonic() - saved > SECONDS_BETWEEN_STATES:
                _check_finite(progress)  # a state that has gone wrong is not worth keeping
                save_state(state, network, optimizer, key=key, progress=_plain(progress))
                saved = time.monotonic()
            if stop.asked:
                print(f"{description}: stopped at step {progress['step']}; run again to go on.", file=sys.stderr)
                raise SystemExit(STOPPED)
    say(f"{description}: {batches.share():.0%} of the time waited for data")
    windows = (Window(*progress["windows"].get(name, ())) for name in ("first", "last"))
    for doubt in doubts(*windows, chance=chance, what=description):
        warn(*doubt)


def fresh_progress() -> dict:
    """Return the progress of a training that has not begun."""
    return {"step": 0, "sums": {}, "history": [], "windows": {}}


def _loader(samples: _Samples, steps: Steps, *, num_workers: int, device: torch.device) -> DataLoader:
    """Return the batches of `steps`, loaded by `num_workers` forked processes, or by who asks if there are none."""
    return DataLoader(
        samples,
        batch_sampler=steps,
        num_workers=num_workers,
        pin_memory=device.type == "cuda",
        multiprocessing_context="fork" if num_workers else None,  # samples are closures, which cannot be pickled
        worker_init_fn=_leave_signals_alone,
    )


def _leave_signals_alone(worker: int) -> None:
    """Let the parent decide: a worker that dies of the signal to stop would take the step in progress with it."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def training_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Loss,
    batch: tuple[Tensor, ...],
    progress: dict,
    steps: Steps,
    settings: Training,
    device: torch.device,
) -> tuple[float, dict[str, Tensor]]:
    """Do one optimiser step on a batch, which may lie on the CPU still, and count it in `progress`.

    Returns:
        Its rate and its values (float64 scalars).
    """
    step = progress["step"]
    batch = tuple(part.to(device, non_blocking=True) for part in batch)
    rate = settings.learning_rate * rate_factor(
        step, steps.total, schedule=settings.schedule, power=settings.power, warmup=settings.warmup_iterations
    )
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_factor"]
    seed = (steps.random_seed, step)
    torch.manual_seed(hash(seed))  # dropout and the like; ints hash alike in every process
    with mixed_precision(device, settings.precision):
        values = loss(in_parts(network, settings.accumulate, seed), batch)
    values["loss"].backward()
    if settings.clip_gradient is not None:
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip_gradient)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)  # here, so that no gradients lie beside the activations of the next step
    values = {name: value.detach().double() for name, value in values.items()}
    for name, value in values.items():
        progress["sums"][name] = progress["sums"].get(name, 0.0) + value
    if (window := window_of(step, steps.total)) is not None:
        progress["windows"][window] = Window(*progress["windows"].get(window, ())).plus(values["loss"])
    progress["step"] = step + 1
    within = step % steps.per_epoch + 1
    if within == steps.per_epoch or step + 1 == steps.total:
        _close_epoch(progress, step // steps.per_epoch, within, rate)
    return rate, values


def _close_epoch(progress: dict, epoch: int, num_steps: int, rate: float) -> None:
    _check_finite(progress)
    means = {name: float(total) / num_steps for name, total in progress["sums"].items()}
    progress["history"].append({"epoch": epoch, "learning_rate": rate, **means})
    progress["sums"] = {}


def _check_finite(progress: dict) -> None:
    loss = float(progress["sums"].get("loss", 0.0))
    if not np.isfinite(loss):
        raise ValueError(f"loss: became {loss} by step {progress['step']}; lower training.learning_rate.")


def _plain(progress: dict) -> dict:
    sums = {name: float(total) for name, total in progress["sums"].items()}
    windows = {name: [int(window[0]), *map(float, window[1:])] for name, window in progress["windows"].items()}
    return {**progress, "sums": sums, "windows": windows}


class _LoadedAhead:
    """Batches, loaded one ahead, and the share of the time that was waited for them all the same."""

    def __init__(self, batches: Iterable):
        self.batches, self.start, self.seconds = batches, time.perf_counter(), 0.0

    def __iter__(self) -> Iterator:
        iterator = read_ahead(self.batches)
        while True:
            asked = time.perf_counter()
            batch = next(iterator, None)
            self.seconds += time.perf_counter() - asked
            if batch is None:
                return
            yield batch

    def share(self) -> float:
        """Return it, in [0, 1]."""
        return self.seconds / max(time.perf_counter() - self.start, 1e-9)
