"""The study of the segmenter's loss: six trainings a seed that differ in the loss alone, and a table of them."""

import yaml

import segmenter_loss
from checkout import ROOT
from orandnet.config.sections import load


def test_each_form_of_the_loss_is_a_training_of_its_own(monkeypatch):
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    seen = []

    def trainings(config, study, cases):
        seen.append((config.segmenter.balanced, config.segmenter.label_smoothing, study.method, *cases))
        yield f"key {len(seen)}", "name", lambda key: [{"key": key}]

    monkeypatch.setattr(segmenter_loss, "trainings", trainings)
    listed = [*segmenter_loss.forms(raw, ["ours", "naive"], "scale", [0, 1])]
    found = [train(key)[0] for key, _, train in listed]
    assert [row["key"] for row in found] == [f"key {number}" for number in range(1, 25)]
    assert len(seen) == len({(*row[:3], row[3].seed) for row in seen}) == 2 * 6 * 2
    assert {row[3][:3] for row in seen} == {("scale", load(raw).segmenter.scale_schedule.fraction, 1)}
    assert [(row["balanced"], row["label_smoothing"]) for row in found] == [row[:2] for row in seen]


def test_forms_are_compared_by_their_mean_over_rows_seed_by_seed():
    same = {"run": "demo", "schedule": "baseline", "fraction": "0.0", "steps": "112", "balanced": "True"}
    rows = [
        {**same, "label_smoothing": "0.1", "method": method, "seed": str(seed), "val_miou": str(value)}
        for method, values in (("ours", (50, 54)), ("naive", (40, 40)))
        for seed, value in enumerate(values)
    ]
    assert list(segmenter_loss.table(rows))[-3:] == [
        "| balanced | 0.1 | naive | 40.0 ± 0.0 | 40.0, 40.0 |",
        "| balanced | 0.1 | ours | 52.0 ± 2.8 | 50.0, 54.0 |",
        "| balanced | 0.1 | mean of rows | 46.0 ± 1.4 | 45.0, 47.0 |",
    ]


def test_a_study_that_was_stopped_has_a_table_of_what_is_there():
    found = {("naive", 0): 40.0, ("naive", 1): 50.0, ("ours", 0): 60.0}
    assert list(segmenter_loss.lines(found, "plain", 0.0)) == [
        "| plain | 0 | naive | 45.0 ± 7.1 | 40.0, 50.0 |",
        "| plain | 0 | ours | 60.0 | 60.0 |",
        "| plain | 0 | mean of rows | 50.0 | 50.0 |",
    ]
    assert list(segmenter_loss.lines({}, "plain", 0.0)) == []
