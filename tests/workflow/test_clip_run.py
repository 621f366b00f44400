"""A CLIP as a source of a run: words and maps are made once, for all ensembles, and follow their own settings."""

import numpy as np
import pytest
import yaml

from cam.small_clip import DIMENSIONS, MODEL, as_open_clip, small_clip, write_config
from checkout import TINY, Checkout
from orandnet.cam.clip.features import read_features, write_features
from orandnet.dataset.scenes.drawing import CLASS_NAMES
from orandnet.files.store import CamStore

pytestmark = pytest.mark.pipeline

CLIP = {
    "kind": "clip",
    "backbone": {**MODEL, "weights": "clip/weights.safetensors"},
    "text": {"model": "local-dir:clip/model", "template": "a drawing of a {}."},
    "prompts": {CLASS_NAMES[0]: "something round"},
    "cam": {"attention_blocks": 2},
}
WORDS = {"kind": "clip", "backbone": CLIP["backbone"], "text": {"features": "clip/words.npz"}, "cam": CLIP["cam"]}
TINY_CONFIG = yaml.safe_load(TINY.read_text())
WITH_CLIP = {
    **TINY_CONFIG,
    "run": "clip",
    "seeds": [0, 1],
    "shards": 1,
    "dataset": {"kind": "scenes", "scenes": {**TINY_CONFIG["dataset"]["scenes"], "num_train": 6, "num_train_aug": 8}},
    "sources": {"clip": CLIP, "words": WORDS},
    "ensembles": {"naive": {"members": ["clip", "words"], "output": "mean"}, "ours": {"members": ["words", "clip"]}},
    "irn": {**TINY_CONFIG["irn"], "initial_source": None, "cams": ["clip", "ours"]},
    "segmenter": {**TINY_CONFIG["segmenter"], "initial_source": None, "methods": {"ours": "ours+irn"}},
}
TARGETS = ["results/clip/fusion/naive/seed1/mean/1-of-1.npz", "results/clip/evaluation/cam/clip/seed0/summary.csv"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Checkout:
    """Return a checkout with a run of a small CLIP, by its text tower and by features of words in a file."""
    checkout = Checkout(tmp_path_factory.mktemp("clip") / "checkout")
    folder = checkout.folder / "clip"
    folder.mkdir()
    as_open_clip(small_clip(write_config(folder / "model")), folder / "weights.safetensors")
    names = [*CLASS_NAMES, "sky", "sea"]
    features = np.random.default_rng(0).normal(size=(len(names), DIMENSIONS))
    write_features(folder / "words.npz", names, features, 100.0)
    checkout.run("--cores", 1, "--configfile", checkout.write_config(WITH_CLIP), "--", *TARGETS)
    return checkout


def test_its_cams_are_of_every_image_and_a_member_like_any_other(run):
    results = run.folder / "results/clip"
    assert len(read_features(results / "cam/clip/clip/text.npz", CLASS_NAMES).background) == 25
    assert not (results / "cam/words/clip/text.npz").exists()
    fused = CamStore([results / "fusion/naive/seed1/mean/1-of-1.npz"])
    members = [CamStore([results / f"cam/{name}/clip/1-of-1.npz"]) for name in ("clip", "words")]
    assert len(fused.image_ids) == 8
    assert fused.image_ids == members[0].image_ids == members[1].image_ids
    for image_id in fused.image_ids:
        one, other = (member[image_id].scores for member in members)
        assert np.abs(one - other).max() > 0.01
        np.testing.assert_allclose(fused[image_id].scores, (one + other) / 2, atol=2**-11)


def test_the_whole_run_trains_no_classifier_and_asks_the_clip_once_for_all_seeds(run):
    jobs = run.planned("--configfile", run.write_config({**WITH_CLIP, "run": "another"}))
    assert "classifier" not in jobs
    assert (jobs["cam_text"], jobs["cam_clip"]) == (1, 2)
    assert jobs["fusion"] == jobs["irn"] == 4
    assert jobs["evaluation_cam"] == 2 + 2 * 6  # the sources once; naive, ours, OR, AND and two walks for both seeds


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"prompts": {}}, {"cam_text", "cam_clip"}),
        ({"cam": {"attention_blocks": 3}}, {"cam_clip"}),
        ({"text": {"features": "clip/words.npz"}, "prompts": {}}, {"cam_clip"}),
    ],
)
def test_another_phrase_makes_its_words_anew_and_another_setting_its_maps(run, changes, rules):
    config = run.write_config({**WITH_CLIP, "sources": {"clip": {**CLIP, **changes}, "words": WORDS}})
    planned = run.planned("--configfile", config, "--", *TARGETS)
    assert {rule for rule in planned if rule.startswith("cam_")} == rules


def test_weights_that_are_missing_stop_the_run_before_any_job(run):
    broken = {**CLIP, "backbone": {**MODEL, "weights": "clip/absent.safetensors"}}
    config = run.write_config({**WITH_CLIP, "run": "broken", "sources": {"clip": broken, "words": WORDS}})
    code, printed = run.snakemake("--cores", 1, "--configfile", config)
    assert code == 1
    assert "MissingInputException" in printed
    assert "clip/absent.safetensors" in printed
    assert not (run.folder / "results/broken").exists()
