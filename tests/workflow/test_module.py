"""The workflow as a module of another, in folders as `snakedeploy deploy-workflow` writes: from here, and from git."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from blocked_imports import without
from checkout import MADE_ANEW, ROOT, TINY, Checkout

pytestmark = pytest.mark.pipeline

# as snakedeploy writes it, but for the address
SNAKEFILE = """from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare the repository as a module
module orandnet:
    snakefile:
        {address!r}
    config:
        config


# use all rules from the repository
use rule * from orandnet
"""


def deploy(folder: Path, address: str) -> Path:
    """Write the folders of a deployment: a Snakefile of its own, config and profiles as copies."""
    for part in ("config", "profiles"):
        shutil.copytree(ROOT / part, folder / part)
    (folder / "workflow").mkdir()
    (folder / "workflow/Snakefile").write_text(SNAKEFILE.format(address=address))
    return folder


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Checkout:
    """Return a checkout that is a git repository."""
    checkout = Checkout(tmp_path_factory.mktemp("module") / "checkout")
    git(checkout.folder, "init", "--quiet", "--initial-branch", "main")
    git(checkout.folder, "add", "--all")
    git(checkout.folder, "commit", "--quiet", "--message", "all")
    return checkout


@pytest.fixture
def from_git(repository, tmp_path) -> Path:
    """Return a deployment from the repository."""
    return deploy(tmp_path / "deployed", f"git+file://{repository.folder}/workflow/Snakefile@main")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Return a folder of installed packages with this one, which can be told from the checkout's by its code."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "workflow/orandnet", folder / "orandnet", ignore=MADE_ANEW)
    with (folder / "orandnet/dataset/stage.py").open("a") as file:
        file.write("\nINSTALLED = True\n")
    return folder


def fingerprint(packages: Path) -> str:
    script = "from orandnet.job.fingerprint import fingerprint; print(fingerprint('orandnet.dataset.stage'))"
    command = [sys.executable, "-c", script]
    environment = {"PYTHONPATH": str(packages)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def jobs(planned: dict[str, int]) -> dict[str, int]:
    return {rule: number for rule, number in planned.items() if rule not in ("all", "tables_and_figures")}


def test_a_module_from_a_folder_has_the_jobs_of_the_workflow(repository, tmp_path):
    deployed = deploy(tmp_path / "deployed", str(repository.folder / "workflow/Snakefile"))
    assert jobs(repository.planned(cwd=deployed)) == jobs(repository.planned())


def test_a_module_from_git_has_them_too_and_runs_the_installed_package(repository, from_git, installed):
    environment = {"PYTHONPATH": str(installed)}
    assert jobs(repository.planned(cwd=from_git, **environment)) == jobs(repository.planned())
    config = {**yaml.safe_load(TINY.read_text()), "run": "deployed"}
    (from_git / "config/config.yaml").write_text(yaml.safe_dump(config))
    index = "results/deployed/dataset/index.csv"
    repository.run("--cores", 1, index, cwd=from_git, **environment)
    manifest = json.loads((from_git / index).with_suffix(".manifest.json").read_text())
    assert manifest["code"] == fingerprint(installed) != fingerprint(ROOT / "workflow")
    assert repository.planned(index, cwd=from_git, **environment) == {}


def test_where_the_package_is_nowhere_one_line_says_what_to_install(repository, from_git, tmp_path):
    absent = without(tmp_path / "absent", "orandnet")
    code, printed = repository.snakemake("-n", cwd=from_git, PYTHONPATH=absent)
    assert code == 1
    (line,) = [line for line in printed.splitlines() if line.startswith("orandnet: ")]
    assert line.endswith(f"{sys.executable} -m pip install git+file://{repository.folder}@main")
    assert "Traceback" not in printed


def test_the_config_that_deployments_copy_is_the_default_one():
    assert (ROOT / "config/config.yaml").read_bytes() == (ROOT / "config.yaml").read_bytes()
