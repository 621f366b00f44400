"""The study of scale scheduling: watching a training does not change it, none is done twice, the page is right."""

import csv
import json

import numpy as np
import pytest
import yaml
from PIL import Image

import result_rows
import scale_scheduling
import watched_segmenter
from checkout import ROOT
from orandnet.config.sections import load
from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.index import CLASSES, PART_COLUMNS, read_index, write_rows
from orandnet.files.mask import write_mask, write_mask_list
from orandnet.job.training_job import TrainingJob
from orandnet.report.paper import draw_chart
from orandnet.segmenter import stage
from orandnet.segmenter.settings import TrainSettings
from orandnet.training import loop
from scale_scheduling_page import chart, table
from watched_segmenter import Inputs, Split, trained

SETTINGS = TrainSettings(
    backbone={"model": "test_resnet", "pretrained": False},
    freeze_batch_norm=False,
    hidden_channels=8,
    dilation=1,
    crop_size=32,
    training={"epochs": 2, "batch_size": 2, "optimizer": "adamw", "learning_rate": 1e-3},
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Four noisy images of 32 pixels whose right half is class 1."""
    folder, rows = tmp_path_factory.mktemp("images"), []
    mask = np.repeat(np.array([[0, 1]], np.uint8), 16, axis=1).repeat(32, axis=0)
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 100, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise + 150 * mask[..., None]).save(folder / f"{number}.png")
        facts = {"image_id": str(number), "image": folder / f"{number}.png", "split": "train", "labels": "cat"}
        rows.append(facts | {"height": 32, "width": 32, "orientation": 1, "sha256": ""})
    write_rows(folder / "train_aug.csv", rows, PART_COLUMNS)
    (folder / CLASSES).write_text(json.dumps({"classes": ["cat"], "file_ids": [1]}))
    masks = {str(number): str(folder / "masks" / f"{number}.png") for number in range(4)}
    listed = [{"image_id": name, "sha256": write_mask(folder / "masks" / f"{name}.png", mask)} for name in masks]
    write_mask_list(folder / "masks" / "1-of-1.csv", listed)
    truth = {"ids": {"0": 0, "1": 1}, "other_ids": "error", "colors": None, "turned": {}, "masks": masks}
    (folder / "truth.json").write_text(json.dumps(truth))
    return Inputs(folder / "train_aug.csv", [folder / "masks" / "1-of-1.csv"], None)


def test_a_training_that_is_watched_and_killed_ends_with_the_bytes_of_the_stage(inputs, tmp_path, monkeypatch):
    names = ("weights.safetensors", "history.csv", "state")
    jobs = [TrainingJob(*(tmp_path / n / name for name in names), "", device="cpu") for n in "abc"]
    stage.run(index=inputs.index, masks=inputs.masks, settings=SETTINGS, schedule="scale", job=jobs[0])
    truth = GroundTruth(inputs.index, inputs.index.with_name("truth.json"))
    val = Split(read_index(inputs.index).records, truth, 2)
    _, found = trained(SETTINGS, "scale", inputs, jobs[1], val, [1, 3, 4])
    assert jobs[0].output.read_bytes() == jobs[1].output.read_bytes()
    assert list(found) == [1, 3, 4]
    assert all(0 <= value <= 100 for value in found.values())

    score, scored = watched_segmenter.miou, []

    def killed_at_the_second(*network_and_images):
        scored.append(score(*network_and_images))
        if len(scored) == 2:
            raise KeyboardInterrupt
        return scored[-1]

    monkeypatch.setattr(loop, "SECONDS_BETWEEN_STATES", 0)
    monkeypatch.setattr(watched_segmenter, "miou", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        trained(SETTINGS, "scale", inputs, jobs[2], val, [1, 3, 4])
    for _ in range(2):  # from its state, then from its weights
        assert trained(SETTINGS, "scale", inputs, jobs[2], val, [1, 3, 4])[1] == found
        assert jobs[0].output.read_bytes() == jobs[2].output.read_bytes()


def test_a_length_multiplies_the_steps_of_all_schedules_and_same_pixels_takes_more():
    config, sizes = load(yaml.safe_load((ROOT / "config.yaml").read_text())), [(96, 96)] * 224
    steps = {
        case: scale_scheduling.settings_of(config, case, sizes).training.num_steps(len(sizes))
        for case in scale_scheduling.cases([3, 1], scale_scheduling.SCHEDULES, [0.25, 0.5], [0])
    }
    assert [case.length for case in steps] == [1] * 5 + [3] * 5
    for case, number in steps.items():
        expected = 112 * case.length
        assert number > expected if case.schedule == "scale_same_pixels" else number == expected
    assert len(set(steps.values())) == 6
    baseline = next(iter(steps))
    assert scale_scheduling.settings_of(config, baseline, sizes) == stage.TrainSettings(
        **config.segmenter.narrowed_to(TrainSettings).model_dump(exclude={"scale_schedule"})
    )


@pytest.mark.parametrize(("steps", "points"), [(112, [28, 56, 84, 112]), (5, [1, 2, 4, 5]), (2, [1, 2]), (1, [1])])
def test_points_are_spread_evenly_and_end_with_the_training(steps, points):
    assert scale_scheduling.even_points(steps, 4) == points


def test_a_study_that_is_stopped_goes_on_with_what_is_missing(tmp_path):
    done, path = [], tmp_path / "rows" / "a.csv"

    def train(folder):
        key, state = folder.name, folder / "state"
        if key == "b" and not state.exists():
            state.write_text("half")
            done.append("stopped")
            raise KeyboardInterrupt
        done.append(key)
        return [{"key": key, "step": step} for step in (1, 2)]

    trainings = [(key, key, train) for key in "abc"]
    with pytest.raises(KeyboardInterrupt):
        result_rows.do_missing(path, trainings)
    result_rows.do_missing(path, trainings)
    assert done == ["a", "stopped", "b", "c"]
    assert [*(path.parent / "unfinished").iterdir()] == []
    with path.open(newline="") as file:
        assert [row["key"] + row["step"] for row in csv.DictReader(file)] == ["a1", "a2", "b1", "b2", "c1", "c2"]


def rows(schedule, fraction, seed, values, key, final=""):
    last = len(values)
    return [
        {"run": "demo", "method": "ours", "schedule": schedule, "fraction": fraction, "length": "3", "seed": seed}
        | {"steps": str(last), "step": str(step), "val_miou": str(value), "key": key, "final": "ms_crf"}
        | {"train_miou": str(value) if step == last else "", "final_miou": final if step == last else ""}
        for step, value in enumerate(values, start=1)
    ]


STUDY = [
    *rows("baseline", "0.0", "0", [10, 20], "a", "30"),
    *rows("baseline", "0.0", "1", [12, 24], "b", "34"),
    *rows("scale", "0.5", "0", [1, 2], "of other settings", "3"),
    *rows("scale", "0.5", "0", [8, 21], "c", "31"),
    *rows("scale", "0.5", "1", [9, 23], "d"),
]


def test_the_table_holds_differences_seed_by_seed_of_the_last_training_of_each():
    assert list(table(STUDY))[2:] == [
        "| demo | ours | 3x | baseline |  | 2 | 2 | 22.0 ± 2.8 |  | 32.0 ± 2.8 |  | 22.0 ± 2.8 |  |",
        "| demo | ours | 3x | scale | 50% | 2 | 2 | 22.0 ± 1.4 | +0.0 ± 1.4 | 31.0 | +1.0 | 22.0 ± 1.4 | +0.0 ± 1.4 |",
    ]
    assert len({line.count("|") for line in table(STUDY)}) == 1


def test_equal_rows_give_a_picture_of_equal_bytes(tmp_path):
    drawn = chart(STUDY)
    assert [line.label for line in drawn.panels[0].lines] == ["baseline", "scale, 50%"]
    assert drawn.panels[0].lines[1].y == [8.5, 22]
    for name in ("a.svg", "b.svg"):
        draw_chart([tmp_path / name], chart(STUDY))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
