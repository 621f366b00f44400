"""The workflow as a graph: weak supervision is a property of the DAG, and listing the DAG is cheap."""

import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from checkout import ROOT, Checkout
from job_graph import GATE, Job, ancestors, jobs_of

pytestmark = pytest.mark.pipeline

# config/config.yaml is config.yaml under the name that deployments copy
EXPERIMENTS = [f"config/{path.name}".replace("config/config", "config") for path in (ROOT / "config").glob("*.yaml")]
FULLY_SUPERVISED = "fsss"
LONGEST_LISTING = 10.0  # CPU seconds
LONGEST_COMMAND = 100_000  # characters; Linux takes 131072 in one argument
FORMATTED = ("Snakefile", "workflow/Snakefile", "workflow/rules")


def reads_ground_truth(job: Job) -> bool:
    signs = ("/ground_truth/", "SegmentationClass", "/coco/masks")
    return any(sign in path for path in job.inputs for sign in signs)


def is_weakly_supervised(job: Job) -> bool:
    shows = ("evaluation_cam", "evaluation_prediction", "tables", "figures", "report_charts", "report_page")
    return job.rule not in (*shows, "tables_and_figures", "dataset") and job.wildcards.get("method") != FULLY_SUPERVISED


def weak_jobs_that_saw_ground_truth(jobs: list[Job]) -> Iterator[Job]:
    for job in filter(is_weakly_supervised, jobs):
        if reads_ground_truth(job) or any(map(reads_ground_truth, ancestors(job, jobs))):
            yield job


@pytest.fixture(scope="module", params=sorted(EXPERIMENTS))
def experiment(request, tmp_path_factory) -> list[Job]:
    """Return all jobs of one of the configs that come with the project."""
    checkout = Checkout(tmp_path_factory.mktemp("experiment") / "checkout")
    for weights in re.findall(r"weights: ([\w/.]+)", (ROOT / request.param).read_text()):
        (checkout.folder / weights).parent.mkdir(parents=True, exist_ok=True)
        (checkout.folder / weights).touch()  # a dry run asks only whether it is there
    return jobs_of(checkout, "--configfile", request.param)


def test_ground_truth_reaches_evaluation_figures_and_the_fully_supervised_reference_only(experiment):
    readers = {(job.rule, job.wildcards.get("method")) for job in experiment if reads_ground_truth(job)}
    allowed = {"evaluation_cam", "evaluation_prediction", "figures", "report_page", "segmenter", "dataset"}
    assert {rule for rule, _ in readers} <= allowed
    assert {method for rule, method in readers if rule == "segmenter"} <= {FULLY_SUPERVISED}
    read = [path for job in experiment if job.rule == "tables" for path in job.inputs]
    scored = any(path.endswith("summary.csv") for path in read)  # data without masks has nothing to score
    assert any(rule == "evaluation_cam" for rule, _ in readers) == scored


def test_no_weakly_supervised_job_depends_on_what_saw_ground_truth(experiment):
    assert sum(map(is_weakly_supervised, experiment)) > 10
    assert list(weak_jobs_that_saw_ground_truth(experiment)) == []


def test_the_page_waits_for_every_job_and_reads_the_manifests_of_all(experiment):
    (page,) = [job for job in experiment if job.rule == "report_page"]
    own = ("report_page", "report_charts", "tables", "figures", "tables_and_figures")
    waited = set(page.inputs)
    for job in experiment:
        assert job.rule in own or job.outputs[0] in waited, job.rule
    first = [path for path in waited if re.search(r"/1-of-\d+\.", path) or "-of-" not in path]
    for path in first:
        if path.endswith((".npz", ".safetensors", "summary.csv")) and not re.search("/fusion/.*/(and|mean)/", path):
            assert str(Path(path).with_suffix(".manifest.json")) in page.command
    assert len(page.command) < LONGEST_COMMAND


def test_no_command_names_a_folder_of_true_masks(experiment):
    for job in experiment:
        if not reads_ground_truth(job) and job.rule not in ("dataset_ground_truth", "dataset_layout"):
            assert "/ground_truth/" not in job.command
            assert "SegmentationClass" not in job.command
            assert "/coco/masks" not in job.command


