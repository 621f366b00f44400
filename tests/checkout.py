"""A scratch copy of the project, in which tests run the real `snakemake` command and may edit every file."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from orandnet.settings import deep_update

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "config", "envs", "profiles", "workflow")
TINY = Path(__file__).with_name("tiny.yaml")
MINIMAL = Path(__file__).with_name("minimal.yaml")
AWKWARD = """it's a "$HOME"; #1 {run} {x} über"""  # a folder's name that asks for quotes everywhere
LONGEST_RUN = 1500  # seconds, on a machine with other work
MADE_ANEW = shutil.ignore_patterns("__pycache__", ".snakemake", "*.egg-info")


class Checkout:
    """A folder as `git clone` gives it, with the config of the tiny run beside the default one."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=MADE_ANEW)
            elif source.is_file():
                shutil.copy(source, folder / part)
        shutil.copy(TINY, folder / "tiny.yaml")
        self.results = folder / "results" / "tiny"
        self.said = ""  # on the terminal, by the run that made the results

    def start(self, *arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen:
        """Start `snakemake` in the checkout, in a process group of its own."""
        inherited = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *map(str, arguments)],
            cwd=cwd or self.folder,
            env=inherited | {"XDG_CACHE_HOME": str(self.folder / ".cache")} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def snakemake(self, *arguments: object, cwd: Path | None = None, **environment: str) -> tuple[int, str]:
        """Run `snakemake` and return its exit code and all it printed."""
        process = self.start(*arguments, cwd=cwd, **environment)
        printed, _ = process.communicate(timeout=LONGEST_RUN)
        return process.returncode, printed

    def run(self, *arguments: object, cwd: Path | None = None, **environment: str) -> str:
        """Run `snakemake`, which must succeed, and return what it printed."""
        code, printed = self.snakemake(*arguments, cwd=cwd, **environment)
        assert code == 0, printed
        return printed

    def planned(self, *arguments: object, cwd: Path | None = None, **environment: str) -> dict[str, int]:
        """Return rule -> number of jobs that `snakemake` would run; {} if there is nothing to be done."""
        printed = self.run("--dry-run", *arguments, cwd=cwd, **environment)
        if "Nothing to be done" in printed:
            return {}
        table = printed.split("Job stats:")[1].split("total")[0]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}

    def config(self, changes: dict, *, start: Path = TINY) -> Path:
        """Write a config file: that of the tiny run with some keys changed."""
        return self.write_config(deep_update(yaml.safe_load(start.read_text()), changes))

    def write_config(self, content: dict) -> Path:
        path = self.folder / "changed.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    def sources(self, suffix: str) -> list[Path]:
        """Return the workflow's source files of one kind."""
        return sorted((self.folder / "workflow").rglob(f"*{suffix}"))


def started(printed: str) -> set[str]:
    """Return the rules of the jobs that a run has started."""
    return set(re.findall(r"^\d\d:\d\d:\d\d +\d+ done, +\d+ left +(\w+)", printed, flags=re.MULTILINE))


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """Replace a piece of text in a file for a while."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path} holds {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)
