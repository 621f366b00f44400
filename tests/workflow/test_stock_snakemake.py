"""What `pip install snakemake` brings is enough to read the workflow: to lint it, list its jobs and plan for conda."""

import pkgutil
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from blocked_imports import without
from checkout import ROOT, Checkout
from voc_folder import SPLITS, write_voc

pytestmark = pytest.mark.pipeline

IMPORT_NAMES = {"pillow": "PIL", "pydensecrf2": "pydensecrf", "pyyaml": "yaml", "scikit-image": "skimage"}
OF_SNAKEMAKE = {"pydantic", "yaml"}  # packages that it needs itself
# answers what Snakemake asks before it plans; there is no conda where the tests run
CONDA = """#!/bin/sh
case "$*" in
    "info --json") echo '{"conda_prefix": "/opt/conda", "platform": "linux-64"}' ;;
    --version) echo "conda 25.1.0" ;;
    "config --get channel_priority --json") echo '{"get": {"channel_priority": "strict"}}' ;;
    *) echo "conda $*: not known here" >&2; exit 1 ;;
esac
"""


def packages_of_the_jobs() -> set[str]:
    """Return the import names of what the package needs, but for what a stock Snakemake has."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=]", name)[0].lower() for name in needed}
    return {IMPORT_NAMES.get(name, name) for name in names} - OF_SNAKEMAKE


def plugins() -> set[str]:
    """Return the names of Snakemake's plugins that are installed here, such as that for SLURM."""
    return {module.name for module in pkgutil.iter_modules() if re.match(r"snakemake_\w+_plugin_", module.name)}


@pytest.fixture
def stock(tmp_path) -> dict[str, str]:
    """Return the environment of a stock Snakemake beside a conda."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "conda").write_text(CONDA)
    (programs / "conda").chmod(0o755)
    absent = without(tmp_path / "absent", *packages_of_the_jobs(), *plugins())
    imported = subprocess.run(
        [sys.executable, "-c", "import numpy"], env={"PYTHONPATH": absent}, stderr=subprocess.DEVNULL, check=False
    )
    assert imported.returncode != 0  # they are absent
    return {"PYTHONPATH": absent, "PATH": f"{programs}:/usr/bin:/bin"}


def test_it_lints_the_workflow_and_lists_its_jobs(fresh, stock):
    assert {"numpy", "torch", "PIL", "pydensecrf"} <= packages_of_the_jobs()
    fresh.run("--lint", **stock)
    planned = fresh.planned(**stock)
    assert planned["dataset"] == 1
    assert fresh.planned("--sdm", "conda", **stock) == planned


def test_it_reads_lists_of_images_and_the_files_of_imported_cams(fresh: Checkout, stock):
    write_voc(fresh.folder / "voc")
    (fresh.folder / "cams").mkdir()
    for image_id in SPLITS["train_aug"]:
        (fresh.folder / f"cams/{image_id}.npy").touch()
    config = {
        "run": "own",
        "dataset": {"kind": "voc", "root": "voc", "classes": ["cat", "dog"], "labels": "voc/labels.csv"},
        "sources": {"own": {"kind": "import", "path": "cams", "format": "class_maps"}},
        "segmenter": {"methods": {}},
    }
    (fresh.folder / "own.yaml").write_text(yaml.safe_dump(config))
    assert fresh.planned("--configfile", "own.yaml", **stock)["cam_import"] == 1
    (fresh.folder / "cams/a3.npy").unlink()
    code, printed = fresh.snakemake("-n", "--configfile", "own.yaml", **stock)
    assert code == 1
    assert "none for 1 of 3 training images: a3" in printed
