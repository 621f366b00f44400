"""The tiny run: every stage for real, from nothing to tables, figures and report."""

import base64
import csv
import json
import re
import zipfile
from collections import Counter
from itertools import product

import numpy as np
import pytest
from PIL import Image

from checkout import Checkout
from orandnet.dataset.index import read_index
from orandnet.files.manifest import sha256
from orandnet.files.mask_colors import voc_palette
from orandnet.files.store import CamStore
from orandnet.maps.grid import grid_shape
from orandnet.plan.targets import CHARTS

pytestmark = pytest.mark.pipeline

SHARDS = ("1-of-2", "2-of-2")
STORES = (
    "cam/resnet50/seed0",
    "cam/vit/seed0",
    *(f"fusion/{name}/seed0/{operator}" for name in ("naive", "ours") for operator in ("or", "and", "mean")),
    "orandnet/ours/seed0/cam",
    "irn/ours/seed0/walk",
)
CAM_METHODS = ("resnet50", "vit", "naive", "ours", "ours-or", "ours-and", "ours+irn")
TRAININGS = tuple(product(("fsss", "naive", "ours"), ("baseline", "scale")))
VARIANTS = ("ss", "ms", "ss_crf", "ms_crf")
CLASSIFIERS = tuple(f"classifier/{source}/seed0" for source in ("resnet50", "vit"))
SEGMENTERS = tuple(f"segmenter/{method}/{schedule}/seed0" for method, schedule in TRAININGS)
NETWORKS = (*CLASSIFIERS, "orandnet/ours/seed0", "irn/ours/seed0", *SEGMENTERS)
RULES = ("otsu", "fixed", "best_miou", "precision_ge_recall")
TABLES = (
    "table1_pseudo_masks",
    "table2_segmentation",
    "table2_variants",
    "table3_scale_scheduling",
    "ensembles_and_members",
)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def columns(path):
    return ",".join(rows(path)[0])


def test_every_network_left_weights_and_a_history(finished):
    for folder in NETWORKS:
        history = rows(finished.results / folder / "history.csv")
        assert [row["epoch"] for row in history] == ["0"]
        assert np.isfinite(float(history[0]["loss"]))
        assert (finished.results / folder / "weights.safetensors").stat().st_size > 0


@pytest.mark.parametrize("folder", STORES)
def test_every_store_holds_each_training_image_once_with_its_labels_on_one_grid(finished, folder):
    records = read_index(finished.results / "dataset/index.csv").subset("train_aug")
    store = CamStore([finished.results / folder / f"{shard}.npz" for shard in SHARDS])
    assert store.image_ids == [record.image_id for record in records]
    assert len(records) == 24
    for record in records:
        cam = store[record.image_id]
        assert tuple(cam.classes) == record.classes
        assert cam.size == record.size
        assert cam.scores.shape == (len(record.classes), *grid_shape(record.size))
        assert cam.scores.min() >= 0
        assert cam.scores.max() <= 1


def test_shards_are_plain_uncompressed_arrays_of_half_precision(finished):
    shard = finished.results / "fusion/ours/seed0/or/1-of-2.npz"
    with zipfile.ZipFile(shard) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
    with np.load(shard, allow_pickle=False) as arrays:
        assert {str(arrays[name].dtype) for name in arrays.files if name.endswith("scores")} == {"float16"}


def masks_of(finished, folder, variants=("",)):
    """Return variant -> image id -> mask, after checking the lists and the files' format."""
    listed = [row for shard in SHARDS for row in rows(finished.results / folder / f"{shard}.csv")]
    found = {variant: {} for variant in variants}
    for row in listed:
        path = finished.results / folder / row["variant"] / f"{row['image_id']}.png"
        assert sha256(path) == row["sha256"]
        with Image.open(path) as image:
            assert image.mode == "P"
            palette = image.getpalette()
            assert palette == voc_palette()[: len(palette)]
            found[row["variant"]][row["image_id"]] = np.asarray(image)
    return found


