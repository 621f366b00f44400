"""The state of an unfinished training, in a folder that outlives a failed or killed job.

Snakemake deletes the declared outputs of a failed job, so the state lies beside them, undeclared. A state is taken up
only by the training that wrote it: same settings, code, inputs and seed, told by its key.
"""

import json
import shutil
from pathlib import Path

import torch
from torch import nn

from orandnet.files.checkpoint import load_weights, save_weights

FILE = "state.safetensors"


def save_state(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, *, key: str, progress: dict) -> None:
    """Write network, optimiser and `progress` (plain numbers and lists) in one atomic file."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in slots.items() if value is not None
        }
    # in the order of its keys, which is that of the history's columns
    save_weights(folder / FILE, tensors, {"key": key, "progress": json.dumps(progress)})


def load_state(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, *, key: str) -> dict | None:
    """Bring network and optimiser to the saved state, in place, and return its `progress`.

    Returns:
        None if there is no state, or it belongs to another training.
    """
    if not (folder / FILE).is_file():
        return None
    tensors, metadata = load_weights(folder / FILE)
    if metadata.get("key") != key:
        return None
    network.load_state_dict(
        {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
    )
    slots: dict[int, dict] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, slot = name.split(".", 2)
            slots.setdefault(int(index), {})[slot] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
    return json.loads(metadata["progress"])


def remove_state(folder: Path) -> None:
    """Delete the state of a training whose outputs are written."""
    shutil.rmtree(folder, ignore_errors=True)
