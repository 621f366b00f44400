"""Exports as jobs of the workflow, and of all that a run leaves."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from orandnet import cli
from orandnet.clean.stale import stale_files
from orandnet.config.sections import load
from orandnet.dataset.index import read_index, read_rows
from orandnet.export.archive import read_archive
from orandnet.files.store import CamStore
from orandnet.maps.grid import resize_scores
from orandnet.plan.artifacts import packed
from orandnet.settings import deep_update

pytestmark = pytest.mark.pipeline

PACK = "results/tiny/export/pack/train_000001.zip"


def test_the_target_export_makes_what_the_config_names_and_needs_for_every_seed(fresh):
    exports = {"irn": ["ours"], "npz": ["vit", "ours+irn"], "voc": ["naive"]}
    config = fresh.config({"export": exports, "seeds": [0, 1]})
    jobs = fresh.planned("--configfile", config, "--", "export")
    assert {rule: count for rule, count in jobs.items() if rule.startswith("export_")} == {
        "export_irn": 1 * 2 * 2,  # methods, seeds, shards
        "export_npz": 2 * 2 * 2,
        "export_voc": 1 * 2,
    }
    assert jobs["pseudo_mask"] == 2 * 2
    assert not {"segmenter", "prediction", "evaluation_cam"} & jobs.keys()


def test_an_export_of_nothing_and_of_an_unknown_method_say_so(fresh):
    code, printed = fresh.snakemake("--dry-run", "--configfile", "tiny.yaml", "--", "export")
    assert code != 0
    assert "export: names no methods" in printed
    code, printed = fresh.snakemake("-n", "--configfile", "tiny.yaml", "--", "results/tiny/export/voc/x/seed0/list.csv")
    assert code != 0
    assert "MissingRuleException" in printed


def test_a_bug_report_starts_no_training(fresh):
    jobs = fresh.planned("--configfile", "tiny.yaml", "--", PACK)
    assert {rule for rule in jobs if not rule.startswith("dataset")} == {"export_pack"}
    fresh.run("--cores", 1, "--configfile", "tiny.yaml", "--", PACK)
    members = read_archive(fresh.folder / PACK)
    assert members.keys() == {"trail.json", "image/train_000001.jpg"}
    assert json.loads(members["trail.json"])["config"]["run"] == "tiny"


def test_the_trail_of_a_finished_run_holds_every_store_and_mask_of_the_image_but_the_true_one(
    finished, tmp_path, monkeypatch
):
    monkeypatch.chdir(finished.folder)  # the index names images from there
    index = finished.results / "dataset/index.csv"
    for image_id in ("train_000001", "val_000001"):
        trail = tmp_path / f"{image_id}.zip"
        place = ("--index", str(index), "--results", str(finished.results))
        cli.main(["export", "pack", "--image-id", image_id, *place, "--output", str(trail)])
        cli.main(["export", "show", "--pack", str(trail), "--output", str(tmp_path / image_id)])
        assert trail.stat().st_size < 100_000
        members = read_archive(trail)
        (row,) = (row for row in read_rows(index) if row["image_id"] == image_id)
        assert (finished.folder / row["mask"]).read_bytes() not in members.values()
        about = json.loads(members["trail.json"])
        assert all(facts["code"] and facts["versions"] for facts in about["artifacts"].values())
        assert {facts["stage"] for facts in about["networks"].values()} == {
            *("classifier", "orandnet train", "irn train", "segmenter")
        }
        if image_id.startswith("train"):
            stores = {name.rpartition("/")[0] for name in about["artifacts"] if name.endswith(".npz")}
            assert len(stores) == 10
            methods = {name.split("/")[1] for name in about["artifacts"] if name.startswith("pseudo_mask/")}
            assert methods == {"naive", "ours", "ours+irn"}
        else:
            assert len(about["artifacts"]) == 3 * 2 * 4  # methods, schedules, variants


def test_the_maps_of_a_finished_run_are_the_same_in_irn_s_files(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.folder)
    index, shard = finished.results / "dataset/index.csv", finished.results / "irn/ours/seed0/walk/2-of-2.npz"
    output = tmp_path / "irn" / "2-of-2.csv"
    cli.main(["export", "irn", "--index", str(index), "--cams", str(shard), "--output", str(output)])
    store = CamStore([shard])
    assert sorted(path.stem for path in output.parent.glob("*.npy")) == sorted(store.image_ids)
    sizes = {record.image_id: record.size for record in read_index(index).records}
    for image_id in store.image_ids:
        content = np.load(output.with_name(f"{image_id}.npy"), allow_pickle=True).item()
        cam = store[image_id]
        assert (content["keys"].numpy() + 1).tolist() == cam.classes.tolist()
        np.testing.assert_array_equal(content["cam"].numpy(), cam.scores)
        np.testing.assert_array_equal(content["high_res"], resize_scores(cam.scores, sizes[image_id]))


def test_a_finished_run_holds_what_its_plan_lists_and_of_another_config_the_rest_is_stale(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    config = yaml.safe_load((finished.folder / "tiny.yaml").read_text())
    results = Path("results/tiny")
    assert stale_files(load(config), results) == []
    changed = load(deep_update(config, {"shards": 1, "ensembles": {"naive": {"output": "or"}}}) | {"seeds": [0]})
    stale = {path.relative_to(results).as_posix() for path in stale_files(changed, results)}
    assert {"cam/vit/seed0/1-of-2.npz", "pseudo_mask/ours/seed0/2-of-2.csv", "irn/ours/seed0/walk/1-of-2.npz"} <= stale
    assert {name.split("/")[0] for name in stale} == {"cam", "fusion", "orandnet", "irn", "pseudo_mask", "prediction"}
    assert not any("weights" in name or "summary" in name for name in stale)
    assert results / "classifier/vit/seed0/weights.safetensors" in stale_files(load(config | {"seeds": [1]}), results)


def test_a_pack_holds_nothing_of_an_older_config(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.folder)
    place = ("--index", "results/tiny/dataset/index.csv", "--results", "results/tiny")
    same, changed = (yaml.safe_load((finished.folder / "tiny.yaml").read_text()) for _ in range(2))
    changed["shards"], changed["segmenter"]["methods"] = 4, {"ours": "ours"}
    found = {}
    for name, config in (("same", same), ("changed", changed)):
        trail = tmp_path / f"{name}.zip"
        arguments = ("--image-id=train_000001", *place, "--output", str(trail), "--planned", *packed(load(config)))
        cli.main(["export", "pack", *arguments])
        found[name] = json.loads(read_archive(trail)["trail.json"])
    assert len(found["same"]["artifacts"]) > 10
    assert found["changed"]["artifacts"] == {}  # all of it lies in shards of two
    assert {name.split("/")[1] for name in found["changed"]["networks"] if name.startswith("segmenter/")} == {"ours"}
