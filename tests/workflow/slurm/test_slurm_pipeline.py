"""The whole pipeline as jobs of a real SLURM, with the project's own profile."""

import re
from pathlib import Path

import pytest

from checkout import MINIMAL, ROOT, Checkout, edited
from conftest import outcome
from orandnet.files.manifest import sha256

pytestmark = [pytest.mark.slurm, pytest.mark.pipeline]

GPU_RULES = {"classifier", "cam", "orandnet", "orandnet_cam", "irn", "irn_walk", "segmenter", "prediction"}
# rule files, of which the last one's rules have names of their own
NO_STAGES = {"command", "paths", "screen", "report"}
ON_REQUEST = {"export", "submission", "refinement"}  # run only where the config names what they make


TIMED = (".manifest.json", "report.html")


def made_files(results: Path) -> dict[str, str]:
    """Return path -> digest of everything a run has made but manifests, logs and the page, which tell times."""
    paths = (path for path in results.rglob("*") if path.is_file() and not path.name.endswith(TIMED))
    return {str(path.relative_to(results)): sha256(path) for path in paths if "logs" not in path.parts}


@pytest.fixture(scope="module")
def both(cluster, tmp_path_factory):
    """Return the folder of a local run, that of the same run on SLURM, and the jobs of the latter."""
    local, remote = (Checkout(tmp_path_factory.mktemp(name) / "checkout") for name in ("local", "slurm"))
    since = cluster.last()
    code, printed = outcome(cluster.head(remote.folder, "--configfile", MINIMAL), 1200)
    assert code == 0, printed
    local.run("--cores", 2, "--configfile", MINIMAL)
    return local.results, remote.results, cluster.jobs(since)


def test_every_stage_ran_as_a_job_of_its_own_and_ended_well(both):
    *_, jobs = both
    stages = {path.stem for path in (ROOT / "workflow/rules").glob("*.smk")} - NO_STAGES - ON_REQUEST
    assert {job.state for job in jobs} == {"COMPLETED"}
    for stage in stages | {"tables", "figures", "report_charts", "report_page"}:
        assert any(job.comment.startswith(f"rule_{stage}_") for job in jobs), stage


def test_gpu_jobs_run_on_gpu_nodes_and_other_jobs_do_not(both):
    *_, jobs = both
    placed = {(job.comment.removeprefix("rule_").split("_wildcards_")[0], job.partition, job.node[0]) for job in jobs}
    assert {place for place in placed if place[0] in GPU_RULES} == {(rule, "gpu", "g") for rule in GPU_RULES}
    assert {place[1:] for place in placed if place[0] not in GPU_RULES} == {("cpu", "c")}


def test_a_gpu_job_sees_one_device_and_other_jobs_none(both):
    _, remote, jobs = both
    logs = [path.read_text() for path in (remote / "logs").rglob("*.log")]
    seen = [line.split(": GPU ")[1] for log in logs for line in log.splitlines() if ": GPU " in line]
    assert set(seen) == {"0"}  # the only one of its node
    assert len(seen) == sum(job.partition == "gpu" for job in jobs)


def test_results_equal_those_of_a_local_run_byte_for_byte(both):
    local, remote, _ = both
    assert made_files(local) == made_files(remote)
    assert (remote / "tables/table2_segmentation.csv").is_file()


SNAKEFILE = """
include: "workflow/rules/command.smk"

rule classifier:
    output: "seen.txt",
    resources: gpu=GPU, mem_mb=2000, runtime=5,
    shell: "orandnet fusion --gpus {resources.gpu} --help 2> {output} > /dev/null"
"""


def test_a_job_that_asks_by_gres_sees_its_device(cluster, tmp_path):
    remote = Checkout(tmp_path / "checkout")
    (remote.folder / "Snakefile").write_text(SNAKEFILE)
    profile = remote.folder / "profiles/slurm/profile.yaml"
    profile.write_text(re.sub(r"^( +)# (gpu: 0|gres: .+)$", r"\1\2", profile.read_text(), flags=re.MULTILINE))
    code, printed = outcome(cluster.head(remote.folder, "--retries", "0", "--configfile", MINIMAL), 120)
    assert code == 0, printed
    assert (remote.folder / "seen.txt").read_text() == "orandnet fusion: GPU 0\n"


def test_a_training_stops_before_its_time_is_over_and_the_next_attempt_goes_on(cluster, tmp_path):
    remote, epochs = Checkout(tmp_path / "checkout"), 33  # of three steps with a pause: 99 s, and an attempt has 90
    config = remote.config({"classifier": {"training": {"epochs": epochs}}}, start=MINIMAL)
    since, folder = cluster.last(), remote.results / "classifier/vit/seed0"
    target = "results/tiny/classifier/vit/seed0/weights.safetensors"
    limit = ("--retries", "10", "--set-resources", "classifier:runtime=2", "classifier:slurm_partition=gpu")
    rate = "    rate = settings.learning_rate * rate_factor("
    with edited(remote.folder / "workflow/orandnet/training/loop.py", rate, f"    time.sleep(1)\n{rate}"):
        code, printed = outcome(cluster.head(remote.folder, "--configfile", config, *limit, "--", target), 1200)
    assert code == 0, printed
    *stopped, last = [job.state for job in cluster.jobs(since) if "classifier" in job.comment]
    assert last == "COMPLETED"
    assert stopped
    assert set(stopped) == {"FAILED"}  # by its own exit code, not TIMEOUT
    assert "classifier: stopped at step" in printed
    rows = (folder / "history.csv").read_text().splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == list(range(epochs))
    log = (remote.results / "logs/classifier/vit/seed0.log").read_text()
    assert int(log.split("done, ")[1].split()[0]) < 3 * epochs  # steps of the last attempt; an epoch has three
