"""Imported CAMs in a run: they come out as they went in, and only a change of their files makes them anew."""

import os

import numpy as np
import pytest
import torch
import yaml

from checkout import TINY, Checkout, started
from orandnet.files.store import CamStore
from voc_folder import write_voc

pytestmark = pytest.mark.pipeline

SHARDS = ("1-of-2", "2-of-2")
FILES = {"kind": "import", "path": "cams", "format": "irn", "suffix": "_1"}
TINY_CONFIG = yaml.safe_load(TINY.read_text())
IMPORTS_ONLY = {
    **TINY_CONFIG,
    "run": "imported",
    "seeds": [0, 1],
    "sources": {"files": FILES, "masks": {"kind": "import", "path": "masks", "format": "arrays"}},
    "ensembles": {"naive": {"members": ["files", "masks"], "output": "mean"}, "ours": {"members": ["masks", "files"]}},
    "irn": {**TINY_CONFIG["irn"], "initial_source": None, "cams": ["files", "ours"]},
    "segmenter": {**TINY_CONFIG["segmenter"], "initial_source": None},
}
TARGETS = [
    *(f"results/imported/fusion/naive/seed1/mean/{shard}.npz" for shard in SHARDS),
    "results/imported/evaluation/cam/files/seed0/summary.csv",
]


def store(folder):
    return CamStore([folder / f"{shard}.npz" for shard in SHARDS])


@pytest.fixture(scope="module")
def imported(finished: Checkout) -> Checkout:
    """Return the checkout in which CAMs of the tiny run were written as IRN does and imported into another run."""
    for folder in ("cams", "masks"):
        (finished.folder / folder).mkdir()
    made = store(finished.results / "cam/resnet50/seed0")
    for image_id in made.image_ids:
        cam = made[image_id]
        content = {"keys": torch.from_numpy(cam.classes) - 1, "cam": torch.from_numpy(cam.scores)}
        np.save(finished.folder / f"cams/{image_id}_1.npy", content, allow_pickle=True)
        np.save(finished.folder / f"masks/{image_id}.npy", cam.scores > 0.5)
    finished.run("--cores", 2, "--configfile", finished.write_config(IMPORTS_ONLY), "--", *TARGETS)
    return finished


def test_an_imported_store_is_the_one_the_files_were_made_of(imported):
    original, found = (
        store(imported.results / "cam/resnet50/seed0"),
        store(imported.folder / "results/imported/cam/files/imported"),
    )
    assert found.image_ids == original.image_ids
    for image_id in original.image_ids:
        assert found[image_id].classes.tolist() == original[image_id].classes.tolist()
        assert found[image_id].size == original[image_id].size
        np.testing.assert_allclose(found[image_id].scores, original[image_id].scores, atol=2**-11)


def test_an_imported_cam_is_scored_as_the_original(imported):
    summaries = (
        imported.results / "evaluation/cam/resnet50/seed0/summary.csv",
        imported.folder / "results/imported/evaluation/cam/files/seed0/summary.csv",
    )
    assert len({path.read_text() for path in summaries}) == 1


def test_an_imported_cam_is_a_member_like_any_other(imported):
    results = imported.folder / "results/imported"
    fused, members = (
        store(results / "fusion/naive/seed1/mean"),
        [store(results / f"cam/{name}/imported") for name in ("files", "masks")],
    )
    for image_id in fused.image_ids:
        expected = (members[0][image_id].scores + members[1][image_id].scores) / 2
        np.testing.assert_allclose(fused[image_id].scores, expected, atol=2**-11)


def test_the_whole_run_trains_no_classifier_and_imports_once_for_all_seeds(imported):
    jobs = imported.planned("--configfile", imported.write_config({**IMPORTS_ONLY, "run": "another"}))
    assert "classifier" not in jobs
    assert "cam" not in jobs
    assert jobs["cam_import"] == 4
    assert jobs["fusion"] == 8
    assert jobs["irn"] == 4
    assert jobs["evaluation_cam"] == 2 + 2 * 6  # the imports once; naive, ours, OR, AND and two walks for both seeds


def test_changed_files_are_imported_again(imported):
    config = imported.write_config(IMPORTS_ONLY)
    assert imported.planned("--configfile", config, "--", *TARGETS) == {}
    (file, *_) = sorted((imported.folder / "cams").iterdir())
    dates = file.stat().st_atime_ns, file.stat().st_mtime_ns
    os.utime(file, ns=(0, 0))
    try:
        assert imported.planned("--configfile", config, "--", *TARGETS) == {
            "cam_import": 2,
            "fusion": 2,
            "pseudo_mask_otsu": 1,
            "evaluation_cam": 1,
        }
    finally:
        os.utime(file, ns=dates)
    assert imported.planned("--configfile", config, "--", *TARGETS) == {}


def test_a_fault_in_a_file_stops_the_run_before_any_training(imported):
    config = {**TINY_CONFIG, "run": "broken", "sources": {**TINY_CONFIG["sources"], "files": FILES}}
    (file, *_) = sorted((imported.folder / "cams").iterdir())
    content = file.read_bytes()
    np.save(file, {"keys": np.array([5]), "cam": np.ones((1, 9, 9))}, allow_pickle=True)
    try:
        code, printed = imported.snakemake("--cores", 1, "--configfile", imported.write_config(config))
    finally:
        file.write_bytes(content)
    assert code == 1
    assert f"orandnet cam: {file.relative_to(imported.folder)}: " in printed
    assert "cam_import" in started(printed)
    assert "classifier" not in started(printed)


def test_a_missing_image_is_named_before_any_job_runs(fresh):
    write_voc(fresh.folder / "voc")
    (fresh.folder / "cams").mkdir()
    np.save(fresh.folder / "cams/a1_1.npy", {0: np.ones((3, 4))}, allow_pickle=True)
    data = {"kind": "voc", "root": "voc", "classes": ["cat", "dog"], "labels": "voc/labels.csv"}
    sources = {**TINY_CONFIG["sources"], "files": FILES}
    code, printed = fresh.snakemake(
        "--cores", 1, "--configfile", fresh.write_config({**TINY_CONFIG, "dataset": data, "sources": sources})
    )
    assert code == 1
    assert "sources.files: cams: has 1 files <id>_1.npy, and none for 2 of 3 training images: a2, a3; " in printed
    assert not fresh.results.exists()
