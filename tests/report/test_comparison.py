"""Runs side by side: differences, what is more than chance, settings that differ; on screen, as CSV and as a page."""

import csv
import json
import shutil

import numpy as np
import pytest
from scipy import stats
from small_run import SmallRun, config

from orandnet import cli
from orandnet.files.manifest import Clock, input_hashes, write_manifest
from orandnet.report.comparison import Row, Run, compared_rows, differing, read_run
from orandnet.report.settings import PageSettings

ROW = Row("pseudo_masks", "ours", "otsu", "miou")


def run(name, values, **changed):
    settings = PageSettings(run=name, seeds=tuple(values), data="voc", changed=changed)
    return Run(name, {ROW: values}, settings, {"images": "a", "classes": "cat"})


def test_runs_of_the_same_seeds_are_compared_pair_by_pair():
    first, second = {0: 50.0, 1: 60.0, 2: 55.0}, {0: 51.0, 1: 61.2, 2: 55.9}
    found = compared_rows([run("a", first), run("b", second)])[1]
    expected = stats.ttest_rel(list(second.values()), list(first.values()))
    interval = expected.confidence_interval(0.95)
    assert found.difference == pytest.approx(np.mean(list(second.values())) - 55)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.is_significant


def test_runs_of_other_seeds_are_compared_by_welch():
    first, second = {0: 50.0, 1: 60.0, 2: 55.0}, {3: 51.0, 4: 61.2, 5: 55.9, 6: 70.0}
    found = compared_rows([run("a", first), run("b", second)])[1]
    expected = stats.ttest_ind(list(second.values()), list(first.values()), equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert not found.is_significant


def test_one_seed_says_nothing_of_chance_and_equal_runs_do_not_differ():
    one = compared_rows([run("a", {0: 50.0}), run("b", {0: 60.0})])
    assert (one[1].difference, one[1].p, one[1].is_significant, one[0].difference) == (10.0, None, False, None)
    values = {0: 50.0, 1: 60.0}
    same = compared_rows([run("a", values), run("b", values), run("c", {0: 51.0, 1: 61.0})])
    assert (same[1].difference, same[1].p, same[1].low) == (0.0, 1.0, 0.0)
    assert (same[2].difference, same[2].p) == (1.0, 0.0)


def test_a_row_of_one_run_alone_stands_without_a_difference():
    other = run("b", {})._replace(scores={Row("pseudo_masks", "theirs", "otsu", "miou"): {0: 40.0}})
    found = compared_rows([run("a", {0: 50.0}), other])
    assert [(one.row.method, one.run, one.difference) for one in found] == [("ours", "a", None), ("theirs", "b", None)]


def test_settings_that_differ_are_named_with_the_value_of_each_run():
    first = run("a", {0: 1.0}, **{"cam.flip": "false", "orandnet.width": "8"})
    second = run("b", {0: 1.0}, **{"orandnet.width": "16", "irn.cams": "[ours]"})
    found = differing([first, second._replace(facts={"images": "b", "classes": "cat"})])
    assert found == {
        "cam.flip": ["false", "default"],
        "orandnet.width": ["8", "16"],
        "irn.cams": ["default", "[ours]"],
        "images": ["a", "b"],
    }


def command(*arguments):
    try:
        cli.main(["report", "compare", *arguments])
    except SystemExit as stopped:
        return stopped.code
    return 0


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """Return a folder with two finished runs, which differ in a setting."""
    folder = tmp_path_factory.mktemp("two")
    made = SmallRun(folder, config(run="first", orandnet={"width": 12}))
    facts = {"stage": "report page", "settings": {"settings": made.page()["settings"].model_dump(mode="json")}}
    facts["inputs"] = input_hashes(made.measured())
    write_manifest([made.at("page")], facts, Clock())
    second = shutil.copytree(folder / "results/first", folder / "results/second")
    manifest = second / "report.manifest.json"
    manifest.write_text(manifest.read_text().replace('"12"', '"16"'))
    return folder


def test_the_command_shows_and_writes_the_runs_side_by_side(two_runs, monkeypatch, capsys):
    monkeypatch.chdir(two_runs)
    assert command("first", "results/second/") == 0
    text = capsys.readouterr().out
    assert "orandnet.width" in text
    assert "second - first" in text
    with open("results/comparison-first-second.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == {"first", "second"}
    assert {row["table"] for row in rows} == {"pseudo_masks", "segmentation"}
    assert all((row["difference"] == "") == (row["run"] == "first") for row in rows)
    page = (two_runs / "results/comparison-first-second.html").read_text()
    assert "orandnet.width" in page
    assert "http:" not in page
    assert "https:" not in page


def test_scores_as_made_follow_each_methods_rule_and_are_left_out_where_a_run_did_not_tell(two_runs):
    first = two_runs / "results/first"
    told = read_run(first)
    assert told.scores[Row("pseudo_masks", "vit", "as made", "miou")] == told.scores[ROW._replace(method="vit")]
    copied = shutil.copytree(first, two_runs / "results/of_rules")
    manifest = json.loads((copied / "report.manifest.json").read_text())
    settings = manifest["settings"]["settings"]
    for rules, detail in (({"vit": "best_miou"}, "best_miou"), (None, None)):
        settings["rules"] = rules
        (copied / "report.manifest.json").write_text(json.dumps(manifest))
        scores = read_run(copied).scores
        row = Row("pseudo_masks", "vit", "as made", "miou")
        assert scores.get(row) == (scores[row._replace(detail=detail)] if detail else None)
    shutil.rmtree(copied)


def test_scores_of_an_older_config_are_left_out_and_those_that_changed_since_the_report_are_named(two_runs):
    first = two_runs / "results/first"
    copied = shutil.copytree(first, two_runs / "results/of_older")
    before = read_run(copied).scores
    for place in ("cam/vit", "prediction/ours/scale"):  # as of a run with one more seed
        shutil.copytree(copied / f"evaluation/{place}/seed0", copied / f"evaluation/{place}/seed1")
    assert read_run(copied).scores == before
    summary = copied / "evaluation/cam/vit/seed0/summary.csv"
    summary.write_text(summary.read_text().replace("otsu", "fixed"))
    with pytest.raises(ValueError, match=r"vit/seed0/summary.csv: is not what report.html was made of; run it"):
        read_run(copied)
    summary.unlink()
    with pytest.raises(ValueError, match=r"vit/seed0/summary.csv: is not what report.html was made of; run it"):
        read_run(copied)
    shutil.rmtree(copied)


def test_runs_of_one_name_are_told_apart_by_their_folders(two_runs, monkeypatch, capsys):
    monkeypatch.chdir(two_runs)
    shutil.copytree("results/second", "other/results/first")
    assert command("first", "other/results/first") == 0
    assert "other/results/first" in capsys.readouterr().out
    with open("results/comparison-first-first.csv", newline="") as file:
        assert {row["run"] for row in csv.DictReader(file)} == {"results/first", "other/results/first"}


def test_runs_that_are_not_there_or_not_finished_are_named(two_runs, monkeypatch, capsys):
    monkeypatch.chdir(two_runs)
    assert command("first") == command("first", "results/first") == command("first", "frist") == 1
    assert command("first", str(two_runs / "results/first")) == 1
    text = capsys.readouterr().err
    assert "give two or more different runs" in text
    assert "results/frist: holds no finished run" in text
    assert "give one of first, second" in text
    shutil.copytree("results/second", "results/third")
    manifest = two_runs / "results/third/dataset/manifest.json"
    manifest.write_text(manifest.read_text().replace("cat", "cow"))
    assert command("first", "third", "--output", "side") == 0
    assert "the runs are on different images or classes" in capsys.readouterr().out
    assert (two_runs / "side.html").is_file()
