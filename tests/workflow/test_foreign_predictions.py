"""Predictions and pseudo masks of another program in a run: rows of table 2, and what a segmenter learns from."""

import csv

import numpy as np
import pytest
import yaml
from PIL import Image

from checkout import TINY, Checkout
from orandnet.files.mask import MaskList
from orandnet.files.store import CamStore

pytestmark = pytest.mark.pipeline

SHARDS = ("1-of-2", "2-of-2")
TINY_CONFIG = yaml.safe_load(TINY.read_text())
RUN = {
    **TINY_CONFIG,
    "run": "foreign",
    "sources": {"theirs": {"kind": "import", "path": "masks", "format": "hard_png"}},
    "ensembles": {},
    "irn": {},
    "segmenter": {
        **TINY_CONFIG["segmenter"],
        "methods": {"theirs": "theirs"},
        "schedules": ["baseline"],
        "initial_source": None,
    },
    "predictions": {
        "pictures": {"path": "pictures", "format": "png", "variant": "ss_crf", "suffix": "_crf"},
        "numbers": {"path": "numbers", "format": "logits"},
    },
    "report": {"segmentation_schedule": "baseline"},
}
TARGETS = [f"results/foreign/tables/{name}.csv" for name in ("table2_segmentation", "table2_variants")]


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def foreign(finished: Checkout) -> Checkout:
    """Return the checkout in which what the tiny run made was left as by other programs, and read by another run."""
    predicted = MaskList([finished.results / f"prediction/naive/scale/seed0/val/{shard}.csv" for shard in SHARDS])
    masks = MaskList([finished.results / f"pseudo_mask/naive/seed0/{shard}.csv" for shard in SHARDS])
    for folder in ("pictures", "numbers", "masks"):
        (finished.folder / folder).mkdir()
    for image_id in predicted.image_ids:
        Image.fromarray(predicted.read(image_id, "ss_crf")).save(finished.folder / f"pictures/{image_id}_crf.png")
        logits = np.eye(7, dtype=np.float16)[predicted.read(image_id, "ss")].transpose(2, 0, 1)[None]
        np.save(finished.folder / f"numbers/{image_id}.npy", {"msc_seg": logits}, allow_pickle=True)
    for image_id in masks.image_ids:
        Image.fromarray(masks.read(image_id)).save(finished.folder / f"masks/{image_id}.png")
    finished.run("--cores", 2, "--configfile", finished.write_config(RUN), "--", *TARGETS)
    return finished


def test_they_are_scored_as_the_originals_and_stand_in_table_2(foreign):
    variants = rows(foreign.results / "tables/table2_variants.csv")
    scores = ("miou", "precision", "recall")
    original = {
        row["crf"]: [row[score] for score in scores]
        for row in variants
        if (row["method"], row["schedule"], row["scales"]) == ("naive", "scale", "ss")
    }
    results = foreign.folder / "results/foreign"
    found = {
        row["method"]: row for row in rows(results / "tables/table2_variants.csv") if row["schedule"] == "imported"
    }
    assert {name: row["crf"] for name, row in found.items()} == {"pictures": "yes", "numbers": "no"}
    for row in found.values():
        assert [row[score] for score in scores] == original[row["crf"]]
    table2 = rows(results / "tables/table2_segmentation.csv")
    assert [(row["method"], row["stage"], row["inference"]) for row in table2] == [
        ("theirs", "1", "ms_crf"),
        ("pictures", "", "ss_crf"),
        ("numbers", "", "ss"),
    ]
    assert table2[1]["val"] == found["pictures"]["miou"]


def test_a_segmenter_learns_from_the_masks_of_another_program(foreign):
    results = foreign.folder / "results/foreign"
    assert (results / "segmenter/theirs/baseline/seed0/weights.safetensors").is_file()
    theirs = MaskList([foreign.results / f"pseudo_mask/naive/seed0/{shard}.csv" for shard in SHARDS])
    ours = MaskList([results / f"pseudo_mask/theirs/seed0/{shard}.csv" for shard in SHARDS])
    store = CamStore([results / f"cam/theirs/imported/{shard}.npz" for shard in SHARDS])
    assert ours.image_ids == store.image_ids
    equal = [theirs.read(image_id) == ours.read(image_id) for image_id in ours.image_ids]
    assert np.mean([one.mean() for one in equal]) > 0.97  # on a grid of 4 pixels


def test_changed_predictions_are_scored_again_and_nothing_else(foreign):
    config = foreign.write_config(RUN)
    assert foreign.planned("--configfile", config, "--", *TARGETS) == {}
    changed = {
        **RUN,
        "predictions": {**RUN["predictions"], "numbers": {**RUN["predictions"]["numbers"], "variant": "ms"}},
    }
    planned = foreign.planned("--configfile", foreign.write_config(changed), "--", *TARGETS)
    assert planned == {"prediction_import": 2, "evaluation_prediction": 1, "tables": 1}


def test_a_fault_in_a_file_stops_the_run_before_any_training(foreign):
    (file, *_) = sorted((foreign.folder / "pictures").iterdir())
    content = file.read_bytes()
    Image.new("L", (9, 9)).save(file)
    config = foreign.write_config({**RUN, "run": "broken"})
    try:
        code, printed = foreign.snakemake(
            "--cores", 1, "--configfile", config, "--", TARGETS[0].replace("foreign", "broken")
        )
    finally:
        file.write_bytes(content)
    assert code == 1
    assert f"orandnet prediction: {file.relative_to(foreign.folder)}: is (9, 9) pixels, its image " in printed
    assert "rule segmenter:" not in printed
