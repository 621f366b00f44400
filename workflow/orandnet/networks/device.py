"""Where the arrays are computed, and in what form."""

import os
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from orandnet.settings import Precision


def select_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` takes a GPU if there is one, and the CPU otherwise.

    Also asks torch for reproducible kernels: same seed, same machine, same bytes. And for one thread to compute with,
    whatever OMP_NUM_THREADS says: on a CPU, sums over several threads are other sums, so that weights would depend on
    how many a job was given. Threads beyond it load data or do CRFs, and more jobs run side by side.

    Raises:
        ValueError: if the device is not there, or no such kind exists.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is reproducible only with it
    # as `use_deterministic_algorithms(True, warn_only=True)`, which imports torch's compiler: a second and more a job
    torch.set_deterministic_debug_mode("warn")
    # all new memory would first be filled with NaN, to no use where nothing reads what it has not written: a twentieth
    # of a training on a CPU
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = False
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    if name.startswith("cuda") and not available:
        raise ValueError(f"device: {name!r} was asked for, but torch sees no GPU; use cpu or auto.")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ValueError(f"device: {name!r} is unknown; use auto, cpu, cuda or cuda:<number>.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device: {name!r} is not there, torch sees {torch.cuda.device_count()} GPUs; use another.")
    return device


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network to a device, with the channels of its convolutions last, which is the faster form on both kinds.

    A training step of the demo's segmenter takes 0.8 of the time so on a CPU; tensor cores read no other form.
    """
    return network.to(device, memory_format=torch.channels_last)


def mixed_precision(device: torch.device, precision: Precision) -> AbstractContextManager:
    """Return the context in which networks run: products in bfloat16 on GPUs that have it, else float32.

    Weights stay float32, and bfloat16 has the range of float32, so that no loss needs scaling.
    """
    if precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def full_precision(device: torch.device) -> AbstractContextManager:
    """Return the context in which nothing is rounded to half precision, for what lies inside `mixed_precision`."""
    return torch.autocast(device.type, enabled=False)
