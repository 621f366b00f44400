"""GPU jobs that share a machine: each sees a device of its own, and a job that dies gives it back. Needs no GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import ROOT, Checkout
from orandnet.job.gpu_slots import VISIBLE, take_gpus, visible_gpus

JOB = """
import os, sys
from orandnet.job.gpu_slots import take_gpus
take_gpus(int(sys.argv[1]))
child = os.fork() if len(sys.argv) > 2 else 1  # a loading worker, which outlives its parent
if child:
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a job which takes GPUs and holds them, and returns it with the devices it sees."""
    started = []

    def job(count=1, *options, **environment):
        variables = {
            **os.environ,
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(ROOT / "workflow"),
            VISIBLE: "4,5,GPU-a/b",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", JOB, str(count), *options],
            env=variables | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield job
    for process in started:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def test_jobs_get_devices_of_their_own_as_long_as_there_are_any(start):
    seen = [start()[1] for _ in range(3)]
    assert seen == ["4", "5", "GPU-a/b"]
    assert start()[1] in seen  # more jobs than devices share them


def test_a_killed_job_gives_its_device_back_though_its_workers_live_on(start):
    killed, device = start(1, "with a worker")
    assert device == "4"
    killed.kill()
    killed.wait()
    assert start()[1] == "4"


def test_a_job_may_take_several_devices_and_gets_those_that_are_free(start):
    start()
    assert start(2)[1] == "5,GPU-a/b"


def test_what_slurm_assigned_to_a_submitted_job_is_left_alone(start):
    submitted = {"SLURM_JOB_ID": "7", "ORANDNET_ON_CLUSTER": "1"}
    assert [start(1, **submitted)[1] for _ in range(2)] == ["4,5,GPU-a/b"] * 2


def test_jobs_inside_an_allocation_share_its_devices_and_those_of_another_are_others(start):
    assert [start(1, SLURM_JOB_ID="7", CUDA_VISIBLE_DEVICES="0,1")[1] for _ in range(2)] == ["0", "1"]
    assert start(1, SLURM_JOB_ID="8", CUDA_VISIBLE_DEVICES="0,1")[1] == "0"
    assert [start(1, SLURM_JOB_ID="9", CUDA_VISIBLE_DEVICES="3")[1] for _ in range(2)] == ["3", "3"]


def test_zero_gpus_hide_every_device(start):
    assert start(0)[1] == ""
    assert start(0, SLURM_JOB_ID="7", SLURM_STEP_GPUS="3", CUDA_VISIBLE_DEVICES="3")[1] == ""  # within an allocation
    assert start(0, SLURM_JOB_ID="7", ORANDNET_ON_CLUSTER="1")[1] == ""  # a submitted job without devices


def test_a_submitted_job_keeps_devices_that_snakemake_does_not_count(start):
    asked = {"SLURM_JOB_ID": "7", "SLURM_STEP_GPUS": "3", "ORANDNET_ON_CLUSTER": "1"}
    assert start(0, CUDA_VISIBLE_DEVICES="3", **asked)[1] == "3"


@pytest.mark.parametrize(("named", "gpus"), [("0,1", ["0", "1"]), ("", []), ("-1", []), (" 2 , GPU-x", ["2", "GPU-x"])])
def test_the_visible_devices_are_the_named_ones(monkeypatch, named, gpus):
    monkeypatch.setenv(VISIBLE, named)
    assert visible_gpus() == gpus


def test_without_a_variable_the_driver_is_asked(monkeypatch, tmp_path):
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    assert take_gpus(1) == []
    assert VISIBLE not in os.environ
    lister = tmp_path / "nvidia-smi"
    lister.write_text(
        "#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)'\necho '  MIG 1g: (UUID: MIG-2)'\necho 'GPU 1: A (UUID: x)'\n"
    )
    lister.chmod(0o755)
    assert visible_gpus() == ["0", "1"]


SNAKEFILE = """
include: "workflow/rules/command.smk"

rule all:
    input: expand("out/{number}.txt", number=range(4)),

rule work:
    output: "out/{number}.txt",
    resources: gpu=GPU,
    shell: "{sys.executable} work.py {output} --gpus {resources.gpu}"
"""
WORK = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, "workflow")
from orandnet.cli import _prepare_job
output = Path(sys.argv[1])
assert _prepare_job("work", sys.argv[2:]) == []
Path(f"{output}.started").touch()
end = time.monotonic() + 60
while len(list(Path("out").glob("*.started"))) < int(os.environ["AT_ONCE"]) and time.monotonic() < end:
    time.sleep(0.05)
assert time.monotonic() < end, "the others have not started"
output.write_text(os.environ["CUDA_VISIBLE_DEVICES"])
"""


@pytest.mark.pipeline
@pytest.mark.parametrize(
    ("gpus", "at_once", "seen"), [(4, 4, ["0", "1", "2", "3"]), (1, 1, ["0"] * 4), (0, 4, [""] * 4)], ids=str
)
def test_snakemake_runs_as_many_gpu_jobs_at_once_as_it_is_told(fresh: Checkout, tmp_path: Path, gpus, at_once, seen):
    (fresh.folder / "Snakefile").write_text(SNAKEFILE)
    (fresh.folder / "work.py").write_text(WORK)
    environment = {VISIBLE: "0,1,2,3", "TMPDIR": str(tmp_path), "AT_ONCE": str(at_once)}
    fresh.run("--cores", 4, "--resources", f"gpu={gpus}", "--configfile", "tiny.yaml", "--", "all", **environment)
    assert sorted(path.read_text() for path in fresh.folder.glob("out/*.txt")) == seen
