"""Augmentations keep image and mask together and take all chance from the given generator."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orandnet.files.mask import IGNORE_INDEX
from orandnet.maps.grid import scaled_size
from orandnet.training.augment import (
    color_jitter,
    random_crop,
    random_flip,
    resize,
    resize_mask,
    to_tensor,
)

PAD = (201, 202, 203)
sides = st.integers(1, 40)
seeds = st.integers(0, 2**32 - 1)


def coordinates(height, width):
    """An image whose red and green are the row and column, and a mask that says the same as one number."""
    rows, columns = np.mgrid[:height, :width]
    rgb = np.stack([rows, columns, np.full_like(rows, 7)], axis=2)
    return rgb.astype(np.uint8), ((3 * rows + 5 * columns) % 200).astype(np.uint8)


def belongs_together(rgb, mask):
    """Whether each pixel is a coordinate with its own mask value, or padding with 255."""
    red, green = rgb[..., 0].astype(int), rgb[..., 1].astype(int)
    inside = rgb[..., 2] == 7
    np.testing.assert_array_equal(mask[inside], (3 * red + 5 * green)[inside] % 200)
    assert (rgb[~inside] == PAD).all()
    assert (mask[~inside] == IGNORE_INDEX).all()
    return inside


@given(sides, sides, sides, seeds)
def test_a_crop_is_a_whole_window_of_the_image_or_the_whole_image_in_a_window(height, width, size, seed):
    rgb, mask = random_crop(*coordinates(height, width), size, np.random.default_rng(seed), pad_rgb=PAD)
    assert rgb.shape == (size, size, 3)
    assert mask.shape == (size, size)
    assert rgb.dtype == mask.dtype == np.uint8
    inside = belongs_together(rgb, mask)
    taken = min(height, size), min(width, size)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert (len(rows), len(columns)) == taken
    assert inside[np.ix_(rows, columns)].all()
    shown = rgb[np.ix_(rows, columns)].astype(int)
    assert (np.diff(shown[:, 0, 0]) == 1).all()
    assert (np.diff(shown[0, :, 1]) == 1).all()


def test_every_place_of_the_window_comes_up():
    rgb, mask = coordinates(4, 2)
    generator = np.random.default_rng(0)
    corners, margins = set(), set()
    for _ in range(100):
        window, _ = random_crop(rgb, mask, 3, generator, pad_rgb=PAD)
        inside = window[..., 2] == 7
        corners.add(int(window[inside][0][0]))
        margins.add(int(np.flatnonzero(inside.any(axis=0))[0]))
    assert corners == {0, 1}
    assert margins == {0, 1}


def test_a_crop_without_mask_draws_the_same_numbers():
    rgb, mask = coordinates(20, 30)
    with_mask, _ = random_crop(rgb, mask, 12, np.random.default_rng(3), pad_rgb=PAD)
    without, nothing = random_crop(rgb, None, 12, np.random.default_rng(3), pad_rgb=PAD)
    assert nothing is None
    np.testing.assert_array_equal(with_mask, without)


@given(sides, sides, seeds)
def test_a_flip_mirrors_both_or_neither_and_twice_is_nothing(height, width, seed):
    rgb, mask = coordinates(height, width)
    flipped, flipped_mask = random_flip(rgb, mask, np.random.default_rng(seed))
    belongs_together(flipped, flipped_mask)
    again, again_mask = random_flip(flipped, flipped_mask, np.random.default_rng(seed))
    np.testing.assert_array_equal(again, rgb)
    np.testing.assert_array_equal(again_mask, mask)


def test_about_half_of_the_images_are_flipped():
    rgb, _ = coordinates(2, 3)
    generator = np.random.default_rng(0)
    flipped = [int(random_flip(rgb, None, generator)[0][0, 0, 1]) == 2 for _ in range(400)]
    assert 160 < sum(flipped) < 240


@given(sides, sides, sides, sides, seeds)
def test_resizing_a_mask_invents_no_id(height, width, new_height, new_width, seed):
    mask = np.random.default_rng(seed).choice(np.array([0, 3, 17, 255], np.uint8), (height, width))
    resized = resize_mask(mask, (new_height, new_width))
    assert resized.shape == (new_height, new_width)
    assert resized.dtype == np.uint8
    assert set(np.unique(resized)) <= set(np.unique(mask))


@given(sides, sides, sides, sides)
def test_resizing_an_image_keeps_a_plain_colour(height, width, new_height, new_width):
    rgb = np.full((height, width, 3), (10, 200, 255), np.uint8)
    resized = resize(rgb, (new_height, new_width))
    assert resized.shape == (new_height, new_width, 3)
    assert (resized == (10, 200, 255)).all()


def test_image_and_mask_are_resized_on_the_same_pixels():
    mask = np.zeros((30, 40), np.uint8)
    mask[8:20, 12:30] = 255
    rgb = np.repeat(mask[..., None], 3, axis=2)
    small_rgb, small_mask = resize(rgb, (15, 20)), resize_mask(mask, (15, 20))
    np.testing.assert_array_equal(small_rgb[..., 0] > 127, small_mask > 127)


def test_sizes_are_rounded_and_never_vanish():
    assert scaled_size((100, 51), 0.5) == (50, 26)
    assert scaled_size((1, 3), 0.1) == (1, 1)


def photograph(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)


STRENGTHS = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1}


def test_jitter_of_strength_zero_changes_nothing():
    generator = np.random.default_rng(0)
    for seed in range(3):
        rgb = photograph(seed)
        np.testing.assert_array_equal(color_jitter(rgb, generator, **dict.fromkeys(STRENGTHS, 0.0)), rgb)


@pytest.mark.parametrize("name", STRENGTHS)
def test_each_property_of_colour_is_changed_on_its_own(name):
    rgb = photograph()
    jittered = color_jitter(rgb, np.random.default_rng(0), **{**dict.fromkeys(STRENGTHS, 0.0), name: STRENGTHS[name]})
    assert jittered.shape == rgb.shape
    assert jittered.dtype == np.uint8
    assert (jittered != rgb).any()


def test_brightness_stays_within_its_share():
    rgb = np.full((1, 1, 3), 100, np.uint8)
    generator = np.random.default_rng(0)
    levels = [
        color_jitter(rgb, generator, brightness=0.3, contrast=0, saturation=0, hue=0)[0, 0, 0] for _ in range(200)
    ]
    assert 69 <= min(levels) < 75
    assert 125 < max(levels) <= 130


def test_the_changes_of_colour_can_come_in_any_order():
    rgb, strong = photograph(), dict.fromkeys(STRENGTHS, 0.5)
    in_order = [color_jitter(rgb, np.random.default_rng(seed), **strong) for seed in range(6)]
    shuffled = [color_jitter(rgb, np.random.default_rng(seed), **strong, random_order=True) for seed in range(6)]
    assert any((one != other).any() for one, other in zip(in_order, shuffled, strict=True))
    alone = {**dict.fromkeys(STRENGTHS, 0.0), "contrast": 0.5}  # of one change there is one order
    np.testing.assert_array_equal(
        color_jitter(rgb, np.random.default_rng(0), **alone, random_order=True),
        color_jitter(rgb, np.random.default_rng(0), **alone),
    )


def test_a_small_image_lies_anywhere_in_the_window_or_at_its_corner():
    rgb, mask = coordinates(4, 9)
    for seed in range(5):
        window, window_mask = random_crop(rgb, mask, 6, np.random.default_rng(seed), pad_rgb=PAD, small_at_corner=True)
        assert (window_mask[:4] != 255).all()
        assert (window_mask[4:] == 255).all()
        assert (window[4:] == PAD).all()
    tops = {
        int(np.argmax((random_crop(rgb, mask, 6, np.random.default_rng(seed), pad_rgb=PAD)[1] != 255).any(axis=1)))
        for seed in range(20)
    }
    assert tops == {0, 1, 2}


@pytest.mark.parametrize("seed", [0, 1])
def test_the_generator_alone_decides_and_the_arguments_stay_as_they_are(seed):
    rgb, mask = photograph(), coordinates(8, 9)[1]
    before = rgb.copy(), mask.copy()

    def augmented():
        generator = np.random.default_rng(seed)
        pair = random_crop(*random_flip(rgb, mask, generator), 6, generator, pad_rgb=PAD)
        return color_jitter(pair[0], generator, **STRENGTHS), pair[1]

    for first, second in zip(augmented(), augmented(), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(rgb, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_a_flipped_image_becomes_a_tensor():
    rgb = photograph()
    tensor = to_tensor(rgb[:, ::-1])
    assert tuple(tensor.shape) == (3, 8, 9)
    np.testing.assert_array_equal(tensor.numpy(), rgb[:, ::-1].transpose(2, 0, 1))
