"""Where thresholds come from, and what a method's scores are made of."""

import pytest
import yaml

from checkout import TINY
from orandnet.config.sections import load
from orandnet.plan import thresholds
from orandnet.settings import deep_update

TINY_CONFIG = yaml.safe_load(TINY.read_text())


def config(**changes):
    return load(deep_update(TINY_CONFIG, changes))


@pytest.mark.parametrize(
    ("method", "form", "members"),
    [
        ("vit", "single", 1),
        ("vit+irn", "single", 1),
        ("naive", "single", 1),
        ("ours", "product", 3),
        ("ours-and", "product", 3),
        ("ours-or", "union", 3),
        ("ours+irn", "product", 3),
        ("both", "union", 2),
        ("both+irn", "union", 2),
        ("added", "sum", 2),
        ("added+irn", "single", 1),
        ("official", "single", 1),
        ("level", "single", 1),
        ("level-and", "single", 1),
        ("level-or", "union", 2),
        ("ours+crf", "single", 1),
        ("ours-and+superpixels", "single", 1),
    ],
)
def test_scores_are_looked_at_on_the_scale_of_the_members(method, form, members):
    two = ["resnet50", "vit"]
    plan = config(
        ensembles={
            "ours": {"members": [*two, "vit@1"]},
            "both": {"members": two, "output": "or"},
            "added": {"members": two, "output": "sum"},
            "official": {"members": two, "orandnet": {"loss": "official_softmax", "training": {"batch_size": 1}}},
            "level": {"members": two, "fusion": {"and": "geometric"}},
        },
        refinement={"crf": {"cams": ["ours"]}, "superpixels": {"cams": ["ours-and"]}},
        orandnet={"crop_size": None, "training": {"batch_size": 1}},
    )
    found = thresholds.otsu_settings(plan, method)
    assert (found.form, found.members) == (form, members)


def test_masks_read_the_thresholds_of_their_rule_and_labels_those_that_are_not_named():
    plan, otsu = config(), ["results/tiny/pseudo_mask/vit/seed2/otsu.json"]
    assert thresholds.otsu_of_masks(plan, "vit", 2) == otsu
    assert thresholds.curve_of_masks(plan, "vit", 2) == []
    assert thresholds.otsu_of_labels(plan, "vit", 2) == otsu
    named = config(
        pseudo_mask={"overrides": {"vit": 0.3}},
        sources={"vit": {"irn": {"labels": {"foreground_threshold": 0.4, "background_threshold": 0.1}}}},
    )
    assert thresholds.otsu_of_masks(named, "vit", 2) == thresholds.otsu_of_labels(named, "vit", 2) == []
    tuned = config(pseudo_mask={"threshold_rule": "best_miou", "overrides": {"resnet50": 0.2}})
    assert thresholds.otsu_of_masks(tuned, "vit", 2) == thresholds.curve_of_masks(tuned, "resnet50", 2) == []
    assert thresholds.curve_of_masks(tuned, "vit", 2) == ["results/tiny/evaluation/cam/vit/seed2/curve.csv"]


def refined(**changes):
    return config(refinement={"crf": {"cams": ["ours", "vit"]}, "superpixels": {"cams": ["vit"]}}, **changes)


def test_a_refinement_starts_from_the_threshold_that_the_masks_have_without_ground_truth():
    plan, otsu = refined(), ["results/tiny/pseudo_mask/vit/seed2/otsu.json"]
    assert thresholds.otsu_of_refinement(plan, "vit+crf", 2) == otsu
    assert thresholds.otsu_of_refinement(plan, "vit+superpixels", 2) == otsu
    assert thresholds.crf_settings(plan, "vit+crf").background_threshold is None
    of_ours = thresholds.crf_settings(plan, "ours+crf")
    assert (of_ours.form, of_ours.members) == ("product", 2)
    tuned = refined(pseudo_mask={"threshold_rule": "best_miou"})
    assert thresholds.otsu_of_refinement(tuned, "vit+crf", 2) == otsu  # true masks reach no CAM
    fixed = refined(pseudo_mask={"overrides": {"vit": 0.3}})
    assert thresholds.otsu_of_refinement(fixed, "vit+crf", 2) == []
    assert thresholds.crf_settings(fixed, "vit+crf").background_threshold == 0.3
    assert thresholds.superpixel_settings(fixed, "vit+superpixels").background_threshold == 0.3


def test_the_crf_of_clip_es_asks_for_no_threshold_and_other_keys_win_over_the_preset():
    plan = config(refinement={"crf": {"cams": ["vit"], "preset": "clip_es", "bilateral_srgb": 9}})
    found = thresholds.crf_settings(plan, "vit+crf")
    assert thresholds.otsu_of_refinement(plan, "vit+crf", 0) == []
    terms = (found.gaussian_sxy, found.gaussian_compat, found.bilateral_sxy, found.bilateral_srgb)
    assert (found.background, found.alpha, *terms) == ("power", 1, 1, 3, 67, 9)
    assert (found.bilateral_compat, found.iterations, found.background_threshold) == (4, 10, None)


def test_a_preset_and_its_values_written_out_are_one_config():
    short = config(refinement={"crf": {"cams": ["vit"], "preset": "clip_es"}})
    values = short.refinement.crf.model_dump() | {"preset": None}
    written = config(refinement={"crf": values})
    assert thresholds.crf_settings(short, "vit+crf") == thresholds.crf_settings(written, "vit+crf")
