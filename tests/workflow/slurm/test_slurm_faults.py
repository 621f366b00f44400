"""What can go wrong on a cluster: each run ends, finished or with a clear error, and none hangs.

The jobs are those of faults.smk; the profile is the project's own.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checkout import ROOT
from conftest import outcome

pytestmark = pytest.mark.slurm

HERE = Path(__file__).parent


class Run:
    """A folder with the workflow of faults, and a head process in it."""

    def __init__(self, cluster, folder: Path):
        self.cluster, self.folder, self.since = cluster, folder, cluster.last()
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        shutil.copy(HERE / "faults.smk", folder / "Snakefile")
        shutil.copy(HERE / "work.py", folder)
        self.head: subprocess.Popen | None = None

    def start(self, *names: str, options: tuple[str, ...] = ()) -> None:
        config = f"names={json.dumps(names)}"
        self.head = self.cluster.head(self.folder, *options, "--config", config, f"python={sys.executable}")

    def waiting(self, name: str):
        """Return the job of a name once it runs and has done its first work."""
        job = self.cluster.wait_for(lambda: self.cluster.running(self.since, f"_{name}"), 120)
        self.cluster.wait_for(lambda: (self.folder / f"tries_{name}" / str(job.id)).exists(), 120)
        return job

    def go(self) -> None:
        (self.folder / "go").touch()

    def end(self, seconds: float) -> tuple[int, str]:
        return outcome(self.head, seconds)

    def orphans(self, *arguments: str) -> str:
        return self.cluster.ask("bash", str(self.folder / "profiles/slurm/orphans.sh"), *arguments, str(self.folder))

    def states(self, name: str) -> list[str]:
        return [job.state for job in self.cluster.jobs(self.since) if job.comment.endswith(f"_{name}")]

    def made(self, name: str) -> bool:
        path = self.folder / f"out/{name}.txt"
        return path.is_file() and path.read_text() == f"made by {name}\n"


@pytest.fixture
def run(cluster, tmp_path):
    """Return a run; whatever is left of it ends with the test."""
    run = Run(cluster, tmp_path)
    yield run
    if run.head and run.head.poll() is None:
        os.killpg(run.head.pid, signal.SIGKILL)
        run.head.communicate()
    for job in cluster.jobs(run.since):
        if job.state in ("PENDING", "RUNNING"):
            cluster.ask("scancel", str(job.id))


def test_a_job_that_fails_is_tried_again_and_named_with_its_log_and_the_others_go_on(run):
    run.start("fails", "flaky", "fine", options=("--retries", "1"))
    code, printed = run.end(240)
    assert code == 1
    assert "Error in rule work" in printed
    assert "fails: this job always fails" in printed  # its log
    assert run.states("fails") == ["FAILED", "FAILED"]
    assert run.states("flaky") == ["FAILED", "COMPLETED"]
    assert run.made("flaky")
    assert run.made("fine")


def test_a_cancelled_job_is_noticed_and_tried_again(run):
    run.start("waits")
    job = run.waiting("waits")
    run.cluster.ask("scancel", str(job.id))
    run.go()
    code, printed = run.end(120)
    assert code == 0, printed
    assert "CANCELLED" in printed
    assert run.states("waits") == ["CANCELLED", "COMPLETED"]


def test_a_job_that_exceeds_its_memory_gets_twice_as_much(run):
    run.start("greedy")
    code, printed = run.end(180)
    assert code == 0, printed
    jobs = run.cluster.jobs(run.since)
    assert [(job.memory, job.state) for job in jobs] == [("600M", "FAILED"), ("1200M", "COMPLETED")]
    logs = [path.read_text() for path in (run.folder / ".snakemake/slurm_logs").rglob("*.log")]
    assert any("exceeded memory limit" in log for log in logs)  # which the error message names
    assert "slurm_logs" in printed


def test_an_outage_of_the_controller_is_waited_for(run):
    run.start("waits", "fine")
    run.waiting("waits")
    # the controller saves its state every five seconds; killed before, it starts the job again and drains the node
    time.sleep(10)
    run.cluster.kill("slurmctld")
    time.sleep(20)
    run.go()
    run.cluster.start()
    code, printed = run.end(240)
    assert code == 0, printed
    assert run.made("waits")
    assert run.made("fine")


def test_ctrl_c_in_the_head_ends_it_and_what_it_did_not_cancel_is_found(run):
    run.start("waits")
    run.waiting("waits")
    run.head.send_signal(signal.SIGINT)
    code, _ = run.end(120)
    assert code == 1
    run.orphans("--cancel")  # the executor forgets to cancel what it is looking at in that moment
    run.cluster.wait_for(lambda: run.states("waits") == ["CANCELLED"], 60)
    run.go()
    run.start("waits")
    code, printed = run.end(120)
    assert code == 0, printed
    assert run.made("waits")


def test_after_a_killed_head_the_orphans_are_cancelled_and_the_run_is_finished(run):
    run.start("waits_1", "waits_2", "fine")
    orphans = {run.waiting(name).id for name in ("waits_1", "waits_2")}
    run.cluster.wait_for(lambda: run.states("fine") == ["COMPLETED"], 120)
    os.killpg(run.head.pid, signal.SIGKILL)
    run.head.communicate()
    *listed, total = run.orphans().splitlines()
    assert {int(line.split()[0]) for line in listed} == orphans
    assert total == "2 jobs of earlier runs"
    run.orphans("--cancel")
    run.cluster.wait_for(lambda: run.orphans() == "0 jobs of earlier runs\n", 60)
    subprocess.run([sys.executable, "-m", "snakemake", "--unlock", "--config", "names=[]"], cwd=run.folder, check=True)
    run.go()
    run.start("waits_1", "waits_2", "fine")
    code, printed = run.end(180)
    assert code == 0, printed
    assert all(run.made(name) for name in ("waits_1", "waits_2", "fine"))
    assert run.states("waits_1") == ["CANCELLED", "COMPLETED"]


def test_a_job_whose_node_dies_is_started_anew_by_slurm(run):
    run.start("waits")
    job = run.waiting("waits")
    run.cluster.kill(f"slurmd.{job.node}")
    run.go()
    try:
        run.cluster.wait_for(lambda: run.states("waits") == ["PENDING"], 120)
        time.sleep(10)  # the head looks at it more than once
        assert run.head.poll() is None
        run.cluster.ask(
            "scontrol", "update", f"JobId={job.id}", "StartTime=now"
        )  # without SLURM's pause of two minutes
        code, printed = run.end(240)
    finally:
        run.cluster.start()
    assert code == 0, printed
    assert run.made("waits")
    (again,) = run.cluster.jobs(run.since)
    assert (again.id, again.state) == (job.id, "COMPLETED")
