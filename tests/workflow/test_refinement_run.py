"""The finished tiny run with refined methods added: only their jobs run, and they are in all that a run shows."""

import csv
import io
import shutil

import numpy as np
import pytest
from rich.console import Console

from checkout import Checkout
from orandnet.dataset.index import read_index
from orandnet.files.mask import MaskList
from orandnet.files.store import CamStore
from orandnet.report.screen import print_tables

pytestmark = pytest.mark.pipeline

REFINED = ("ours+crf", "vit+sam", "resnet50+superpixels")
SHARDS = ("1-of-2", "2-of-2")


@pytest.fixture(scope="module")
def refined(finished, tmp_path_factory) -> Checkout:
    """Return a copy of the finished run after its refinement; the segments are the halves of each image."""
    copy = Checkout(tmp_path_factory.mktemp("refined") / "copy")
    for part in ("results", ".snakemake"):
        shutil.copytree(finished.folder / part, copy.folder / part, dirs_exist_ok=True)
    (copy.folder / "segments").mkdir()
    for record in read_index(copy.results / "dataset/train_aug.csv").subset("train_aug"):
        left = np.arange(record.size[1]) < record.size[1] // 2
        halves = np.stack([left, ~left])[:, None].repeat(record.size[0], axis=1)
        np.savez_compressed(copy.folder / f"segments/{record.image_id}.npz", segments=halves)
    refinement = {
        "crf": {"cams": ["ours"]},
        "sam": {"cams": ["vit"], "path": "segments", "format": "npz"},
        "superpixels": {"cams": ["resnet50"], "algorithm": "slic", "num_segments": 30},
    }
    config = copy.config(
        {"refinement": refinement, "pseudo_mask": {"ignore_below": 0.999}, "export": {"voc": REFINED[:1]}}
    )
    jobs = copy.planned("--configfile", config)
    assert not {"classifier", "cam", "fusion", "orandnet", "irn", "segmenter", "prediction"} & jobs.keys()
    assert {name: jobs[name] for name in jobs if name.startswith("refinement")} == {
        "refinement_crf": 2,
        "refinement_sam": 2,
        "refinement_superpixels": 2,
    }
    copy.run("--cores", 2, "--configfile", config, "--", "all", "export")
    return copy


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("method", REFINED)
def test_refined_maps_have_the_size_of_the_image_and_its_labels(refined, method):
    records = read_index(refined.results / "dataset/index.csv").subset("train_aug")
    store = CamStore([refined.results / f"refinement/{method}/seed0/{shard}.npz" for shard in SHARDS])
    assert store.image_ids == [record.image_id for record in records]
    for record in records:
        cam = store[record.image_id]
        assert tuple(cam.classes) == record.classes
        assert cam.scores.shape == (len(record.classes), *record.size)
        if not method.endswith("+crf"):
            assert set(np.unique(cam.scores)) <= {0, 1}
        if method == "vit+sam" and len(record.classes) == 1:
            left, right = np.split(cam.scores[0], [record.size[1] // 2], axis=1)
            uniform = all(len(np.unique(half)) == 1 for half in (left, right))
            assert uniform or max(left.mean(), right.mean()) < 0.5  # of no half a half: the class keeps its pixels


def test_table_1_has_the_refined_rows_behind_their_own_and_the_share_that_is_kept(refined):
    path = refined.results / "tables/table1_pseudo_masks.csv"
    table = rows(path)
    assert list(dict.fromkeys(row["method"] for row in table)) == [
        *("resnet50", "resnet50+superpixels", "vit", "vit+sam", "naive", "ours", "ours+crf", "ours+irn"),
    ]
    assert ",recall,recall_sd,kept,kept_sd,num_seeds," in ",".join(table[0])
    kept = {row["method"]: float(row["kept"]) for row in table if row["threshold_rule"] == "otsu"}
    assert 0 < kept.pop("ours+crf") < 100
    assert set(kept.values()) == {100}
    screen = io.StringIO()
    print_tables([path], Console(file=screen, width=200))
    assert "kept" in screen.getvalue()
    assert "share of the pixels that the masks do not ignore" in screen.getvalue()


def test_masks_leave_out_what_the_crf_doubts_and_are_exported_and_shown(refined):
    records = read_index(refined.results / "dataset/index.csv").subset("train_aug")
    masks = MaskList([refined.results / f"pseudo_mask/ours+crf/seed0/{shard}.csv" for shard in SHARDS])
    found = [np.unique(masks.read(record.image_id)) for record in records]
    assert all(set(ids) <= {0, 255, *record.classes} for ids, record in zip(found, records, strict=True))
    assert any(255 in ids for ids in found)
    exported = rows(refined.results / "export/voc/ours+crf/seed0/list.csv")
    assert len(exported) == len(records)
    page = (refined.results / "report.html").read_text()
    assert all(method in page for method in REFINED)
    curves = (refined.results / "figures/curves_ours.svg").read_text()
    assert "ORANDNet + CRF" in curves


def test_a_missing_file_of_segments_is_named_before_any_job_and_a_changed_one_is_merged_again(refined):
    unknown = {"crf": {"cams": ["nothing"]}}
    code, printed = refined.snakemake("-n", "--configfile", refined.config({"refinement": unknown}))
    assert code != 0
    assert "refinement.crf.cams: 'nothing' is not made by this run; choose from" in printed
    nowhere = {"sam": {"cams": ["vit"], "path": "nowhere"}}
    code, printed = refined.snakemake("-n", "--configfile", refined.config({"refinement": nowhere}))
    assert code != 0
    assert "refinement.sam: path: nowhere is no folder; give that of the segments' files." in printed