@pytest.mark.parametrize("folder", ["pseudo_mask/naive/seed0", "pseudo_mask/ours+irn/seed0", "irn/ours/seed0/labels"])
def test_masks_of_training_images_are_palette_images_of_the_images_size_and_labels(finished, folder):
    records = read_index(finished.results / "dataset/index.csv").subset("train_aug")
    masks = masks_of(finished, folder)[""]
    assert list(masks) == [record.image_id for record in records]
    for record in records:
        assert masks[record.image_id].shape == record.size
        assert set(np.unique(masks[record.image_id])) <= {0, 255, *record.classes}


@pytest.mark.parametrize(("method", "schedule"), TRAININGS)
def test_every_segmenter_predicts_every_validation_image_in_every_variant(finished, method, schedule):
    records = read_index(finished.results / "dataset/index.csv").subset("val")
    masks = masks_of(finished, f"prediction/{method}/{schedule}/seed0/val", VARIANTS)
    for variant in VARIANTS:
        assert {name: mask.shape for name, mask in masks[variant].items()} == {
            record.image_id: record.size for record in records
        }
        assert max(mask.max() for mask in masks[variant].values()) <= 6


def test_the_index_has_its_columns_and_splits(finished):
    index = rows(finished.results / "dataset/index.csv")
    assert ",".join(index[0]) == "image_id,image,mask,split,height,width,labels"
    assert Counter(row["split"] for row in index) == {"train": 12, "train_aug": 12, "val": 8}


@pytest.mark.parametrize("method", CAM_METHODS)
def test_every_map_is_scored_at_every_threshold_and_by_every_rule(finished, method):
    folder = finished.results / "evaluation/cam" / method / "seed0"
    assert columns(folder / "curve.csv") == "background_threshold,miou,precision,recall,predicted_classes"
    assert columns(folder / "per_class.csv") == "threshold_rule,class,iou,precision,recall"
    assert columns(folder / "summary.csv") == (
        "threshold_rule,background_threshold,miou,precision,recall,legacy20_miou,legacy20_precision,legacy20_recall,"
        "tuned_on_ground_truth"
    )
    assert len(rows(folder / "curve.csv")) == 101
    assert [row["threshold_rule"] for row in rows(folder / "summary.csv")] == list(RULES)
    assert [row["tuned_on_ground_truth"] for row in rows(folder / "summary.csv")] == ["false", "false", "true", "true"]
    assert len(rows(folder / "per_class.csv")) == len(RULES) * 7


@pytest.mark.parametrize(("method", "schedule"), TRAININGS)
def test_every_prediction_is_scored_in_every_variant(finished, method, schedule):
    folder = finished.results / "evaluation/prediction" / method / schedule / "seed0/val"
    assert columns(folder / "summary.csv") == (
        "variant,miou,precision,recall,legacy20_miou,legacy20_precision,legacy20_recall"
    )
    assert columns(folder / "per_class.csv") == "variant,class,iou,precision,recall"
    assert [row["variant"] for row in rows(folder / "summary.csv")] == list(VARIANTS)
    assert all(0 <= float(row["miou"]) <= 100 for row in rows(folder / "summary.csv"))


def test_table_1_has_every_method_under_every_rule_and_of_scenes_no_published_numbers(finished):
    path = finished.results / "tables/table1_pseudo_masks.csv"
    table = rows(path)
    methods = ("resnet50", "vit", "naive", "ours", "ours+irn")
    assert columns(path) == (
        "method,threshold_rule,background_threshold,miou,miou_sd,precision,precision_sd,recall,recall_sd,num_seeds,"
        "published_miou,published_precision,published_recall"
    )
    assert [(row["method"], row["threshold_rule"]) for row in table] == list(product(methods, RULES))
    assert all(row[metric] for row in table for metric in ("miou", "precision", "recall"))
    assert not any(row["published_precision"] for row in table)


def test_table_2_has_the_measured_methods_and_of_scenes_no_literature(finished):
    path = finished.results / "tables/table2_segmentation.csv"
    table = rows(path)
    assert columns(path) == "method,stage,supervision,val,val_sd,test,num_seeds,published_val,published_test"
    assert [row["method"] for row in table] == ["fsss", "naive", "ours"]
    assert [row["supervision"] for row in table] == ["F", "I", "I"]
    assert all(row["val"] for row in table)


