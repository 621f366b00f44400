"""Threads change no result: one computes, whatever a job was given."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from orandnet.networks import device
from orandnet.networks.device import select_device


def test_results_do_not_depend_on_the_threads_of_a_job():
    torch.set_num_threads(3)  # as where Snakemake exports OMP_NUM_THREADS for a job of three threads
    try:
        select_device("cpu")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(1)


def test_nothing_else_decides_on_threads():
    package = Path(device.__file__).parents[1]
    deciding = [path for path in package.rglob("*.py") if "set_num_threads" in path.read_text()]
    assert deciding == [Path(device.__file__)]


TRAINING = """
from orandnet.networks.device import select_device
import numpy as np, torch
from torch import nn

select_device("cpu")
torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3))
images = torch.from_numpy(np.random.default_rng(0).random((4, 3, 64, 64), dtype=np.float32))
network(images).square().mean().backward()
print(sum(parameter.grad.double().sum().item() for parameter in network.parameters()).hex())
"""


def test_gradients_are_the_same_whatever_is_exported():
    """Without a fixed number they are not: two threads split a convolution's sums in another way than one."""
    found = set()
    for number in ("1", "2"):
        environment = {**os.environ, "OMP_NUM_THREADS": number, "PYTHONPATH": str(Path(device.__file__).parents[2])}
        command = [sys.executable, "-c", TRAINING]
        found.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(found) == 1
