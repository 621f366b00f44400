"""Pictures to look at: a mask over its image, and names below."""

import numpy as np

from orandnet.maps.pictures import LINE, mask_over, with_names

RGB = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def test_a_mask_lies_half_over_the_image_and_the_background_shows_it_whole():
    mask = np.zeros((30, 40), np.uint8)
    mask[:, 20:] = 1  # VOC's colour of 1 is (128, 0, 0)
    picture = mask_over(RGB, mask)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[:, :20], RGB[:, :20])
    expected = np.round((RGB[:, 20:] + np.array([128.0, 0, 0])) / 2 + 0.01)
    np.testing.assert_array_equal(picture[:, 20:], expected)


def test_names_stand_below_in_as_many_lines_as_they_need_and_widen_the_picture_if_one_is_wider():
    wide = np.tile(RGB, (1, 10, 1))
    one = with_names(wide, [("cat", (128, 0, 0)), ("dog", None)])
    assert one.shape == (30 + LINE, 400, 3)
    np.testing.assert_array_equal(one[:30], wide)
    assert (one[30:] == (128, 0, 0)).all(axis=2).sum() > 50  # the square
    assert one[30:].min() < 60  # letters
    narrow = with_names(RGB, [("cat", None), ("a name wider than the picture", None), ("über", None)])
    assert narrow.shape[0] == 30 + 3 * LINE
    assert narrow.shape[1] > 40
    np.testing.assert_array_equal(narrow[:30, :40], RGB)
    assert with_names(RGB, []).shape == (30 + LINE, 40, 3)
