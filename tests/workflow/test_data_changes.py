"""What runs again after a change of the data: what depends on it, and nothing else. Dry runs in two finished runs."""

import shutil
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
import yaml

from checkout import MINIMAL, Checkout, started
from orandnet.files.mask import write_mask
from orandnet.settings import deep_update
from voc_folder import SIZE, write_image, write_list, write_voc

pytestmark = pytest.mark.pipeline

# a source and its segmenter, and the test split; what a change of the data reaches does not depend on more
ONE_SOURCE = {"prediction": {"splits": ["val", "test"]}}
PAGE = Counter(report_page=1, tables_and_figures=1)
REPORT = Counter(tables=1, report_charts=1) + PAGE
CHECKS = Counter(dataset=1)


def settings(run, dataset, methods):
    base = yaml.safe_load(MINIMAL.read_text())
    source = next(iter(base["sources"]))
    content = deep_update(base, ONE_SOURCE) | {"run": run, "dataset": dataset, "ensembles": {}}
    content["sources"] = {source: base["sources"][source]}
    content["irn"] = {**content.get("irn", {}), "cams": []}
    content["segmenter"] |= {"methods": {**methods, "own": source}, "initial_source": None}
    return content


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    """Return a checkout with a finished run on a folder in VOC layout, the fully supervised reference included."""
    checkout = Checkout(tmp_path_factory.mktemp("voc") / "checkout")
    write_voc(checkout.folder / "voc")
    shutil.copytree(checkout.folder / "voc/SegmentationClass", checkout.folder / "voc/Other")
    dataset = {"kind": "voc", "root": "voc", "classes": ["cat", "dog"], "labels": "voc/labels.csv"}
    config = settings("voc", dataset, {"fsss": "ground_truth"})
    checkout.run("--cores", 2, "--configfile", checkout.write_config(config))
    return checkout, config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a checkout with a finished run on a folder with a CSV, without masks."""
    checkout = Checkout(tmp_path_factory.mktemp("folder") / "checkout")
    write_voc(checkout.folder / "source")
    shutil.copytree(checkout.folder / "source/JPEGImages", checkout.folder / "mine")
    rows = ["a1,cat,train", "a2,dog,train", "a3,cat;dog,train_aug", "b1,dog,val", "c1,,test"]
    (checkout.folder / "mine/labels.csv").write_text("\n".join(["image_id,labels,split", *rows]) + "\n")
    config = settings("folder", {"kind": "folder", "root": "mine", "labels": "mine/labels.csv"}, {})
    checkout.run("--cores", 2, "--configfile", checkout.write_config(config))
    return checkout, config


@contextmanager
def kept(folder):
    """Put a folder back as it was, file dates included."""
    copy = folder.with_name(f"{folder.name}.kept")
    shutil.copytree(folder, copy)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        copy.rename(folder)


def planned(run, changes=None):
    checkout, config = run
    return Counter(checkout.planned("--configfile", checkout.write_config(deep_update(config, changes or {}))))


def add_image(root, image_id):
    write_image(root, image_id, np.full((*SIZE, 3), 7, np.uint8))
    write_mask(root / "SegmentationClass" / f"{image_id}.png", np.zeros(SIZE, np.uint8))
    with (root / "labels.csv").open("a") as file:
        file.write(f"{image_id},cat\n")


def test_an_unchanged_run_has_nothing_to_do(voc, folder):
    assert planned(voc) == planned(folder) == {}


def test_other_masks_run_the_evaluation_the_report_and_the_fully_supervised_reference_again(voc):
    jobs = planned(voc, {"dataset": {"masks": "Other"}})
    supervised = Counter(segmenter=1, prediction=2)
    scored = Counter(dataset_ground_truth=2, evaluation_cam=1, evaluation_prediction=2)
    archive = Counter(submission=1)  # of the reference's test predictions
    assert jobs == scored + supervised + archive + CHECKS + REPORT


def test_masks_given_later_add_the_scores_and_train_nothing(folder):
    checkout, _ = folder
    with kept(checkout.folder / "mine") as root:
        for image_id in ("a1", "a2", "b1"):
            write_mask(root / "masks" / f"{image_id}.png", np.zeros(SIZE, np.uint8))
        jobs = planned(folder, {"dataset": {"masks": "masks"}})
    scored = Counter(dataset_ground_truth=2, evaluation_cam=1, evaluation_prediction=1)
    assert jobs == scored + CHECKS + REPORT


@pytest.mark.parametrize("split", ["val", "test"])
def test_another_image_to_predict_runs_its_split_again(voc, split):
    checkout, _ = voc
    with kept(checkout.folder / "voc") as root:
        add_image(root, "z9")
        write_list(root, split, ["b1" if split == "val" else "c1", "z9"])
        jobs = planned(voc)
    again = Counter(dataset_images=1, prediction=2)
    if split == "val":
        assert jobs == again + Counter(dataset_ground_truth=1, evaluation_prediction=2) + CHECKS + REPORT
    else:
        assert jobs == again + Counter(submission=2) + CHECKS + PAGE


@pytest.mark.parametrize("split", ["val", "test"])
def test_another_row_to_predict_runs_its_split_again(folder, split):
    checkout, _ = folder
    with kept(checkout.folder / "mine") as root:
        shutil.copy(root / "b1.jpg", root / "z9.jpg")
        with (root / "labels.csv").open("a") as file:
            file.write(f"z9,cat,{split}\n")
        jobs = planned(folder)
    again = Counter(dataset_images=1, prediction=1) + CHECKS + PAGE
    # the tables compare the list that is scored with VOC's, to know whether published numbers belong beside it
    assert jobs == again + Counter(tables=1 if split == "val" else 0)


def test_another_training_list_runs_the_rest_again(voc):
    checkout, _ = voc
    with kept(checkout.folder / "voc") as root:
        write_list(root, "train_aug", ["a1", "a2"])
        jobs = planned(voc)
    assert jobs["classifier"] == jobs["cam"] == jobs["pseudo_mask"] == jobs["evaluation_cam"] == 1
    assert jobs["segmenter"] == jobs["submission"] == 2
    assert jobs["prediction"] == 4
    assert jobs["dataset_images"] == 1


def test_another_label_of_a_training_image_runs_the_rest_again(folder):
    checkout, _ = folder
    with kept(checkout.folder / "mine") as root:
        text = (root / "labels.csv").read_text()
        (root / "labels.csv").write_text(text.replace("a1,cat,", "a1,cat;dog,"))
        jobs = planned(folder)
    assert jobs["dataset_images"] == jobs["classifier"] == jobs["segmenter"] == 1


def test_other_numbers_and_places_of_no_consequence_run_the_checks_and_the_page_that_shows_them(voc):
    jobs = planned(voc, {"dataset": {"expected_sizes": {"train": 2, "val": 1}}})
    assert jobs == CHECKS + PAGE


def test_checked_data_is_what_a_training_waits_for(voc):
    checkout, config = voc
    content = deep_update(config, {"run": "other", "dataset": {"expected_sizes": {"val": 77}}})
    code, printed = checkout.snakemake("--cores", 2, "--configfile", checkout.write_config(content))
    assert code == 1
    assert "the list val has 1 images, not the expected 77" in printed
    assert "classifier" not in started(printed)
