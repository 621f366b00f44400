"""The start of a command: without torch's compiler until it is used, and without torch where there is no network."""

import gc
import subprocess
import sys

import pytest

from orandnet.job.fingerprint import PACKAGE_FOLDER
from orandnet.job.startup import no_garbage_collection

LONGEST_START = 4.0  # CPU seconds; about 2 on an idle machine

START = """
import sys, time
from orandnet import cli
try:
    cli.main(["segmenter", "--help"])
except SystemExit as stopped:
    assert stopped.code == 0
import gc
import os
assert os.environ["OPENBLAS_NUM_THREADS"] == "1"  # sums of matrix products do not depend on the threads
assert gc.isenabled() and gc.get_freeze_count() > 100_000
import torch
from orandnet.networks.device import select_device
select_device("cpu")
assert not torch.utils.deterministic.fill_uninitialized_memory
assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
weight = torch.nn.Parameter(torch.ones(2))
torch.optim.AdamW([weight]).step()
print(time.process_time(), *(name for name in sys.modules if name.startswith("torch._dynamo")), sep="\\n")
"""

LATER = {
    "compiling": "assert torch.compile(lambda x: 2 * x, backend='eager')(torch.ones(1)) == 2",
    "importing": "import torch._dynamo.config as config; assert torch._dynamo.config is config",
    "asking": "assert callable(torch._dynamo.explain)",
}


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(PACKAGE_FOLDER.parent)}, capture_output=True, text=True
    )


def test_a_stage_with_networks_starts_and_optimises_without_the_compiler():
    done = run_python(START)
    assert done.returncode == 0, done.stderr
    seconds, *modules = done.stdout.split("usage: ")[1].splitlines()[-3:]
    assert modules == ["torch._dynamo", "torch._dynamo.utils"]  # the two that stand in
    assert float(seconds) < LONGEST_START


@pytest.mark.parametrize("use", LATER)
def test_the_compiler_is_there_when_it_is_used(use):
    start = "import sys\nfrom orandnet.job.startup import leave_out_compiler\nleave_out_compiler()\nimport torch\n"
    check = "\nassert len([name for name in sys.modules if name.startswith('torch._dynamo')]) > 50"
    optimise = "\ntorch.optim.SGD([torch.nn.Parameter(torch.ones(1))]).step()"
    done = run_python(start + LATER[use] + check + optimise)
    assert done.returncode == 0, done.stderr


def test_an_import_looks_for_no_garbage_and_leaves_collection_as_it_was(monkeypatch):
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    monkeypatch.setattr(gc, "get_freeze_count", lambda: len(frozen))
    for _ in range(2):
        with no_garbage_collection():
            assert not gc.isenabled()
        assert gc.isenabled()
    assert frozen == [True]
    gc.disable()
    try:
        with no_garbage_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_process_that_has_the_compiler_keeps_it():
    done = run_python(
        "import torch._dynamo\nbefore = torch._dynamo\nfrom orandnet.job.startup import leave_out_compiler\n"
        "leave_out_compiler()\nimport sys\nassert sys.modules['torch._dynamo'] is before"
    )
    assert done.returncode == 0, done.stderr


WITHOUT_TORCH = {
    "orandnet.dataset.stage",
    "orandnet.fusion.stage",
    "orandnet.pseudo_mask.stage",
    "orandnet.evaluation.stage",
    "orandnet.submission.stage",
    "orandnet.export.stage",
    "orandnet.report.stage",
    "orandnet.irn.stage",  # its labels
    "orandnet.cam.stage",  # its import
}


def test_stages_without_networks_import_no_torch():
    done = run_python(
        f"import sys\nfor name in {sorted(WITHOUT_TORCH)}:\n    __import__(name)\n"
        "assert not {'torch', 'torchvision', 'timm'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr
