"""What a user sees of a run: a line for each job, the tables and warnings at the end, or the line that matters."""

import json
import re

import pytest

from checkout import started
from job_graph import jobs_of

pytestmark = pytest.mark.pipeline

JOB = re.compile(r"^\d\d:\d\d:\d\d +(\d+) done, +(\d+) left +(\w+) *(.*)$", flags=re.MULTILINE)

EVENTS = "--events-output results/tiny/tensorboard/"


def test_every_job_is_one_line_with_its_log_and_what_is_left(finished):
    jobs = JOB.findall(finished.said)
    total = int(re.search(r"^total +(\d+)$", finished.said, flags=re.MULTILINE)[1])
    assert len(jobs) == total
    assert all(int(done) + int(left) == total for done, left, _, _ in jobs)
    for *_, rule, log in jobs:
        assert rule == "tables_and_figures" or (finished.folder / log).is_file()
    assert started(finished.said) == {rule for _, _, rule, _ in jobs}


def test_no_command_is_on_the_screen_and_each_is_in_the_log(finished):
    assert "--settings" not in finished.said
    assert max(map(len, finished.said.splitlines())) < 600
    (path,) = re.findall(r"^Complete log\(s\): (.+)$", finished.said, flags=re.MULTILINE)
    with open(path) as file:
        log = file.read()
    assert log.count("Shell command: orandnet ") == len(JOB.findall(finished.said)) - 1
    assert "--settings '{" in log


def test_a_dry_run_prints_commands_where_it_is_asked_to(finished):
    config = finished.config({"evaluation": {"num_thresholds": 51}})
    assert "Shell command" not in finished.run("-n", "--configfile", config)
    printed = finished.run("-np", "--configfile", config)
    assert printed.count("Shell command: orandnet evaluation cam ") == 7


def test_the_end_has_the_tables_the_times_all_warnings_and_the_places(finished):
    end = finished.said[finished.said.index("\nTable 1. ") :]
    titles = ("Table 1. ", "Table 2. ", "Table 3. ", "Time of the ", "Warnings: ", "the run on a page ", "logs ")
    assert [end.index(f"\n{title}") for title in titles] == sorted(end.index(f"\n{title}") for title in titles)
    manifests = [json.loads(path.read_text()) for path in finished.results.rglob("*.manifest.json")]
    codes = [warning for manifest in manifests for warning in manifest["warnings"]]
    assert int(re.search(r"^Warnings: (\d+)$", end, flags=re.MULTILINE)[1]) == len(codes)
    for title in titles[:3]:
        assert len(end.split(title)[1].split("\n\n")[0].splitlines()) > 3


def test_a_part_of_a_run_says_nothing_of_the_rest(fresh):
    said = fresh.run("--cores", 2, "--configfile", "tiny.yaml", "--", "results/tiny/dataset/classes.json")
    assert started(said) == {"dataset_layout", "dataset_classes"}
    assert "Table 1. " not in said


def test_after_a_failure_the_line_that_matters_comes_last(fresh):
    config = fresh.config({"dataset": {"expected_sizes": {"val": 77}}})
    code, said = fresh.snakemake("--cores", 2, "--configfile", config)
    assert code == 1
    assert "classifier" not in started(said)
    *_, last = said.splitlines()
    assert last.startswith(
        "failed: dataset (results/tiny/logs/dataset.log): orandnet dataset: dataset.expected_sizes.val"
    )
    assert "--settings" not in said


def test_asking_for_commands_brings_back_all_that_snakemake_says(fresh):
    said = fresh.run("--cores", 1, "-p", "--configfile", "tiny.yaml", "--", "results/tiny/dataset/classes.json")
    assert "Shell command: orandnet dataset classes " in said
    assert "rule dataset_classes:" in said
    assert started(said) == set()


def test_event_files_are_asked_of_the_trainings_and_run_nothing_again(fresh, finished):
    jobs = jobs_of(fresh, "--configfile", fresh.config({"tensorboard": True}))
    asked = {job.rule for job in jobs if EVENTS in job.command}
    assert asked == {"classifier", "orandnet", "irn", "segmenter"}
    assert finished.planned("--configfile", finished.config({"tensorboard": True})) == {}
