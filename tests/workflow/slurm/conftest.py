"""A private SLURM cluster on this machine, with fake GPUs, for as long as the tests run."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from checkout import ROOT

HERE = Path(__file__).parent
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
# what the tests change of the real profile: pauses made for a large cluster, and how much a small machine runs at once
OVERRIDES = ("--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "1", "--jobs", "3")


class Job(NamedTuple):
    """A job as `squeue` tells it."""

    id: int
    state: str
    comment: str
    node: str
    partition: str
    memory: str


class Cluster:
    """The running daemons, and how to reach and to hurt them."""

    def __init__(self, folder: Path):
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_", "SRUN_", "SNAKEMAKE_"))}
        without_accounting = ROOT / "profiles/slurm/without-accounting"  # as the docs say for such a cluster
        path = os.pathsep.join([f"{folder}/bin", str(without_accounting), kept["PATH"]])
        self.environment = kept | {"SLURM_CONF": f"{folder}/etc/slurm.conf", "PATH": path}

    def start(self) -> None:
        """Start every daemon that is not running."""
        size = ("--no-accounting", "--cpu-nodes", "2", "--gpu-nodes", "2", "--cpus", "8", "--mem", "64000")
        subprocess.run([HERE / "slurm-up.sh", self.folder, *size], check=True, timeout=120)

    def stop(self) -> None:
        subprocess.run([HERE / "slurm-down.sh", self.folder, "--purge"], check=False, timeout=120)

    def kill(self, daemon: str) -> None:
        """Kill a daemon at once; that of a node takes the node's jobs with it, as a machine that fails does."""
        os.kill(int((self.folder / "run" / f"{daemon}.pid").read_text()), signal.SIGKILL)
        if daemon.startswith("slurmd."):
            for process in self._processes_of_node(daemon.removeprefix("slurmd.")):
                os.kill(process, signal.SIGKILL)

    def _processes_of_node(self, node: str) -> list[int]:
        marks = (f"SLURMD_NODENAME={node}\0".encode(), f"SLURM_CONF={self.folder}/etc/slurm.conf\0".encode())
        found = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            try:
                content = environment.read_bytes()
                command = (environment.parent / "cmdline").read_bytes()
            except OSError:
                continue
            ours = all(mark in content for mark in marks)
            if ours or (command.startswith(b"slurmstepd") and str(self.folder).encode() in content):
                found.append(int(environment.parent.name))
        return found

    def ask(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def jobs(self, since: int = 0) -> list[Job]:
        """Return all jobs after the one numbered `since`, in order, the finished ones too."""
        lines = self.ask("squeue", "-h", "-a", "--states=all", "-o", "%A|%T|%k|%N|%P|%m").splitlines()
        jobs = (Job(int(number), *rest) for number, *rest in (line.split("|") for line in lines))
        return sorted(job for job in jobs if job.id > since)

    def last(self) -> int:
        return max((job.id for job in self.jobs()), default=0)

    def wait_for(self, found: Callable[[], object], seconds: float) -> object:
        """Return what `found` returns as soon as that is true."""
        end = time.monotonic() + seconds
        while not (result := found()):
            assert time.monotonic() < end, f"not within {seconds} s; jobs: {self.jobs()}"
            time.sleep(0.3)
        return result

    def running(self, since: int, word: str) -> Job | None:
        """Return the running job whose comment (rule and wildcards) holds a word."""
        jobs = (job for job in self.jobs(since) if job.state == "RUNNING" and word in job.comment)
        return next(jobs, None)

    def head(self, folder: Path, *arguments: object) -> subprocess.Popen:
        """Start Snakemake with the project's own profile."""
        command = [
            sys.executable,
            HERE / "fast_snakemake.py",
            "--workflow-profile",
            folder / "profiles/slurm",
            *OVERRIDES,
        ]
        return subprocess.Popen(
            [*map(str, command), *map(str, arguments)],
            cwd=folder,
            env=self.environment | {"XDG_CACHE_HOME": str(folder / ".cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def outcome(head: subprocess.Popen, seconds: float) -> tuple[int, str]:
    """Return exit code and output of a Snakemake that has to end in time; one that hangs is a failed test."""
    try:
        printed, _ = head.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(head.pid, signal.SIGKILL)
        pytest.fail(f"still running after {seconds} s:\n{head.communicate()[0]}")
    return head.returncode, printed


@pytest.fixture(scope="session")
def cluster():
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing or os.getuid() != 0:
        reason = f"a private SLURM needs root and {', '.join(missing) or 'SLURM, which is installed'}; see .ci/run"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="sl.", dir="/tmp"))  # short: sockets' paths may have 108 bytes
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
