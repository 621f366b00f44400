"""A CLIP as a source of a run: words and maps are made once, for all ensembles, and follow their own settings."""

import numpy as np
import pytest
import yaml

from cam.small_clip import MODEL, as_open_clip, small_clip, write_config
from checkout import TINY, Checkout
from orandnet.cam.clip.features import read_features
from orandnet.dataset.scenes.drawing import CLASS_NAMES
from orandnet.files.store import CamStore

pytestmark = pytest.mark.pipeline

SHARDS = ("1-of-2", "2-of-2")
SHAPES = {"kind": "import", "path": "shapes", "format": "arrays"}
CLIP = {
    "kind": "clip",
    "backbone": {**MODEL, "weights": "clip/weights.safetensors"},
    "text": {"model": "local-dir:clip/model", "template": "a drawing of a {}."},
    "prompts": {CLASS_NAMES[0]: "something round"},
    "cam": {"attention_blocks": 2},
}
TINY_CONFIG = yaml.safe_load(TINY.read_text())
WITH_CLIP = {
    **TINY_CONFIG,
    "run": "clip",
    "seeds": [0, 1],
    "sources": {"clip": CLIP, "shapes": SHAPES},
    "ensembles": {"naive": {"members": ["clip", "shapes"], "output": "mean"}, "ours": {"members": ["shapes", "clip"]}},
    "irn": {**TINY_CONFIG["irn"], "initial_source": None, "cams": ["clip", "ours"]},
    "segmenter": {**TINY_CONFIG["segmenter"], "initial_source": None, "methods": {"ours": "ours+irn"}},
}
TARGETS = [
    *(f"results/clip/fusion/naive/seed1/mean/{shard}.npz" for shard in SHARDS),
    "results/clip/evaluation/cam/clip/seed0/summary.csv",
]


def store(folder):
    return CamStore([folder / f"{shard}.npz" for shard in SHARDS])


@pytest.fixture(scope="module")
def run(finished: Checkout) -> Checkout:
    """Return the checkout of the tiny run, with another run in it, of a small CLIP and files of the tiny run's CAMs."""
    (finished.folder / "clip").mkdir()
    write_config(finished.folder / "clip/model")
    name = f"local-dir:{finished.folder / 'clip/model'}"
    as_open_clip(small_clip(name), finished.folder / "clip/weights.safetensors")
    (finished.folder / "shapes").mkdir()
    made = store(finished.results / "cam/resnet50/seed0")
    for image_id in made.image_ids:
        np.save(finished.folder / f"shapes/{image_id}.npy", made[image_id].scores)
    finished.run("--cores", 2, "--configfile", finished.write_config(WITH_CLIP), "--", *TARGETS)
    return finished


def test_its_cams_are_of_every_image_and_a_member_like_any_other(run):
    results = run.folder / "results/clip"
    words = read_features(results / "cam/clip/clip/text.npz", CLASS_NAMES)
    assert len(words.background) == 25
    fused = store(results / "fusion/naive/seed1/mean")
    members = store(results / "cam/clip/clip"), store(results / "cam/shapes/imported")
    assert fused.image_ids == members[0].image_ids == members[1].image_ids
    for image_id in fused.image_ids:
        one, other = (member[image_id].scores for member in members)
        assert one.std() > 0.01
        np.testing.assert_allclose(fused[image_id].scores, (one + other) / 2, atol=2**-11)


def test_the_whole_run_trains_no_classifier_and_asks_the_clip_once_for_all_seeds(run):
    jobs = run.planned("--configfile", run.write_config({**WITH_CLIP, "run": "another"}))
    assert "classifier" not in jobs
    assert (jobs["cam_text"], jobs["cam_clip"], jobs["cam_import"]) == (1, 2, 2)
    assert jobs["fusion"] == 8
    assert jobs["irn"] == 4


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"prompts": {}}, {"cam_text", "cam_clip"}),
        ({"cam": {"attention_blocks": 3}}, {"cam_clip"}),
        ({"text": {"features": "results/clip/cam/clip/clip/text.npz"}, "prompts": {}}, set()),
    ],
)
def test_another_phrase_makes_its_words_anew_and_another_setting_its_maps(run, changes, rules):
    config = run.write_config({**WITH_CLIP, "sources": {"clip": {**CLIP, **changes}, "shapes": SHAPES}})
    planned = run.planned("--configfile", config, "--", *TARGETS)
    assert {rule for rule in planned if rule.startswith("cam_")} == rules


def test_weights_that_are_missing_stop_the_run_before_any_job(run):
    broken = {**CLIP, "backbone": {**MODEL, "weights": "clip/absent.safetensors"}}
    config = run.write_config({**WITH_CLIP, "run": "broken", "sources": {"clip": broken, "shapes": SHAPES}})
    code, printed = run.snakemake("--cores", 1, "--configfile", config)
    assert code == 1
    assert "MissingInputException" in printed
    assert "clip/absent.safetensors" in printed
    assert not (run.folder / "results/broken").exists()
