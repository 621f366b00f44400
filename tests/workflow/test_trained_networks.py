"""What a run has trained, used on images of its own as if they were new: every byte is the run's."""

import csv
import shutil
import subprocess
import sys

import numpy as np
import pytest

import orandnet
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import read_index
from orandnet.files.mask import read_mask
from orandnet.files.store import CamStore

pytestmark = pytest.mark.pipeline
VARIANTS = ("ss", "ms", "ss_crf", "ms_crf")
SEGMENTER = "ours/scale/seed0"


def copied(finished, split, folder):
    """Copy the images of a split into a folder and return their records."""
    records = read_index(finished.results / f"dataset/{split}.csv").records
    folder.mkdir()
    for record in records:
        shutil.copy(finished.folder / record.image, folder)
    return records


def command(finished, *arguments):
    line = [sys.executable, "-m", "orandnet", *map(str, arguments), "--device", "cpu"]
    done = subprocess.run(line, cwd=finished.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_masks_of_the_folder_are_those_of_the_run(finished, tmp_path, variant):
    records = copied(finished, "val", tmp_path / "images")
    weights = f"results/tiny/segmenter/{SEGMENTER}/weights.safetensors"
    options = ("--images", tmp_path / "images", "--output", tmp_path / "out", "--variant", variant)
    command(finished, "predict", "--weights", weights, *options)
    for record in records:
        its = finished.results / "prediction" / SEGMENTER / "val" / variant / f"{record.image_id}.png"
        assert (tmp_path / "out" / its.name).read_bytes() == its.read_bytes()


def test_masks_of_arrays_are_those_of_the_run(finished):
    model = orandnet.load(finished.results / "segmenter" / SEGMENTER / "weights.safetensors", device="cpu")
    index = read_index(finished.results / "dataset/val.csv")
    assert model.class_names == ("background", *index.class_names)
    for record in index.records:
        its = finished.results / "prediction" / SEGMENTER / "val/ms_crf" / f"{record.image_id}.png"
        np.testing.assert_array_equal(model.predict(read_rgb(finished.folder / record.image)), read_mask(its))


@pytest.mark.parametrize("source", ["resnet50", "vit"])
def test_cams_of_the_folder_are_those_of_the_run(finished, tmp_path, source):
    records = copied(finished, "train_aug", tmp_path / "images")
    names = read_index(finished.results / "dataset/train_aug.csv").class_names
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = ((r.image_id, ";".join(names[class_id - 1] for class_id in r.classes)) for r in records)
        csv.writer(file).writerows((("image_id", "labels"), *rows))
    weights = f"results/tiny/classifier/{source}/seed0/weights.safetensors"
    options = ("--images", tmp_path / "images", "--output", tmp_path / "out", "--labels", tmp_path / "labels.csv")
    command(finished, "cam", "--weights", weights, *options)
    store = CamStore([finished.results / f"cam/{source}/seed0/{i}-of-2.npz" for i in (1, 2)])
    for record in records:
        with np.load(tmp_path / "out" / f"{record.image_id}.npz", allow_pickle=False) as mine:
            np.testing.assert_array_equal(mine["classes"], store[record.image_id].classes)
            np.testing.assert_array_equal(mine["scores"], store[record.image_id].scores)
