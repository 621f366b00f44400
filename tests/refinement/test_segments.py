"""Segments that take the class of a mask: by hand, and laws of the merging."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orandnet.refinement.segments import merge, merged_scores, segments_of
from orandnet.refinement.settings import SuperpixelRefinement
from orandnet.refinement.superpixels import superpixels

RULE = {"segment_share": 0.5, "class_share": 0.85}


def line(*ids):
    return np.array([ids], dtype=np.uint8)


def merged(mask, *segments, **rule):
    return merge(mask, [np.array(segment) for segment in segments], **{**RULE, **rule})[0].tolist()


def test_a_segment_is_taken_by_the_class_that_covers_half_of_it_and_replaces_the_class():
    mask = line(1, 1, 0, 0, 1, 0, 0, 0)
    assert merged(mask, [0, 1, 2, 3], [4, 5, 6, 7]) == [1, 1, 1, 1, 0, 0, 0, 0]


def test_a_segment_is_taken_that_holds_nearly_all_of_a_class():
    mask = line(0, 3, 3, 0, 0, 0, 0, 0)
    assert merged(mask, [0, 1, 2, 3, 4, 5]) == [3, 3, 3, 3, 3, 3, 0, 0]
    assert merged(mask, [0, 1, 2, 3, 4, 5], class_share=None) == mask[0].tolist()  # none is chosen, the class stays


def test_of_overlapping_segments_the_purer_one_is_on_top():
    mask = line(1, 1, 1, 1, 2, 2, 0, 0)
    whole, part = [0, 1, 2, 3, 4, 5], [4, 5, 6]
    expected = [1, 1, 1, 1, 2, 2, 0, 0]
    assert merged(mask, whole, [4, 5]) == merged(mask, [4, 5], whole) == expected
    assert merged(mask, part, whole)[4:] == [2, 2, 2, 0]  # both are two thirds full: the smaller is on top


def test_a_class_without_a_segment_keeps_its_pixels():
    assert merged(line(1, 1, 0, 2), [0, 1, 2]) == [1, 1, 1, 2]
    assert merged(line(1, 1, 0, 2)) == [1, 1, 0, 2]


def test_pixels_in_no_segment_keep_their_class():
    mask = line(1, 1, 1, 0, 1, 0, 1, 0)
    assert merged(mask, [0, 1, 2, 3], [4, 5, 7]) == [1, 1, 1, 1, 0, 0, 1, 0]


def test_pixels_that_are_open_are_no_class():
    assert merged(line(255, 255, 1, 0), [0, 1], [2, 3]) == [255, 255, 1, 1]


MASKS = arrays(np.uint8, (3, 4), elements=st.integers(0, 3))
LABELS = arrays(np.int64, (3, 4), elements=st.integers(0, 5))


@given(MASKS, LABELS)
def test_segments_along_the_classes_change_nothing_and_no_class_is_new(mask, labels):
    np.testing.assert_array_equal(merge(mask, segments_of(mask), **RULE), mask)
    found = merge(mask, segments_of(labels), segment_share=0.5, class_share=None)
    assert set(np.unique(found)) <= {0, *np.unique(mask)}


@given(LABELS)
def test_the_segments_of_a_map_are_its_parts(labels):
    parts = segments_of(labels)
    assert sorted(np.concatenate(parts).tolist()) == list(range(labels.size))
    assert [set(labels.ravel()[part]) for part in parts] == [{value} for value in np.unique(labels)]


def test_the_scores_of_a_merged_mask_are_one_at_its_class():
    scores = np.array([[[0.9, 0.2, 0.0]], [[0.0, 0.1, 0.7]]], dtype=np.float32)
    found = merged_scores(scores, np.array([2, 7]), [np.array([0, 1])], background_threshold=0.5, **RULE)
    np.testing.assert_array_equal(found, [[[1, 1, 0]], [[0, 0, 1]]])


@pytest.mark.parametrize("algorithm", ["felzenszwalb", "slic"])
def test_superpixels_cover_the_image_and_keep_to_its_borders(algorithm):
    rgb = np.zeros((24, 30, 3), dtype=np.uint8)
    rgb[:, 13:] = (200, 40, 40)
    parts = superpixels(rgb, SuperpixelRefinement(algorithm=algorithm, sigma=0, num_segments=8))
    assert sorted(np.concatenate(parts).tolist()) == list(range(rgb[..., 0].size))
    assert len(parts) > 1
    assert all(len(np.unique(rgb.reshape(-1, 3)[part], axis=0)) == 1 for part in parts)