def test_table_2_by_inference_has_every_training_with_and_without_crf_at_one_and_several_scales(finished):
    table = rows(finished.results / "tables/table2_variants.csv")
    inferences = [("ss", "no"), ("ms", "no"), ("ss", "yes"), ("ms", "yes")]
    found = [((row["method"], row["schedule"]), (row["scales"], row["crf"])) for row in table]
    assert sorted(found) == sorted(product(TRAININGS, inferences))
    assert all(row["miou"] and row["split"] == "val" for row in table)


def test_table_3_has_both_schedules_of_every_method(finished):
    path = finished.results / "tables/table3_scale_scheduling.csv"
    assert columns(path) == (
        "method,baseline,baseline_sd,scale_scheduling,scale_scheduling_sd,num_seeds,published_baseline,"
        "published_scale_scheduling"
    )
    assert [row["method"] for row in rows(path)] == ["fsss", "naive", "ours"]
    assert all(row["baseline"] and row["scale_scheduling"] for row in rows(path))


def test_figures_are_files_for_the_screen_and_for_papers(finished):
    with Image.open(finished.results / "figures" / "panels_ours.png") as image:
        assert min(image.size) > 200
        assert len(np.unique(np.asarray(image.convert("L")))) > 20
    drawn = {path.stem for path in (finished.results / "figures").glob("*.svg")}
    assert drawn == {*CHARTS, "curves_ours", "per_class_ours"}
    for name in (*drawn, "panels_ours"):
        assert (finished.results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_every_artifact_has_a_manifest_that_tells_how_it_was_made(finished):
    manifests = {path: json.loads(path.read_text()) for path in finished.results.rglob("*.manifest.json")}
    covered = {output for manifest in manifests.values() for output in manifest["outputs"]}
    artifacts = {
        str(path.relative_to(finished.folder))
        for path in finished.results.rglob("*")
        if path.suffix in (".safetensors", ".npz", ".csv") and "scenes" not in path.parts
    }
    assert artifacts <= covered
    for manifest in manifests.values():
        facts = {"stage", "settings", "code", "inputs", "outputs", "random_seed", "versions", "device"}
        assert facts | {"wall_seconds", "cpu_seconds", "start_cpu_seconds", "peak_memory_mib"} <= manifest.keys()
        assert all(sha256(finished.folder / path) == digest for path, digest in manifest["outputs"].items())


def test_nothing_unfinished_is_left_behind(finished):
    hidden = [path for path in finished.results.rglob("*") if path.name.startswith(".")]
    assert hidden == []


def test_files_are_readable_by_whoever_may_read_the_folder(finished):
    modes = {path.stat().st_mode & 0o777 for path in finished.results.rglob("*") if path.is_file()}
    assert len(modes) == 1


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in finished.run("--cores", 2, "--configfile", "tiny.yaml")


def test_the_report_of_snakemake_shows_the_page_the_tables_and_the_panels(finished):
    finished.run("--configfile", "tiny.yaml", "--report", "report.html")
    page = (finished.folder / "report.html").read_text()
    files = ["report.html", *(f"tables/{table}.html" for table in TABLES), "figures/panels_ours.png"]
    for name in files:
        content = base64.b64encode((finished.results / name).read_bytes()).decode()
        assert content in page, name
    assert str(finished.folder.parent) not in page  # no folder of this machine
    assert not re.search(r'<(script|link)[^>]+(src|href)="https?:', page)  # opens without a network


def test_the_workflow_runs_from_any_folder(finished, tmp_path):
    config = finished.folder / "tiny.yaml"
    there = ("--configfile", config, "--snakefile", finished.folder / "Snakefile", "--directory", finished.folder)
    assert finished.planned(*there, cwd=tmp_path) == {}
    index = "results/tiny/dataset/index.csv"
    here = ("--cores", 1, "--configfile", config, "--snakefile", finished.folder / "workflow/Snakefile", index)
    finished.run(*here, cwd=tmp_path)
    assert (tmp_path / index).read_bytes() == (finished.folder / index).read_bytes()


def test_a_bare_dry_run_in_a_new_checkout_lists_the_jobs_of_the_default_run(fresh: Checkout):
    jobs = fresh.planned()
    assert jobs["dataset"] == jobs["tables"] == 1
    assert "segmenter" in jobs
