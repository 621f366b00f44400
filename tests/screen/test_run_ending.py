"""What is said at the end of a run: its tables in short, times, warnings, and where things are."""

import json

import pytest

from orandnet.config.sections import load
from orandnet.plan.jobs import made
from orandnet.screen.ending import duration, ending
from orandnet.screen.finished import finished_jobs, run_warnings

RAW = {
    "run": "r",
    "shards": 2,
    "dataset": {"kind": "scenes"},
    "sources": {"cnn": {"kind": "cnn"}, "vit": {"kind": "vit"}},
    "ensembles": {"ours": {"members": ["cnn", "vit"]}},
    "segmenter": {"methods": {"ours": "ours"}},
    "prediction": {"splits": ["val"]},
}
TABLES = {
    "table1_pseudo_masks": (
        "method,threshold_rule,miou,miou_sd,num_seeds",
        "cnn,otsu,41.26,,1",
        "cnn,best_miou,45.01,,1",
        "ours,otsu,50.25,1.04,2",
        "ours,best_miou,,,2",
    ),
    "table2_segmentation": ("method,val,val_sd,num_seeds", "ours,55.55,,1"),
    "table3_scale_scheduling": (
        "method,baseline,baseline_sd,scale_scheduling,scale_scheduling_sd,num_seeds",
        "ours,54.0,,55.55,0.26,2",
    ),
}


@pytest.fixture
def config():
    return load(RAW)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of Snakemake, with the tables and manifests of a run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/r/tables").mkdir(parents=True)
    (tmp_path / "results/r/report.html").touch()
    for name, lines in TABLES.items():
        (tmp_path / f"results/r/tables/{name}.csv").write_text("\n".join(lines) + "\n")
    manifest(tmp_path, "cam/cnn/seed0/1-of-2", "cam", 30.0, [("flat_maps", "cam: 9 of 9 are flat.")])
    manifest(tmp_path, "cam/cnn/seed0/2-of-2", "cam", 31.0, [("flat_maps", "cam: 8 of 9 are flat.")])
    manifest(
        tmp_path, "classifier/cnn/seed0/weights", "classifier", 7200.0, [("no_better_than_chance", "is no better.")]
    )
    manifest(tmp_path, "classifier/another/seed0/weights", "classifier", 1e9, [("of_another", "of an older config")])
    return tmp_path


def manifest(folder, place, stage, seconds, warnings):
    path = folder / f"results/r/{place}.manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"stage": stage, "wall_seconds": seconds, "peak_memory_mib": 1, "device": "cpu", "versions": {}}
    doubts = [{"code": code, "message": message} for code, message in warnings]
    path.write_text(json.dumps({**facts, "warnings": doubts}))


def test_the_manifests_of_the_run_that_are_there_are_read_once_each(config, folder):
    assert [job.stage for job in finished_jobs(config)] == ["classifier", "cam", "cam"]
    assert len(made(config)) > 10
    assert {warning.code for warning in run_warnings(config)} == {"flat_maps", "no_better_than_chance"}
    assert len(run_warnings(config)) == 3


def test_the_end_says_what_came_out_how_long_it_took_what_is_doubted_and_where_it_is(config, folder):
    assert ending(config).splitlines() == [
        "",
        "Table 1. Pseudo masks of the train images, mIoU by threshold",
        "               Otsu   best †",
        "  cnn          41.3     45.0",
        "  ours   50.2 ± 1.0         ",
        "  † the threshold was chosen on the true masks: no result, but what would have been the best",
        "",
        "Table 2. Segmentation (ms_crf), mIoU",
        "          val",
        "  ours   55.5",
        "",
        "Table 3. Scale scheduling (ms_crf), mIoU on val",
        "         baseline   scale scheduling",
        "  ours       54.0         55.5 ± 0.3",
        "",
        "Time of the 3 jobs behind this, 2.0 h one after the other",
        "  classifier   1 jobs   2.0 h",
        "  cam          2 jobs    61 s",
        "",
        "Warnings: 3",
        "  is no better.",
        "  cam: 9 of 9 are flat. [and 1 like it]",
        "",
        "the run on a page   results/r/report.html",
        "tables, figures     results/r/tables, results/r/figures",
    ]


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        ({"overrides": {"ours": 0.2}}, ["        Otsu   best †", "  cnn    41.3     45.0", "  ours   31.5 (fixed)  "]),
        ({"threshold_rule": "best_miou"}, ["         best †", "  cnn      45.0", "  ours         "]),
    ],
)
def test_masks_are_told_by_the_rule_that_they_are_made_with(folder, rule, lines):
    table = folder / "results/r/tables/table1_pseudo_masks.csv"
    table.write_text(table.read_text() + "ours,fixed,31.46,,2\n")
    told = [line.split() for line in ending(load(RAW | {"pseudo_mask": rule})).splitlines()[2:5]]
    assert told == [line.split() for line in lines]


def test_who_shows_the_results_later_gets_times_and_warnings_alone(config, folder):
    said = ending(config, with_results=False)
    assert "Table" not in said
    assert "report.html" not in said
    assert "Warnings: 3" in said


def test_a_damaged_manifest_is_named_and_is_no_reason_to_fail(config, folder):
    path = folder / "results/r/cam/cnn/seed0/1-of-2.manifest.json"
    path.write_text("{")
    assert ending(config).startswith("\nresults/r/cam/cnn/seed0/1-of-2.manifest.json: not a readable manifest")


def test_of_data_without_masks_it_is_said_that_nothing_was_scored(folder):
    raw = {**RAW, "dataset": {"kind": "folder", "root": "x", "labels": "labels.csv"}}
    assert "Nothing was scored" in ending(load(raw))
    assert "Table" not in ending(load(raw))


def test_times_have_the_unit_that_suits_them():
    assert [duration(seconds) for seconds in (3, 119, 121, 7200)] == ["3 s", "119 s", "2 min", "2.0 h"]
