"""The dense CRF: what it may and may not change, and that its short cuts are exact. With either kernel."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orandnet.crf import kernel as own_kernel
from orandnet.crf.dense_crf import CrfSettings, crf_from_labels, crf_from_probabilities

SETTINGS = CrfSettings()


@pytest.fixture(autouse=True, params=["own", "pydensecrf"])
def kernel(request, monkeypatch):
    """Each test runs on both kernels."""
    if request.param == "pydensecrf":
        monkeypatch.setattr(own_kernel, "library", lambda: None)
    elif not own_kernel.library():
        pytest.skip("the CRF's own kernel is not compiled here (test_kernel.py tells whether it should be)")


def two_halves(height=24, width=32):
    """A dark left and a light right half, with a little noise."""
    generator = np.random.default_rng(0)
    rgb = generator.integers(0, 12, (height, width, 3), dtype=np.uint8)
    rgb[:, width // 2 :] += 200
    return rgb


def smooth_probabilities(num_labels, height=24, width=32):
    generator = np.random.default_rng(num_labels)
    logits = generator.normal(size=(num_labels, height, width)).cumsum(1).cumsum(2) / 8
    exponentials = np.exp(logits - logits.max(axis=0))
    return (exponentials / exponentials.sum(axis=0)).astype(np.float32)


def test_labels_move_to_the_border_of_the_colours():
    rgb = two_halves()
    labels = np.zeros((24, 32), dtype=np.int64)
    labels[:, 18:] = 1  # two columns too far to the right
    refined = crf_from_labels(rgb, labels, num_labels=2, confidence=0.7, settings=SETTINGS)
    expected = np.zeros_like(labels)
    expected[:, 16:] = 1
    np.testing.assert_array_equal(refined, expected)


def test_a_lone_wrong_pixel_is_overruled():
    labels = np.zeros((24, 32), dtype=np.int64)
    labels[10, 5] = 2
    refined = crf_from_labels(two_halves(), labels, num_labels=3, confidence=0.7, settings=SETTINGS)
    assert (refined == 0).all()


@hypothesis_settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 4), st.integers(0, 3), st.sampled_from([0.51, 0.7, 0.95]), st.integers(0, 5))
def test_constant_labels_come_back_as_the_whole_crf_would_return_them(num_labels, label, confidence, seed):
    label %= num_labels
    rgb = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    probabilities = np.full((num_labels, 9, 11), (1 - confidence) / (num_labels - 1), dtype=np.float32)
    probabilities[label] = confidence
    whole = crf_from_probabilities(rgb, probabilities, settings=SETTINGS, min_probability=0).argmax(axis=0)
    constant = np.full((9, 11), label)
    short = crf_from_labels(rgb, constant, num_labels=num_labels, confidence=confidence, settings=SETTINGS)
    np.testing.assert_array_equal(short, whole)
    np.testing.assert_array_equal(short, constant)


def test_several_labellings_give_what_each_gives_alone():
    rgb = two_halves()
    labels = np.stack([smooth_probabilities(3).argmax(0), np.zeros((24, 32), int), smooth_probabilities(3).argmin(0)])
    numbers = {"num_labels": 3, "confidence": 0.7, "settings": SETTINGS}
    together = crf_from_labels(rgb, labels, **numbers)
    for one, given_labels in zip(together, labels, strict=True):
        np.testing.assert_array_equal(one, crf_from_labels(rgb, given_labels, **numbers))


def test_a_confidence_that_favours_another_label_goes_through_the_crf():
    constant = np.zeros((6, 8), dtype=np.int64)
    numbers = {"num_labels": 2, "settings": SETTINGS}
    rgb = two_halves(6, 8)
    assert (crf_from_labels(rgb, constant, confidence=0.3, **numbers) == 1).all()
    assert (crf_from_labels(rgb, constant, confidence=0.7, **numbers) == 0).all()


def test_one_label_is_the_only_answer():
    zeros = np.zeros((6, 8), dtype=np.int64)
    refined = crf_from_labels(two_halves(6, 8), zeros, num_labels=1, confidence=0.7, settings=SETTINGS)
    np.testing.assert_array_equal(refined, zeros)


def test_leaving_out_improbable_labels_keeps_nearly_every_label():
    rgb, probabilities = two_halves(60, 80), smooth_probabilities(21, 60, 80)
    probabilities[5:9] *= 0.001  # labels that are nowhere likely
    probabilities /= probabilities.sum(axis=0)
    whole = crf_from_probabilities(rgb, probabilities, settings=SETTINGS, min_probability=0)
    pruned = crf_from_probabilities(rgb, probabilities, settings=SETTINGS)
    left_out = probabilities.max(axis=(1, 2)) < 0.01
    assert left_out.any()
    assert (pruned[left_out] == 0).all()
    assert (pruned.argmax(0) == whole.argmax(0)).mean() >= 0.999
    np.testing.assert_allclose(pruned.sum(axis=0), 1, atol=1e-4)


def test_of_many_labels_the_most_probable_one_of_a_pixel_stays_in_the_crf():
    rgb = two_halves()
    probabilities = np.ones((201, 24, 32), dtype=np.float32)
    probabilities[5, :, :16], probabilities[9, :, 16:] = 1.8, 1.9  # below 0.01, both
    probabilities /= probabilities.sum(axis=0)
    pruned = crf_from_probabilities(rgb, probabilities, settings=SETTINGS)
    whole = crf_from_probabilities(rgb, probabilities, settings=SETTINGS, min_probability=0)
    assert np.unique(whole.argmax(0)).tolist() == [5, 9]
    np.testing.assert_array_equal(pruned.argmax(0), whole.argmax(0))


def test_several_predictions_of_an_image_have_the_results_they_have_alone():
    rgb, probabilities = two_halves(60, 80), smooth_probabilities(6, 60, 80).reshape(2, 3, 60, 80)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    together = crf_from_probabilities(rgb, probabilities, settings=SETTINGS)
    assert together.shape == probabilities.shape
    for one, found in zip(probabilities, together, strict=True):
        np.testing.assert_array_equal(found, crf_from_probabilities(rgb, one, settings=SETTINGS))


def test_a_label_that_one_prediction_knows_stays_out_of_the_others():
    first, second = np.zeros((2, 4, 6, 8), dtype=np.float32)
    first[0], second[1], second[2] = 1, 0.5, 0.5
    refined = crf_from_probabilities(two_halves(6, 8), np.stack([first, second]), settings=SETTINGS)
    assert (refined[0, 0] == 1).all()
    assert (refined[1, [0, 3]] == 0).all()
    np.testing.assert_allclose(refined.sum(axis=1), 1, atol=1e-4)


def test_predictions_with_other_labels_have_the_results_they_have_alone():
    rgb, probabilities = two_halves(60, 80), smooth_probabilities(10, 60, 80).reshape(2, 5, 60, 80)
    for label, peak in ((1, 0.012), (3, 0.008)):  # one reaches the least probability, the other does not
        probabilities[0, label] *= peak / probabilities[0, label].max()
    probabilities[1, 4] *= 0.009 / probabilities[1, 4].max()
    together = crf_from_probabilities(rgb, probabilities, settings=SETTINGS)
    assert (together.max(axis=(2, 3)) > 0).tolist() == [[True, True, True, False, True], [True] * 4 + [False]]
    for one, found in zip(probabilities, together, strict=True):
        np.testing.assert_array_equal(found, crf_from_probabilities(rgb, one, settings=SETTINGS))


def test_a_single_probable_label_takes_all():
    probabilities = np.zeros((3, 6, 8), dtype=np.float32)
    probabilities[1] = 1
    refined = crf_from_probabilities(two_halves(6, 8), probabilities, settings=SETTINGS)
    np.testing.assert_array_equal(refined, probabilities)


def test_read_only_and_strided_arrays_are_accepted_and_left_alone():
    rgb, probabilities = two_halves(), smooth_probabilities(3)
    expected = crf_from_probabilities(rgb, probabilities, settings=SETTINGS)
    kept_rgb, kept_probabilities = rgb.copy(), probabilities.copy()
    rgb.setflags(write=False)
    probabilities.setflags(write=False)
    np.testing.assert_array_equal(crf_from_probabilities(rgb, probabilities, settings=SETTINGS), expected)
    strided = np.asfortranarray(rgb)
    np.testing.assert_array_equal(crf_from_probabilities(strided, probabilities, settings=SETTINGS), expected)
    np.testing.assert_array_equal(rgb, kept_rgb)
    np.testing.assert_array_equal(probabilities, kept_probabilities)


def test_float_images_and_other_sizes_are_refused():
    labels = np.zeros((6, 8), dtype=np.int64)
    numbers = {"num_labels": 2, "confidence": 0.7, "settings": SETTINGS}
    with pytest.raises(ValueError, match="uint8 of their size"):
        crf_from_labels(np.zeros((6, 8, 3), dtype=np.float32), labels, **numbers)
    with pytest.raises(ValueError, match="uint8 of their size"):
        crf_from_labels(np.zeros((8, 6, 3), dtype=np.uint8), labels, **numbers)


def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match="number them 0 to 1"):
        crf_from_labels(two_halves(6, 8), np.full((6, 8), 2), num_labels=2, confidence=0.7, settings=SETTINGS)
