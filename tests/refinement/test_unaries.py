"""What a CRF on a CAM starts from and ends with: hand-made numbers, and the way back to probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orandnet.crf.dense_crf import crf_from_probabilities
from orandnet.crf.settings import CrfSettings
from orandnet.pseudo_mask.threshold import confidence, pseudo_mask
from orandnet.refinement.unaries import against_background, with_background

SCORES = np.array([[[0.64, 0.04]], [[0.25, 0.01]]], dtype=np.float32)
PLAIN = {"form": "single", "members": 1}


def start(threshold, alpha=1, **made_of):
    return with_background(SCORES, background_threshold=threshold, alpha=alpha, **{**PLAIN, **made_of})


def test_the_background_is_constant_or_a_power_of_what_the_classes_leave():
    np.testing.assert_allclose(start(0.3)[0], [[0.3, 0.3]])
    np.testing.assert_allclose(start(None)[0], [[0.36, 0.96]], rtol=1e-6)
    np.testing.assert_allclose(start(None, alpha=2)[0], [[0.36**2, 0.96**2]], rtol=1e-6)
    np.testing.assert_array_equal(start(None)[1:], SCORES)
    assert start(0.3).dtype == np.float32


def test_products_are_looked_at_on_the_scale_of_their_members():
    roots = start(0.09, form="product", members=2)
    np.testing.assert_allclose(roots[:, 0, 0], [0.3, 0.8, 0.5], rtol=1e-6)
    np.testing.assert_allclose(start(None, form="product", members=2)[0], [[0.2, 0.8]], rtol=1e-5)
    summed = with_background(2 * SCORES, background_threshold=0.6, alpha=1, form="sum", members=2)
    np.testing.assert_allclose(summed, start(0.3), rtol=1e-6)


@st.composite
def probabilities(draw):
    weights = draw(arrays(np.float32, (3, 2, 2), elements=st.floats(2.0**-9, 1, width=32)))
    return weights / weights.sum(axis=0)


@given(probabilities())
def test_an_object_is_what_exceeds_one_half_and_the_probability_comes_back(given_probabilities):
    scores = against_background(given_probabilities)
    mask = pseudo_mask(scores, [1, 2], background_threshold=0.5)
    most_probable = given_probabilities.argmax(axis=0)
    clear = np.diff(np.sort(given_probabilities, axis=0)[1:], axis=0)[0] > 1e-5
    np.testing.assert_array_equal(mask[clear], most_probable[clear])
    found = confidence(scores, background_threshold=0.5)
    np.testing.assert_allclose(found, given_probabilities.max(axis=0), rtol=1e-5)


def test_two_classes_stay_apart_in_half_precision_where_there_is_no_background():
    certain = np.array([[[1e-7]], [[0.45]], [[0.55]]], dtype=np.float32)
    stored = against_background(certain).astype(np.float16).astype(np.float32)
    assert pseudo_mask(stored, [1, 2], background_threshold=0.5).item() == 2
    assert confidence(stored, background_threshold=0.5).item() == pytest.approx(0.55, abs=1e-3)


def test_the_crf_moves_a_border_to_that_of_the_colours():
    rgb = np.zeros((24, 24, 3), dtype=np.uint8)
    rgb[:, 12:] = 200
    scores = np.full((1, 24, 24), 0.1, dtype=np.float32)
    scores[:, :, 15:] = 0.7  # three columns too few
    started = with_background(scores, background_threshold=0.3, alpha=1, **PLAIN)
    refined = crf_from_probabilities(rgb, started, settings=CrfSettings(), min_probability=0.0)
    mask = pseudo_mask(against_background(refined), [4], background_threshold=0.5)
    assert (mask[:, 12:] == 4).mean() > 0.98
    assert not mask[:, :12].any()
