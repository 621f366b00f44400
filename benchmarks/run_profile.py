"""Where the time of a run went, from the manifests of its jobs: `python benchmarks/run_profile.py results/demo`.

Prints a Markdown table. CPU seconds tell the work whatever else the machine did; `start` is the part of them that a job
spent before its stage began, on imports.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

COLUMNS = ("stage", "jobs", "CPU s", "of it start", "CPU s, longest job", "wall s, all jobs", "peak memory MiB")


def costs(run: Path) -> dict[str, list[dict]]:
    """Return stage -> manifests of its jobs, in the order in which stages first ended."""
    found = defaultdict(list)
    paths = sorted(run.rglob("*.manifest.json"), key=lambda path: path.stat().st_mtime)
    for manifest in (json.loads(path.read_text()) for path in paths):
        found[manifest["stage"]].append(manifest)
    return found


def rows(found: dict[str, list[dict]]) -> list[tuple]:
    """Return a row for each stage, and their sum."""

    def row(name: str, jobs: list[dict]) -> tuple:
        cpu, start, wall = ([job[key] for job in jobs] for key in ("cpu_seconds", "start_cpu_seconds", "wall_seconds"))
        peak = max(job["peak_memory_mib"] for job in jobs)
        return name, len(jobs), *(f"{value:.0f}" for value in (sum(cpu), sum(start), max(cpu), sum(wall), peak))

    everything = [job for jobs in found.values() for job in jobs]
    return [*(row(stage, jobs) for stage, jobs in found.items()), row("all", everything)]


def main() -> None:
    """Print the table of the run whose folder is given."""
    found = costs(Path(sys.argv[1]))
    if not found:
        raise SystemExit(f"{sys.argv[1]}: no manifests lie there; give the folder of a run, such as results/demo.")
    for cells in (COLUMNS, ["---"] * len(COLUMNS), *rows(found)):
        print("|", " | ".join(map(str, cells)), "|")


if __name__ == "__main__":
    main()
