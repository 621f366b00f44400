"""The rules that thresholds are compared by, on histograms whose answer is known."""

import numpy as np
import pytest

import threshold_rules
from orandnet.files.store import Cam
from orandnet.pseudo_mask.otsu import BINS


def counts_of(scores):
    return np.bincount((np.asarray(scores) * BINS).astype(int).clip(0, BINS - 1), minlength=BINS)


TWO_HILLS = counts_of(
    np.concatenate([np.random.default_rng(0).normal(0.2, 0.04, 4000), np.random.default_rng(1).normal(0.7, 0.06, 1500)])
)


@pytest.mark.parametrize("rule", [threshold_rules.li_threshold, threshold_rules.entropy_threshold])
def test_rules_split_two_hills_between_them(rule):
    assert 0.27 < rule(TWO_HILLS) < 0.55


def test_the_least_cross_entropy_is_that_of_a_search_by_hand():
    values = np.array([0.05, 0.1, 0.1, 0.6, 0.9])
    found = threshold_rules.li_threshold(counts_of(values))
    assert 0.1 < found < 0.6


def test_probabilities_of_0_and_1_are_split_where_the_objects_begin():
    found = threshold_rules.expected_threshold(counts_of([0.001] * 50 + [0.999] * 10))
    assert 0.001 < found < 1


def test_every_rule_names_a_score_of_the_method():
    scores = np.random.default_rng(0).beta(2, 5, (1, 8, 8)).astype(np.float32) ** 3
    records = [type("Record", (), {"image_id": "a"})]
    maps = threshold_rules.Maps("ours-and", "product", 3, {"a": Cam("a", np.array([1]), scores, (32, 32))})
    found = threshold_rules.rules(maps, records)
    assert set(found) == {"otsu", "images", "above", "entropy", "li", "expected", "plain", "li_plain"}
    assert found["otsu"] == pytest.approx(found["images"])  # one image
    assert all(0 < value < scores.max() for value in found.values())
