"""Otsu's threshold: against a search by hand, and on the scales of products and unions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orandnet.fusion.probability import and_cam, mean_cam, or_cam, sum_cam
from orandnet.pseudo_mask.otsu import BINS, from_members, histogram, otsu_split, thresholds_of, to_members

FORMS = {"product": and_cam, "union": or_cam, "single": mean_cam, "sum": sum_cam}
counts_strategy = st.lists(st.integers(0, 20), min_size=8, max_size=8).filter(
    lambda counts: np.count_nonzero(counts) > 1
)


@given(counts_strategy)
def test_the_split_has_the_least_variance_within_its_sides(counts):
    values = np.repeat((np.arange(8) + 0.5) / 8, counts)
    split = otsu_split(np.array(counts))
    within = {
        edge: sum(((side - side.mean()) ** 2).sum() for side in (values[values < edge / 8], values[values > edge / 8]))
        for edge in range(1, 8)
        if (values < edge / 8).any() and (values > edge / 8).any()
    }
    lower, upper = values[values < split.threshold], values[values > split.threshold]
    found = ((lower - lower.mean()) ** 2).sum() + ((upper - upper.mean()) ** 2).sum()
    assert found == pytest.approx(min(within.values()))
    assert (split.lower_mean, split.upper_mean) == pytest.approx((lower.mean(), upper.mean()))


def test_over_a_gap_the_middle_is_taken_and_one_bin_is_not_split():
    assert otsu_split(np.array([3, 0, 0, 0, 0, 0, 0, 5])).threshold == 0.5
    assert otsu_split(np.array([0, 7, 0, 0])) == (0.375, 0.375, 0.375)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("members", [2, 3])
def test_where_all_members_agree_a_fusion_has_their_score(form, members):
    scores = np.linspace(0, 1, 11)
    fused = FORMS[form](*[scores] * members)
    number = 1 if form == "single" else members
    np.testing.assert_allclose(to_members(fused, form, number), scores, atol=1e-12)
    np.testing.assert_allclose([from_members(value, form, number) for value in scores], fused, atol=1e-12)


@pytest.mark.parametrize("form", ["product", "union", "sum"])
def test_a_fusion_of_equal_members_gets_the_mask_of_a_member(form):
    generator = np.random.default_rng(0)
    scores = np.concatenate([generator.beta(2, 8, 3000), generator.beta(7, 3, 1000)]).reshape(1, 40, 100)
    alone = otsu_split(histogram(scores, "single", 1)).threshold
    fused = FORMS[form](scores, scores, scores)
    threshold, sure_background, sure_foreground = thresholds_of(
        otsu_split(histogram(fused, form, 3)), form, 3, margin=0.5
    )
    assert abs(to_members(np.array(threshold), form, 3) - alone) < 2 / BINS
    assert sure_background < threshold < sure_foreground
    assert ((fused > threshold) == (scores > alone)).mean() > 0.995


def test_images_are_counted_by_their_highest_class_and_ones_without_classes_not_at_all():
    counts = histogram(np.array([[[0.1, 0.9]], [[0.3, 0.2]]]), "single", 1)
    assert np.flatnonzero(counts).tolist() == [int(0.3 * BINS), int(0.9 * BINS)]
    assert not histogram(np.zeros((0, 2, 2)), "single", 1).any()
    raised = histogram(np.array([[[2.1, 1.15]]]), "sum", 2)  # an offset that is not clipped
    assert raised[-1] == 1


def test_without_a_margin_nothing_lies_between_sure_and_unsure():
    split = otsu_split(histogram(np.array([[[0.1, 0.2, 0.8]]]), "single", 1))
    assert len(set(thresholds_of(split, "product", 2, margin=0.0))) == 1
    background, low, high = thresholds_of(split, "product", 2, margin=1.0)
    assert (low, high) == pytest.approx((split.lower_mean**2, split.upper_mean**2))
    assert low < background < high
