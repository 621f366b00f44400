"""The state of an unfinished training, in a folder that outlives a failed or killed job.

Snakemake deletes the declared outputs of a failed job, so the state lies beside them, undeclared. A state is taken up
only by the training that wrote it: same settings, code, inputs and seed, told by its key.
"""

import json
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from orandnet.files.checkpoint import load_weights, save_weights
from orandnet.job.progress import say

FILE = "state.safetensors"
DAMAGED = "damaged.safetensors"


def save_state(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, *, key: str, progress: dict) -> None:
    """Write network, optimiser and `progress` (plain numbers and lists) in one atomic file."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in slots.items() if value is not None
        }
    # in the order of its keys, which is that of the history's columns
    facts = {"key": key, "progress": json.dumps(progress), "checksum": str(_checksum(tensors))}
    save_weights(folder / FILE, tensors, facts)


def load_state(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, *, key: str) -> dict | None:
    """Bring network and optimiser to the saved state, in place, and return its `progress`.

    A damaged state is set aside with a line that says so.

    Returns:
        None if there is no state, if it is damaged, or if it belongs to another training.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        tensors, metadata = load_weights(path)
        if metadata.get("key") != key:
            return None
        # before anything is changed: half a state would be another training
        progress = json.loads(metadata.get("progress", ""))
        if metadata.get("checksum") != str(_checksum(tensors)):
            raise ValueError("its checksum is wrong")
    except ValueError as error:
        _set_aside(path, str(error).removeprefix(f"{path}: "))
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
    return progress


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """Return the CRC-32 of names, shapes and numbers: the file format itself has none."""
    found = 0
    for name in sorted(tensors):
        tensor = tensors[name].detach().to("cpu").contiguous()
        found = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), found)
        found = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy(), found)
    return found


def _set_aside(path: Path, reason: str) -> None:
    aside = path.with_name(DAMAGED)
    path.replace(aside)
    say(f"{path}: is damaged ({reason}); it is set aside as {aside.name}, and the training starts anew.")


def remove_state(folder: Path) -> None:
    """Delete the state of a training whose outputs are written."""
    shutil.rmtree(folder, ignore_errors=True)
