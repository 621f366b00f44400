"""The jobs that a dry run prints, and what they depend on."""

import re
from typing import NamedTuple

from checkout import Checkout

JOB = re.compile(r"^(?:local)?rule (\w+):\n(.*?)\n(?=\[|Job stats)", flags=re.MULTILINE | re.DOTALL)


class Job(NamedTuple):
    """One job of a dry run."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    wildcards: dict[str, str]
    command: str


def jobs_of(checkout: Checkout, *arguments: object) -> list[Job]:
    """Return every job that a dry run prints."""
    printed = checkout.run("--dry-run", "--printshellcmds", *arguments)
    jobs = [_job(rule, text) for rule, text in JOB.findall(printed)]
    assert len(jobs) == int(re.search(r"^total +(\d+)$", printed, flags=re.MULTILINE)[1])
    return jobs


def _job(rule: str, text: str) -> Job:
    def listed(name):
        found = re.search(rf"^    {name}: (.*)$", text, flags=re.MULTILINE)
        return tuple(found[1].split(", ")) if found else ()

    wildcards = dict(pair.split("=", 1) for pair in listed("wildcards"))
    return Job(rule, listed("input"), listed("output"), wildcards, text.partition("Shell command: ")[2])


GATE = "dataset/manifest.json"  # jobs wait for it until the whole data set is checked, and read nothing of it


def ancestors(job: Job, jobs: list[Job]) -> list[Job]:
    """Return all jobs that a job has something from."""
    makers = {output: maker for maker in jobs for output in maker.outputs}
    found: dict[int, Job] = {}
    waiting = [job]
    while waiting:
        for path in (path for path in waiting.pop().inputs if not path.endswith(GATE)):
            maker = makers.get(path)
            if maker is not None and id(maker) not in found:
                found[id(maker)] = maker
                waiting.append(maker)
    return list(found.values())
