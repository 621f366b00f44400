"""Where the arrays are computed."""

import os

import torch


def select_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` takes a GPU if there is one, and the CPU otherwise.

    Also asks torch for reproducible kernels: same seed, same machine, same bytes.

    Raises:
        ValueError: if the device is not there, or no such kind exists.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is reproducible only with it
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    if name.startswith("cuda") and not available:
        raise ValueError(f"device: {name!r} was asked for, but torch sees no GPU; use cpu or auto.")
    try:
        return torch.device(name)
    except RuntimeError:
        raise ValueError(f"device: {name!r} is unknown; use auto, cpu, cuda or cuda:<number>.") from None
