"""Predictions and pseudo masks of another program in a run: rows of table 2, and what a segmenter learns from."""

import csv

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from checkout import MINIMAL, Checkout, started
from orandnet.evaluation.confusion import confusion_matrix, scores
from orandnet.files.mask import MaskList, read_mask
from voc_folder import LABELS, SPLITS, write_voc

pytestmark = pytest.mark.pipeline

MINIMAL_CONFIG = yaml.safe_load(MINIMAL.read_text())
RUN = {
    **MINIMAL_CONFIG,
    "run": "foreign",
    "dataset": {"kind": "voc", "root": "voc", "classes": ["cat", "dog"], "labels": "voc/labels.csv"},
    "sources": {"theirs": {"kind": "import", "path": "masks", "format": "hard_png"}},
    "ensembles": {},
    "irn": {},
    "segmenter": {**MINIMAL_CONFIG["segmenter"], "methods": {"theirs": "theirs"}, "initial_source": None},
    "pseudo_mask": {"overrides": {"theirs": 0.5}},
    "predictions": {
        "pictures": {"path": "pictures", "format": "png", "variant": "ss_crf", "suffix": "_crf"},
        "numbers": {"path": "numbers", "format": "logits"},
    },
}
TARGETS = [f"results/foreign/tables/{name}.csv" for name in ("table2_segmentation", "table2_variants")]


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Checkout:
    """Return a checkout in which two programs left predictions of val, a third pseudo masks, and a run read them."""
    checkout = Checkout(tmp_path_factory.mktemp("foreign") / "checkout")
    write_voc(checkout.folder / "voc")
    for folder in ("pictures", "numbers", "masks"):
        (checkout.folder / folder).mkdir()
    truth = read_mask(checkout.folder / "voc/SegmentationClass/b1.png")
    Image.fromarray(np.roll(truth, 3, axis=1)).save(checkout.folder / "pictures/b1_crf.png")
    logits = torch.nn.functional.one_hot(torch.from_numpy(np.roll(truth % 255, 2, axis=0)).long(), 3)
    np.save(checkout.folder / "numbers/b1.npy", {"msc_seg": logits.permute(2, 0, 1)[None].half().numpy()})
    for image_id in SPLITS["train_aug"]:
        mask = np.zeros(truth.shape, np.uint8)
        mask[:8, :8] = 1 if "cat" in LABELS[image_id] else 2
        mask[:8, 8:] = 2 if "dog" in LABELS[image_id] else 1
        Image.fromarray(mask).save(checkout.folder / f"masks/{image_id}.png")
    checkout.run("--cores", 2, "--configfile", checkout.write_config(RUN), "--", *TARGETS)
    return checkout


def test_they_are_scored_as_they_are_and_stand_in_table_2(foreign):
    truth = read_mask(foreign.folder / "voc/SegmentationClass/b1.png")
    predicted = {"pictures": np.roll(truth, 3, axis=1), "numbers": np.roll(truth % 255, 2, axis=0)}
    expected = {name: scores(confusion_matrix(mask, truth, num_classes=3)) for name, mask in predicted.items()}
    results = foreign.folder / "results/foreign"
    variants = {
        row["method"]: row for row in rows(results / "tables/table2_variants.csv") if row["schedule"] == "imported"
    }
    assert {name: row["crf"] for name, row in variants.items()} == {"pictures": "yes", "numbers": "no"}
    for name, row in variants.items():
        assert float(row["miou"]) == pytest.approx(100 * expected[name].miou)
        assert float(row["precision"]) == pytest.approx(100 * expected[name].mean_precision)
    table2 = rows(results / "tables/table2_segmentation.csv")
    assert [(row["method"], row["stage"], row["inference"]) for row in table2] == [
        ("theirs", "1", "ms_crf"),
        ("pictures", "", "ss_crf"),
        ("numbers", "", "ss"),
    ]
    assert table2[2]["val"] == variants["numbers"]["miou"]
    assert float(table2[1]["val"]) > 30


def test_a_segmenter_learns_from_the_masks_of_another_program(foreign):
    results = foreign.folder / "results/foreign"
    assert (results / "segmenter/theirs/baseline/seed0/weights.safetensors").is_file()
    ours = MaskList([results / "pseudo_mask/theirs/seed0/1-of-1.csv"])
    assert ours.image_ids == SPLITS["train_aug"]
    for image_id in ours.image_ids:
        theirs = read_mask(foreign.folder / f"masks/{image_id}.png")
        assert (theirs == ours.read(image_id)).mean() > 0.95


def test_changed_predictions_are_scored_again_and_nothing_else(foreign):
    assert foreign.planned("--configfile", foreign.write_config(RUN), "--", *TARGETS) == {}
    numbers = RUN["predictions"]["numbers"] | {"variant": "ms"}
    changed = {**RUN, "predictions": {**RUN["predictions"], "numbers": numbers}}
    planned = foreign.planned("--configfile", foreign.write_config(changed), "--", *TARGETS)
    assert planned == {"prediction_import": 1, "evaluation_prediction": 1, "tables": 1}


def test_a_missing_file_is_named_before_any_job_runs_and_a_wrong_one_before_the_evaluation(foreign):
    file = foreign.folder / "pictures/b1_crf.png"
    content = file.read_bytes()
    arguments = ["--configfile", foreign.write_config(RUN), "--", *TARGETS]
    file.unlink()
    try:
        missing, told = foreign.snakemake("--dry-run", *arguments)
        Image.new("L", (9, 9)).save(file)
        code, printed = foreign.snakemake("--cores", 1, *arguments)
    finally:
        file.write_bytes(content)
    assert (missing, code) == (1, 1)
    assert "predictions.pictures: pictures: has 0 files <id>_crf.png, and none for 1 of 1 val images: b1; make" in told
    assert "orandnet prediction: pictures/b1_crf.png: is (9, 9) pixels, its image (12, 16) (H, W); save it" in printed
    assert "evaluation_prediction" not in started(printed)