def test_what_trainings_wait_for_is_read_by_none(experiment):
    waiting = {job.rule for job in experiment if any(path.endswith(GATE) for path in job.inputs)}
    assert waiting >= {"segmenter"}
    assert not any(GATE in job.command for job in experiment if job.rule not in ("dataset", "report_page"))


def test_a_threshold_tuned_on_ground_truth_is_seen_by_the_guard_from_the_pseudo_masks_on(fresh):
    config = fresh.config({"pseudo_mask": {"threshold_rule": "best_miou"}})
    tainted = {job.rule for job in weak_jobs_that_saw_ground_truth(jobs_of(fresh, "--configfile", config))}
    assert tainted == {"pseudo_mask", "segmenter", "prediction"}


def test_the_default_run_has_the_jobs_it_is_made_of(fresh):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    jobs = fresh.planned()
    seeds, shards = len(config["seeds"]), config["shards"]
    assert jobs["classifier"] + jobs["classifier_amn"] == len(config["sources"]) * seeds
    assert jobs["cam"] == len(config["sources"]) * seeds * shards
    assert jobs["fusion"] == len(config["ensembles"]) * seeds * shards
    assert jobs["irn"] == len(config["irn"]["cams"]) * seeds
    assert jobs["irn_walk"] == jobs["irn_labels"] == jobs["irn"] * shards  # amn's seed source is refined too
    assert jobs["prediction"] == jobs["segmenter"] * shards
    assert jobs["evaluation_prediction"] == jobs["segmenter"]
    assert jobs["dataset"] == jobs["tables"] == 1
    assert jobs["report_page"] == jobs["report_charts"] == 1
    assert jobs["figures"] == jobs["orandnet"] == len(config["ensembles"]) - 1  # all but the naive one


def test_listing_the_default_run_is_cheap(fresh):
    start = cpu_seconds()
    assert fresh.planned()
    assert cpu_seconds() - start < LONGEST_LISTING


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_printed_commands_can_be_pasted(fresh):
    (command,) = [job.command for job in jobs_of(fresh, "--configfile", "tiny.yaml") if job.rule == "dataset_layout"]
    stage = [sys.executable, str(fresh.folder / "workflow/orandnet")]
    bash = f'orandnet() {{ {" ".join(stage)} "$@"; }}; mkdir -p results/tiny/logs/dataset; {command.splitlines()[0]}'
    subprocess.run(["bash", "-c", bash], cwd=fresh.folder, check=True)
    assert (fresh.folder / "results/tiny/dataset/scenes/labels.csv").is_file()


@pytest.mark.parametrize(
    "command",
    [
        ("snakemake", "--lint"),
        ("snakefmt", "--check", *FORMATTED),
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "workflow", "tests"),
    ],
    ids=" ".join,
)
def test_the_sources_pass(command):
    program = Path(sys.executable).with_name(command[0])
    checked = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_ensembles_of_three_and_of_one_source_with_several_seeds_ask_for_the_trainings_they_need(fresh):
    ensembles = {
        "ours": {"members": ["resnet50", "vit", "vit@1"]},
        "naive": {"members": ["resnet50", "resnet50@2"], "output": "mean"},
    }
    jobs = jobs_of(fresh, "--configfile", fresh.config({"ensembles": ensembles}))
    trained = {(job.wildcards["source"], job.wildcards["seed"]) for job in jobs if job.rule == "classifier"}
    assert trained == {("resnet50", "0"), ("resnet50", "2"), ("vit", "0"), ("vit", "1")}
    fusion = next(job for job in jobs if job.rule == "fusion" and job.wildcards["ensemble"] == "ours")
    stores = [
        f"results/tiny/cam/{store}/{fusion.wildcards['shard']}.npz"
        for store in ("resnet50/seed0", "vit/seed0", "vit/seed1")
    ]
    assert list(fusion.inputs) == stores
    assert "--members resnet50 vit vit@1" in fusion.command
