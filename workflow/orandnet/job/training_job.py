"""The options that all trainings share; without torch, so that a stage can name them before it needs it."""

from pathlib import Path
from typing import NamedTuple


class TrainingJob(NamedTuple):
    """Where a training's results go and how it runs.

    Attributes:
        output: the weights (safetensors).
        history_output: the losses by epoch (CSV).
        state: folder for the state of an unfinished training.
        key: names this training; another state is not taken up.
        random_seed: start of all random numbers.
        device: auto, cpu or cuda.
        threads: CPU threads: one computes, the others load data.
    """

    output: Path
    history_output: Path
    state: Path
    key: str
    random_seed: int = 0
    device: str = "auto"
    threads: int = 1
