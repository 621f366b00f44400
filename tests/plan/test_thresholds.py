"""Where thresholds come from, and what a method's scores are made of."""

import pytest
import yaml

from checkout import TINY
from orandnet.config.sections import deep_update, load
from orandnet.plan import thresholds

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
        },
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
