"""The folder of a run, printed and removed: only ever one directly under results/, of a config that was checked."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from checkout import ROOT, TINY
from orandnet.cli import main

TINY_CONFIG = yaml.safe_load(TINY.read_text())
HARMFUL = [
    "../../x",
    "..",
    ".",
    "x$(touch harm)",
    "$(shell touch harm)",
    "a b",
    "-r",
    "/",
    "x;touch harm",
    "x`touch harm`",
]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Return a project's folder with results of two runs, a page, and a folder beside it that must stay."""
    project = tmp_path / "project"
    for place in ("results/demo/dataset", "results/other", "../x"):
        (project / place).mkdir(parents=True)
    (project / "results/README.md").touch()
    monkeypatch.chdir(project)
    return project


def configure(project: Path, run: str) -> None:
    (project / "config.yaml").write_text(yaml.safe_dump({**TINY_CONFIG, "run": run}))


def everything(project: Path) -> set[Path]:
    return set(project.parent.rglob("*"))


def test_the_run_of_the_config_is_removed_and_nothing_else(project, capsys):
    configure(project, "demo")
    before = everything(project)
    main(["where"])
    main(["clean"])
    assert before - everything(project) == {project / "results/demo", project / "results/demo/dataset"}
    main(["clean", "--config", "config.yaml"])
    printed = ["results/demo", "results/demo: removed", "results/demo: is not there"]
    assert capsys.readouterr().out.splitlines() == printed


@pytest.mark.parametrize("run", [*HARMFUL, "README.md"])
def test_a_name_that_is_no_folder_of_results_removes_nothing(project, capsys, run):
    configure(project, run)
    before = everything(project)
    with pytest.raises(SystemExit):
        main(["clean"])
    assert everything(project) == before
    assert capsys.readouterr().err.startswith(f"orandnet clean: run: {run!r} ")


def test_a_link_and_a_file_that_is_no_config_remove_nothing(project, capsys):
    configure(project, "linked")
    (project / "results/linked").symlink_to(project.parent / "x")
    (project / "broken.yaml").write_text("run: [")
    before = everything(project)
    for config, part in (("config.yaml", "is a link to"), ("broken.yaml", "is no YAML"), ("none.yaml", "none.yaml")):
        with pytest.raises(SystemExit):
            main(["clean", "--config", config])
        line = capsys.readouterr().err
        assert line.startswith("orandnet clean: ")
        assert part in line
        assert line.count("\n") == 1
    assert everything(project) == before


@pytest.fixture
def make(project):
    """Return a function that runs `make` in the project; the Python of its installation is this one."""
    shutil.copy(ROOT / "Makefile", project)
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}/workflow" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (project / ".venv/bin/.installed").touch()

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(["make", *arguments], cwd=project, capture_output=True, text=True)

    return run


def test_make_clean_removes_the_run_of_the_config(project, make):
    configure(project, "demo")
    assert make("clean").returncode == 0
    assert not (project / "results/demo").exists()
    assert (project / "results/other").is_dir()


def test_make_takes_no_text_of_the_config_for_a_command(project, make):
    for run in HARMFUL[:5]:
        configure(project, run)
        before = everything(project)
        done = make("clean")
        assert done.returncode != 0
        assert f"run: {run!r} cannot name a folder" in done.stderr
        assert everything(project) == before


def test_make_without_an_installation_says_so(project, make):
    configure(project, "demo")
    (project / ".venv/bin/python").unlink()
    done = make("clean")
    assert done.returncode != 0
    assert "make install first" in done.stdout + done.stderr
    assert (project / "results/demo").is_dir()
