"""The options that all trainings share; without torch, so that a stage can name them before it needs it."""

from pathlib import Path
from typing import NamedTuple


class TrainingJob(NamedTuple):
    """Where a training's results go and how it runs.

    Attributes:
        output: the weights (safetensors).
        history_output: the losses by epoch (CSV), growing while the training runs.
        state: folder for the state of an unfinished training.
        key: names this training; another state is not taken up.
        random_seed: start of all random numbers.
        device: auto, cpu or cuda.
        threads: CPU threads: one computes, the others load data.
        events_output: folder for TensorBoard's event files, if some are wanted; part of no key.
    """

    output: Path
    history_output: Path
    state: Path
    key: str
    random_seed: int = 0
    device: str = "auto"
    threads: int = 1
    events_output: Path | None = None
