"""The profiles and the rules agree: what the cluster is told is what the rules need."""

import re
import tomllib
from types import SimpleNamespace

import pytest
import yaml
import yte
from snakemake.iocontainers import ResourceList
from snakemake_executor_plugin_slurm.utils import set_gres_string

from checkout import ROOT
from orandnet.capacity.table import FEATURES, feature_of

RULES = {
    name: body
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text(), flags=re.MULTILINE | re.DOTALL)
}
PROFILE = ROOT / "profiles/slurm/profile.yaml"


def slurm_profile(**names: str) -> dict:
    """Return the profile as Snakemake reads it, with some of the names at its top set."""
    text = PROFILE.read_text()
    for name, value in names.items():
        text, replaced = re.subn(rf'^  - {name} = ".*?"', f'  - {name} = "{value}"', text, flags=re.MULTILINE)
        assert replaced == 1
    return yte.process_yaml(text, require_use_yte=True)


def test_gpu_jobs_go_to_the_gpu_partition_and_all_others_to_the_default_one():
    profile = slurm_profile(cpu_partition="small", gpu_partition="large")
    gpu_rules = {name for name, body in RULES.items() if "gpu=" in body}
    assert gpu_rules
    assert profile["set-resources"] == {name: {"slurm_partition": "large"} for name in gpu_rules}
    assert profile["default-resources"] == {"slurm_partition": "small", "nodes": 1}
    without = slurm_profile(gpu_partition="")
    assert without["set-resources"] == {name: {"gpu": 0} for name in gpu_rules}


def test_the_commented_lines_ask_for_gpus_as_gres():
    text, lines = re.subn(r"^( +)# (gpu: 0|gres: .+)$", r"\1\2", PROFILE.read_text(), flags=re.MULTILINE)
    assert lines == 2
    rules = yte.process_yaml(text, require_use_yte=True)["set-resources"]
    assert rules
    for resources in rules.values():
        assert resources == {"slurm_partition": "gpu", "gpu": 0, "gres": "gpu:1"}
        job = SimpleNamespace(resources=ResourceList(fromdict=resources))
        assert set_gres_string(job).split() == ["--gres=gpu:1"]


def test_a_job_asks_for_a_gpu_that_is_large_enough_only_where_the_profile_names_them(monkeypatch):
    monkeypatch.setenv(FEATURES, "")
    slurm_profile()
    assert feature_of(9000) is None
    named = """'gpu_features = {24000: "rtx3090|a100", 80000: "a100"}'"""
    text = PROFILE.read_text().replace("'gpu_features = {}'", named, 1)
    yte.process_yaml(text, require_use_yte=True)
    assert [feature_of(mib) for mib in (0, 9000, 24000, 24001)] == [None, "rtx3090|a100", "rtx3090|a100", "a100"]
    with pytest.raises(ValueError, match="no device of 90000 MB"):
        feature_of(90_000)


def test_an_account_is_charged_if_one_is_named():
    assert slurm_profile(account="lab")["default-resources"]["slurm_account"] == "lab"


def test_what_keeps_a_run_from_hanging_is_set():
    profile = slurm_profile()
    assert profile["slurm-status-command"] == "squeue"
    assert profile["slurm-status-attempts"] / profile["max-status-checks-per-second"] >= 600  # seconds of outage
    assert profile["slurm-requeue"]
    assert profile["retries"] > 0


@pytest.mark.parametrize("path", sorted(ROOT.glob("profiles/*/profile.yaml")), ids=lambda path: path.parent.name)
def test_every_key_of_a_profile_is_explained(path):
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[a-z]", line):
            before = lines[number - 1] if number else ""
            assert "#" in line or before.startswith("#"), line


@pytest.mark.parametrize("name", RULES)
def test_a_rule_tells_its_needs_and_a_failed_job_gets_more(name):
    body = RULES[name]
    assert re.search(r"mem_mb=growing\(.+\)", body)
    assert "retries:" not in body  # they would also be played inside the job that is too small
    is_training = "history=" in body
    assert re.search(r"runtime=\d+," if is_training else r"runtime=growing\(.+\)", body)
    assert ("{params.time_limit}" in body) == ("time_limit=time_limit" in body) == is_training
    assert ("{params.events}" in body) == ("events=events_option(" in body) == is_training
    assert ("--gpus {resources.gpu}" in body) == ("gpu=GPU" in body)
    for resource in ("gpu_mem_mb=gpu_memory(", "constraint=gpu_feature("):
        assert (resource in body) == ("gpu=GPU" in body)
    assert ("cache: CACHED" in body) == ("cached=cached" in body) == is_training


def test_no_wildcard_of_a_cached_command_is_left_out_of_its_key():
    # Snakemake's key of a job takes commands as they stand here, so one seed would pass for another
    counted = {"seed", "schedule"}
    assert 'for name in ("seed", "schedule")' in (ROOT / "workflow/rules/command.smk").read_text()
    for body in RULES.values():
        if "cache: CACHED" in body:
            assert set(re.findall(r"{wildcards\.(\w+)", body.split("shell:")[1])) <= counted


def pinned(lines) -> dict[str, str]:
    """Return package -> version of `name==version` lines; names as pip compares them."""
    found = (re.match(r"([\w.-]+)==([\w.]+)", line) for line in lines)
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


def test_the_conda_environment_has_what_the_package_needs_in_the_versions_of_the_lock():
    conda = yaml.safe_load((ROOT / "envs/orandnet.yaml").read_text())["dependencies"]
    (packages,) = (entry["pip"] for entry in conda if isinstance(entry, dict))
    lock = pinned((ROOT / "envs/requirements.txt").read_text().splitlines())
    assert len(pinned(packages)) == len(packages)
    assert pinned(packages).items() <= lock.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["clip"]]
    assert {re.split(r"[<>=]", name)[0].lower().replace("_", "-") for name in needed} == pinned(packages).keys()


def test_the_conda_environment_has_a_python_that_the_package_takes():
    conda = yaml.safe_load((ROOT / "envs/orandnet.yaml").read_text())["dependencies"]
    (python,) = (entry for entry in conda if isinstance(entry, str) and entry.startswith("python "))
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert needed == f">={python.split('=')[1]}"
