"""What the manifests of a run's jobs say: time, memory, versions, devices, warnings."""

import json
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from orandnet.files.places import all_shards
from orandnet.report.charts import Bars, Chart

PACKAGE = Path(__file__).parents[2]


class Job(NamedTuple):
    """One job: its stage and command, what it made, its cost, and where and by what it ran."""

    stage: str
    artifact: Path
    seconds: float
    memory: float
    device: str
    versions: dict[str, str]
    warnings: tuple[tuple[str, str], ...]
    ended: datetime


class StageCost(NamedTuple):
    """What the jobs of a stage cost together: number, wall seconds, largest peak memory in MiB."""

    stage: str
    jobs: int
    seconds: float
    memory: float


class Warned(NamedTuple):
    """A warning and the jobs that gave it."""

    code: str
    message: str
    stage: str
    artifacts: tuple[str, ...]


def read_jobs(manifests: Iterable[Path]) -> list[Job]:
    """Read manifests; that of a first shard stands for those of all shards.

    Raises:
        ValueError: if one is missing or damaged.
    """
    return [read_job(path) for first in manifests for path in all_shards(first)]


def read_job(path: Path) -> Job:
    """Read one manifest; a ValueError names one that is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Job(
            content["stage"],
            path.with_name(path.name.replace(".manifest.json", "")),
            float(content["wall_seconds"]),
            float(content["peak_memory_mib"]),
            content["device"],
            content["versions"],
            tuple(_warning(entry) for entry in content.get("warnings", [])),
            datetime.fromtimestamp(path.stat().st_mtime, UTC),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a readable manifest ({error}); run the job beside it again.") from error


def _warning(entry: object) -> tuple[str, str]:
    """Return (code, message) of a recorded warning, of whatever form."""
    if isinstance(entry, dict):
        return str(entry.get("code", "")), str(entry.get("message", entry))
    return "", str(entry)


def costs(jobs: Iterable[Job]) -> list[StageCost]:
    """Return what each stage and command cost, in the order of the run."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.stage, []).append(job)
    return [
        StageCost(stage, len(group), sum(job.seconds for job in group), max(job.memory for job in group))
        for stage, group in groups.items()
    ]


def cost_chart(jobs: Iterable[Job]) -> Chart:
    """Return time and memory by stage as bars."""
    found = costs(jobs)
    unit, factor = ("hours", 3600) if sum(cost.seconds for cost in found) > 7200 else ("seconds", 1)
    time = tuple((cost.stage, cost.seconds / factor) for cost in found)
    memory = tuple((cost.stage, cost.memory / 1024) for cost in found)
    panels = (Bars(f"time, sum over jobs ({unit})", unit, time), Bars("peak memory of a job (GiB)", "GiB", memory))
    return Chart(
        "costs", "Time and memory by stage", "Wall time of all jobs of a stage; they may run side by side.", panels
    )


def warned(jobs: Iterable[Job]) -> list[Warned]:
    """Return all warnings, equal ones once, with the artifacts they are about."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for job in jobs:
        for code, message in job.warnings:
            groups.setdefault((code, message, job.stage), []).append(job.artifact.as_posix())
    return [Warned(*key, tuple(artifacts)) for key, artifacts in groups.items()]


def versions_used(jobs: Iterable[Job]) -> dict[str, list[str]]:
    """Return package -> versions that the jobs ran with; more than one says that the run is mixed."""
    found: dict[str, set[str]] = {}
    for job in jobs:
        for package, version in job.versions.items():
            found.setdefault(package, set()).add(version)
    return {package: sorted(found[package]) for package in sorted(found)}


def commit() -> str:
    """Return the commit of the code that writes the page, `, changed` if files differ; empty outside a repository."""
    git = ["git", "-C", str(PACKAGE)]
    try:
        # a package that is installed, or copied, somewhere into another repository is no part of it
        subprocess.run([*git, "ls-files", "--error-unmatch", "__init__.py"], capture_output=True, check=True)
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "--", "."], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + (", changed" if changed.stdout.strip() else "")
