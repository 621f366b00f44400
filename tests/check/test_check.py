"""`orandnet check`: every fault of config, data, imported CAMs, networks and weights in one go, and no training."""

import json
import sys

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from orandnet.cli import main
from orandnet.config.merging import merged_config
from orandnet.config.sections import load
from voc_folder import write_voc

SMALL = {"model": "test_resnet", "pretrained": False}
CONFIG = {
    "run": "checked",
    "sources": {
        "cnn": {"kind": "cnn", "classifier": {"backbone": SMALL}},
        "vit": {
            "kind": "vit",
            "classifier": {"backbone": {"model": "test_vit", "pretrained": False}, "vit": {"patch_size": 8}},
        },
    },
    "ensembles": {"ours": {"members": ["cnn", "vit"]}},
    "orandnet": {"architecture": "unet"},
    "segmenter": {"backbone": SMALL},
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a folder with a data set in VOC layout and a config of it, to be changed and checked."""
    monkeypatch.chdir(tmp_path)
    data = write_voc(tmp_path / "voc")
    dataset = {"kind": "voc", "root": "voc", "classes": ["cat", "dog"], "labels": data.labels}

    def write(**changes):
        (tmp_path / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "dataset": dataset, **changes}))
        return tmp_path

    write()
    return write


def check(capsys, *options):
    """Return the exit code and the lines of `orandnet check config.yaml`."""
    code = 0
    try:
        main(["check", "config.yaml", *options])
    except SystemExit as stopped:
        code = stopped.code
    return code, capsys.readouterr().out.splitlines()


def test_a_config_without_faults_is_said_to_be_right(project, capsys):
    code, lines = check(capsys)
    assert (code, lines[-1]) == (0, "nothing is wrong")
    assert lines[0] == "config     ok: run checked, 2 sources, 1 ensembles, 3 segmenters"
    assert lines[1:3] == ["data       ok: voc", "networks   ok"]


def test_all_faults_of_the_data_are_listed_and_not_the_first_few(project, capsys):
    root = project()
    for image_id in ("a1", "a2", "b1", "c1"):
        (root / f"voc/JPEGImages/{image_id}.jpg").write_bytes(b"no image")
    with (root / "voc/ImageSets/Segmentation/train_aug.txt").open("a") as file:
        file.writelines(f"missing{number}\n" for number in range(7))
    code, lines = check(capsys)
    assert code == 1
    for name in ("missing0", "missing6", "b1.jpg", "c1.jpg"):
        assert any(name in line for line in lines), name
    assert lines[-1] == f"{sum(line.startswith('  ') for line in lines)} faults"
    assert check(capsys, "--skip-data")[0] == 0


def test_faults_of_the_config_do_not_hide_those_of_the_data_nor_each_other(project, capsys):
    root = project(
        irn={"cams": ["oours"]},
        ensembles={"ours": {"members": ["cnn", "vti"], "orandnet": {"widht": 3}}},
        sources={**CONFIG["sources"], "vit": {"kind": "vit", "cam": {"scals": [1]}}},
    )
    (root / "voc/JPEGImages/b1.jpg").unlink()
    code, lines = check(capsys)
    assert code == 1
    text = "\n".join(lines)
    for fault in ("sources.vit.cam.scals: unknown key; did you mean 'scales'?", "orandnet.widht", "b1"):
        assert fault in text, fault


def test_networks_are_made_and_weights_read_before_the_run(project, capsys):
    root = project()
    save_file({"conv1.weight": np.zeros((1, 1), np.float32)}, root / "other.safetensors")
    faulty = {"model": "test_resnet", "weights": "other.safetensors"}
    sources = {
        "cnn": {"kind": "cnn", "classifier": {"backbone": faulty}},
        "vit": {"kind": "vit", "classifier": {"backbone": {"model": "test_vit", "weights": "none.safetensors"}}},
        "hub": {"kind": "cnn"},
    }
    project(sources=sources)
    code, lines = check(capsys, "--skip-data")
    assert code == 1
    assert any(line.startswith("  sources.cnn.classifier: ") for line in lines)
    assert any("none.safetensors" in line for line in lines)
    project(sources={**CONFIG["sources"], "hub": {"kind": "cnn"}})
    assert "networks   ok; weights that timm fetches from its hub: resnet50.tv_in1k" in check(capsys, "--skip-data")[1]


def test_a_start_from_another_backbone_and_a_split_without_images_are_told_before_the_run(project, capsys):
    wide = {"backbone": {**SMALL, "model_options": {"stem_width": 8}}}
    root = project(segmenter={**wide, "initial_source": "cnn"}, prediction={"splits": ["val", "test"]})
    code, lines = check(capsys, "--skip-data")
    assert code == 1
    assert lines[2].startswith("  segmenter.initial_source: ")
    assert "backbone tensors of segmenter are not as those of cnn, first backbone." in lines[2]
    assert lines[2].endswith("use the same backbone in both.")
    (root / "voc/ImageSets/Segmentation/test.txt").unlink()
    code, lines = check(capsys)
    assert code == 1
    assert lines[1].startswith("  prediction.splits: test is to be predicted, but voc has no list test (dataset.lists.")


def test_imported_cams_are_compared_with_the_labels(project, capsys):
    root = project(sources={**CONFIG["sources"], "own": {"kind": "import", "path": "cams", "format": "arrays"}})
    (root / "cams").mkdir()
    for image_id, classes in {"a1": [1], "a2": [1], "a3": [1, 2]}.items():
        scores = np.zeros((len(classes), 12, 16), np.float32) + np.linspace(0, 1, 16, dtype=np.float32)
        np.savez(root / f"cams/{image_id}.npz", classes=np.array(classes), scores=scores)
    code, lines = check(capsys)
    assert code == 1
    assert any("a2.npz: has no map of dog" in line for line in lines)


def test_warnings_of_finished_jobs_are_shown(project, capsys):
    root = project()
    manifest = root / "results/checked/dataset/index.manifest.json"
    manifest.parent.mkdir(parents=True)
    doubt = {"code": "equal_images", "message": "a1 and b1 are the same image."}
    facts = {"stage": "dataset", "wall_seconds": 1, "peak_memory_mib": 1, "device": "cpu", "versions": {}}
    manifest.write_text(json.dumps({**facts, "warnings": [doubt]}))
    code, lines = check(capsys, "--skip-data")
    assert code == 0
    assert any("a1 and b1 are the same image." in line for line in lines)


def test_no_stage_and_no_torch_is_loaded_for_a_config_that_cannot_be_read(project, capsys, monkeypatch):
    project(sources={})
    monkeypatch.setitem(sys.modules, "torch", None)
    assert check(capsys, "--skip-data")[0] == 1


def test_segmenters_learn_from_the_sources_and_ensembles_that_the_config_names():
    config = load({**CONFIG, "irn": {"cams": ["ours"]}})
    assert config.segmenter.methods == {"cnn": "cnn", "vit": "vit", "ours": "ours+irn"}


def test_a_later_file_changes_keys_of_an_earlier_one(tmp_path):
    for name, text in (("a", "run: a\nseeds: [1]\ncam: {flip: true, scales: [1]}"), ("b", "cam: {flip: false}")):
        (tmp_path / name).write_text(text)
    merged = merged_config([tmp_path / "a", tmp_path / "b"])
    assert merged == {"run": "a", "seeds": [1], "cam": {"flip": False, "scales": [1]}}


def test_predictions_of_other_programs_are_read_too(project, capsys):
    folder = project(predictions={"weclip": {"path": "weclip", "format": "logits"}})
    (folder / "weclip").mkdir()
    code, lines = check(capsys)
    assert code == 1
    missing = "  weclip: has 0 files <id>.npy or .pt, and none for 1 of 1 val images: b1; "
    assert any(line.startswith(missing) for line in lines), lines
    np.save(folder / "weclip/b1.npy", np.zeros((2, 12, 16)))
    assert "  weclip/b1.npy: has 2 channels, not 3; " in "\n".join(check(capsys)[1])
    np.save(folder / "weclip/b1.npy", np.zeros((3, 12, 16)))
    assert (check(capsys, "--skip-data")[0], check(capsys)[0]) == (0, 0)


def test_jobs_that_need_more_memory_than_the_gpu_has_are_named_with_a_remedy(project, capsys):
    project()
    code, lines = check(capsys, "--skip-data", "--gpu-mem-mb", "400")
    assert code == 0
    assert any(line.startswith("GPU memory ") and "of 400 MB at most" in line for line in lines)
    assert any(line.startswith("  classifier (cnn") and "needs" in line for line in lines)
    assert not any("GPU memory" in line for line in check(capsys, "--skip-data")[1])


def test_files_of_segments_are_read(project, capsys):
    root = project(refinement={"sam": {"cams": ["cnn"], "path": "segments", "format": "npz"}})
    (root / "segments").mkdir()
    for image_id in ("a1", "a2"):
        np.savez(root / f"segments/{image_id}.npz", segments=np.ones((1, 12, 16 if image_id == "a1" else 9), bool))
    code, lines = check(capsys)
    assert code == 1
    assert any("has no segments for 1 of 3 training images: a3.npz" in line for line in lines)
    (root / "segments/a3.npz").write_bytes((root / "segments/a1.npz").read_bytes())
    assert any("a2.npz" in line for line in check(capsys)[1])
