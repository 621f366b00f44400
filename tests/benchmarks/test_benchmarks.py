"""The benchmarks on small inputs: what they compare agrees, and the table has its columns. Times are not looked at."""

import csv
from importlib import import_module

import pytest
import torch
import yaml

import epsilon
import forms
import soak
from checkout import ROOT
from inputs import Inputs, drawn, prediction_like
from orandnet.config.sections import load
from orandnet.maps.grid import grid_shape
from orandnet.settings import deep_update
from timing import COLUMNS, Agreement, Comparison, lines, run, seconds_text, write_rows

SIZE = (96, 128)
SMALL = {"walk": {"dense_shape": (8, 10)}, "boundary_loss": {"crop": 192}}
TOPICS = (
    "walk",
    "sweep",
    "class_maps",
    "cam_files",
    "scales",
    "refinement",
    "decoding",
    "boundary_loss",
)


@pytest.fixture(scope="module")
def inputs():
    torch.set_num_threads(1)
    return Inputs(size=SIZE)


@pytest.mark.parametrize("topic", TOPICS)
def test_both_forms_agree_as_far_as_promised(topic, inputs):
    found = 0
    for comparison in import_module(topic).comparisons(inputs, **SMALL.get(topic, {})):
        first = comparison.baseline(), comparison.ours()
        agreement = comparison.agreement(*first)
        assert agreement.holds, f"{comparison.work}: {agreement.text}"
        found += 1
    assert found


def test_a_batch_of_walks_agrees_with_the_dense_form_on_a_device():
    comparison = import_module("walk").batch_on(torch.device("cpu"), Inputs(size=(32, 40)), number=2)
    assert comparison.agreement(comparison.baseline(), comparison.ours()).holds


def test_a_judge_tells_results_that_differ(inputs):
    for topic in ("walk", "sweep", "class_maps", "boundary_loss"):
        comparison = next(import_module(topic).comparisons(inputs, **SMALL.get(topic, {})))
        expected = comparison.baseline()
        wrong = [part * 1.1 + 1 for part in expected] if isinstance(expected, list | tuple) else expected * 1.1 + 1
        assert not comparison.agreement(expected, wrong).holds, topic


def test_the_soak_runs_the_commands_of_the_workflow_and_tells_what_an_image_costs(tmp_path):
    ids = soak.write_data(tmp_path / "voc", 4)
    for split, its in (("train", ids[:3]), ("val", ids[3:])):
        (tmp_path / f"voc/ImageSets/Segmentation/{split}.txt").write_text("\n".join(its))
    every = {stage: soak.watched(command, tmp_path) for stage, command in soak.commands().items()}
    seen = every["cam import"]
    assert all(its.peak > 10 for its in every.values())
    assert all(its.files >= 3 for its in every.values())
    other = seen._replace(peak=seen.peak + 1)
    lines = list(soak.table({"dataset": {1000: seen, 2024: other}}))
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")
    assert lines[3].endswith("| 1.00 |")


def test_inputs_have_the_shapes_and_ranges_of_what_they_stand_for(inputs):
    assert [image.shape for image in inputs.images] == [(*SIZE, 3)] * 2
    for scores, boundary, prediction in zip(inputs.scores, inputs.boundaries, inputs.predictions, strict=True):
        assert scores.shape == (2, *grid_shape(SIZE))
        assert boundary.shape == grid_shape(SIZE)
        assert prediction.shape == (21, *SIZE)
        for values in (scores, boundary, prediction):
            assert 0 <= values.min() <= values.max() <= 1
        assert abs(prediction.sum(axis=0) - 1).max() < 1e-5


def test_predictions_at_the_size_of_photographs_have_few_labels_that_matter():
    kept = [(prediction_like(drawn(k, (375, 500))[1], k).max(axis=(1, 2)) >= 0.01).sum() for k in range(2)]
    assert all(2 <= number <= 6 for number in kept)


def test_the_table_has_a_row_for_each_comparison_and_its_columns(tmp_path):
    calls = []

    def form(name):
        return lambda: calls.append(name) or name

    comparison = Comparison("a, b", form("A"), form("B"), lambda a, b: Agreement(a + b, True), units=2, rounds=2)
    row = run(comparison)
    assert calls == ["A", "B"] * 3
    assert row.agreement == Agreement("AB", True)
    write_rows(tmp_path / "bench" / "bench.csv", [row, row])
    with (tmp_path / "bench" / "bench.csv").open(newline="") as file:
        header, *found = csv.reader(file)
    assert tuple(header) == COLUMNS == ("work", "baseline_s", "ours_s", "ratio", "agreement")
    assert [line[0] for line in found] == ["a, b"] * 2
    assert all(float(value) >= 0 for line in found for value in line[1:4])
    assert len(list(lines([row]))) == 3


def test_the_clock_counts_one_unit_and_no_warm_up():
    ticks = iter([0.0, 100.0, 100.0, 200.0, 0.0, 8.0, 8.0, 12.0])  # the first call of each form, then one round
    comparison = Comparison(
        "", int, int, lambda a, b: Agreement("", a == b), units=4, rounds=1, clock=lambda: next(ticks)
    )
    assert run(comparison)[1:4] == (2.0, 1.0, 2.0)


@pytest.mark.parametrize("name", forms.FORMS)
def test_every_form_is_a_change_of_the_demo_that_its_rows_can_show(name):
    form, demo = forms.FORMS[name], yaml.safe_load((ROOT / "config.yaml").read_text())
    start = load(deep_update(demo, form.start or {}))
    changed = load(deep_update(deep_update(demo, form.start or {}), form.changes))
    assert changed != start
    assert set(form.methods) - {"segmenter"} <= set(start.cam_methods)


def test_a_form_is_compared_seed_by_seed():
    before, after = {("a", 0): 50.0, ("a", 1): 60.0}, {("a", 0): 51.0, ("a", 1): 58.0}
    assert list(forms.lines("x", before, after, ("a",), [0, 1])) == [
        "| x | a | 55.0 ± 7.1 | 54.5 ± 4.9 | -0.5 | +1.0, -2.0 |"
    ]


def test_the_forms_of_an_epsilon_differ_where_maps_are_small():
    maps = torch.rand(1, 3, 4, generator=torch.Generator().manual_seed(0))
    absolute, relative = (form(1e-4 * maps) for form in epsilon.NORMALISATIONS.values())
    assert absolute.max() < 0.95
    assert relative.max() > 0.9999


@pytest.mark.parametrize(("seconds", "text"), [(475.0, "475 s"), (0.0496, "49.6 ms"), (3e-7, "0.3 us")])
def test_seconds_have_a_fitting_unit(seconds, text):
    assert seconds_text(seconds) == text
