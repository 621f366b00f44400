"""What in the folder of a run is of an older config: found, listed, removed on demand; nothing else."""

import uuid

import numpy as np
import pytest
import yaml

from checkout import TINY
from orandnet.clean.stale import stale_files
from orandnet.cli import main
from orandnet.config.sections import load
from orandnet.files.mask import write_mask, write_mask_list
from orandnet.files.places import PLACES
from orandnet.plan.artifacts import planned, trained_seeds
from orandnet.settings import deep_update

TINY_CONFIG = yaml.safe_load(TINY.read_text())
EVERYTHING = {
    "dataset": {"kind": "coco", "root": "x", "download": True, "scenes": {}},
    "sources": {
        "own": {"kind": "import", "path": "own", "format": "arrays"},
        "clip": {"kind": "clip"},
        "amn": {"kind": "amn", "seed_source": "vit"},
    },
    "ensembles": {"mixed": {"members": ["own", "vit@2", "amn@1"]}, "all": {"members": ["own", "vit"], "output": "sum"}},
    "refinement": {"crf": {"cams": ["ours"]}},
    "export": {"irn": ["ours"], "npz": ["vit"], "voc": ["ours"]},
}


def config(**changes):
    return load(deep_update(TINY_CONFIG, changes))


def test_a_config_with_everything_plans_each_kind_of_file_that_has_a_place():
    plan = config(**EVERYTHING)
    assert [artifact for artifact in PLACES if not planned(plan, [artifact])] == []
    assert not any(path.startswith("results/") or "{" in path for path in planned(plan))


def test_members_with_other_seeds_and_the_seed_sources_of_amn_are_trained_too():
    plan = config(**EVERYTHING, seeds=[4])
    assert trained_seeds(plan) == {("resnet50", 4), ("vit", 4), ("amn", 4), ("vit", 6), ("amn", 5), ("vit", 5)}
    assert "irn/vit/seed5/labels/*-of-2.csv" in planned(plan, ["irn_labels"])


def test_an_amn_of_a_second_round_needs_what_its_ensemble_is_made_from():
    second = {"kind": "amn", "seed_source": "both"}
    ensembles = {"mixed": {"members": ["vit", "second@1"]}, "both": {"members": ["resnet50", "vit@2"]}}
    plan = config(sources={"second": second}, ensembles=ensembles, seeds=[4])
    trained = trained_seeds(plan)
    assert {("second", 5), ("resnet50", 5), ("vit", 7)} <= trained
    found = planned(plan, ["irn_labels", "orandnet", "orandnet_cam", "fusion", "otsu"])
    assert {
        "irn/both/seed5/labels/*-of-2.csv",
        "orandnet/both/seed5/weights.safetensors",
        "orandnet/both/seed5/cam/*-of-2.npz",
        "fusion/both/seed5/and/*-of-2.npz",
        "pseudo_mask/both/seed5/otsu.json",
    } <= set(found)
    assert not any("/mixed/seed5/" in path for path in found)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a folder with a config of one shard, the files that it asks for, and others."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**TINY_CONFIG, "shards": 1}))
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results" / "tiny"
    wanted = (
        "dataset/index.csv",
        "dataset/index.manifest.json",
        "dataset/scenes/JPEGImages/a.jpg",
        "classifier/vit/seed0/weights.safetensors",
        "classifier/vit/seed0/history.csv",
        "classifier/vit/seed0/weights.manifest.json",
        "classifier/resnet50/seed0/.state/state.safetensors",
        "cam/vit/seed0/1-of-1.npz",
        "export/pack/a.zip",
        "logs/old/1-of-2.log",
        "notes/mine.txt",
        "report.html",
    )
    stale = (
        "cam/vit/seed0/1-of-2.npz",
        "cam/vit/seed0/1-of-2.manifest.json",
        "cam/vit/seed1/1-of-1.npz",
        "cam/old/seed0/1-of-1.npz",
        f"cam/vit/seed0/.1-of-1.{uuid.uuid4().hex}.npz",
        f"dataset/.scenes.{uuid.uuid4().hex}/JPEGImages/a.jpg",
        "classifier/old/seed0/.state/state.safetensors",
        "pseudo_mask/ours/seed0/unlisted.png",
        "evaluation/cam/old/seed0/summary.csv",
        "tables/table9.csv",
        "export/irn/ours/seed0/a.npy",
    )
    for name in (*wanted, *stale):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text("x")
    folder = results / "pseudo_mask/ours/seed0"
    write_mask(folder / "listed.png", np.zeros((2, 2), np.uint8))
    write_mask_list(folder / "1-of-1.csv", [{"image_id": "listed"}])
    return tmp_path, sorted(stale)


def everything(project):
    return {path.relative_to(project) for path in (project / "results").rglob("*") if path.is_file()}


def test_stale_files_are_listed_and_on_demand_removed(project, capsys):
    folder, stale = project
    results = folder / "results" / "tiny"
    found = stale_files(config(shards=1), results)
    assert sorted(path.relative_to(results).as_posix() for path in found) == stale
    before = everything(folder)
    main(["clean", "--stale", "tiny"])
    assert everything(folder) == before
    printed = capsys.readouterr().out.splitlines()
    assert [f"results/tiny/{name}" for name in stale] == sorted(printed[:-1])
    assert printed[-1].startswith(f"results/tiny: {len(stale)} files, ")
    assert printed[-1].endswith(" MB, to be removed with --yes")
    main(["clean", "--stale", "results/tiny/", "--yes"])
    assert {str(path) for path in before - everything(folder)} == {f"results/tiny/{name}" for name in stale}
    assert not (results / "cam/old").exists()
    assert not list((results / "dataset").glob(".scenes*"))
    main(["clean", "--stale", "tiny"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("results/tiny: 0 files, ")


def test_a_second_config_file_lies_over_the_first(project, capsys):
    (project[0] / "more.yaml").write_text("shards: 2\n")
    main(["clean", "--stale", "tiny", "--config", "config.yaml", "more.yaml"])
    printed = capsys.readouterr().out
    assert "cam/vit/seed0/1-of-1.npz" in printed
    assert "cam/vit/seed0/1-of-2.npz" not in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stale", "demo"], "--stale: config.yaml is the config of the run 'tiny', not of 'demo'; give its own with"),
        (["--stale", "../tiny"], "--stale: config.yaml is the config of the run 'tiny', not of '../tiny'; "),
        (["--yes"], "--yes: goes with --stale RUN; without it, `clean` removes the whole run."),
    ],
)
def test_another_run_is_not_touched(project, capsys, arguments, message):
    before = everything(project[0])
    with pytest.raises(SystemExit):
        main(["clean", *arguments])
    assert capsys.readouterr().err.startswith(f"orandnet clean: {message}")
    assert everything(project[0]) == before


def test_nothing_is_removed_while_snakemake_works(project, capsys):
    (project[0] / ".snakemake" / "locks").mkdir(parents=True)
    (project[0] / ".snakemake" / "locks" / "0.input.lock").touch()
    before = everything(project[0])
    with pytest.raises(SystemExit):
        main(["clean", "--stale", "tiny", "--yes"])
    assert (
        "Snakemake is at work here, or was killed; wait, or run `snakemake --unlock` first." in capsys.readouterr().err
    )
    assert everything(project[0]) == before
