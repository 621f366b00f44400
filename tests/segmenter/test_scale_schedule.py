"""Laws of scale scheduling, and the training windows that follow from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pydantic import ValidationError

from orandnet.dataset.index import Record
from orandnet.segmenter.sample import TrainingPairs
from orandnet.segmenter.scale_schedule import (
    crop_side,
    doubts,
    pixels_of_steps,
    pixels_seen,
    rescale_pair,
    scale_factor,
    steps_of_equal_pixels,
)
from orandnet.segmenter.settings import ScaleSchedule, Settings, TrainSettings, schedule_factors, training_settings
from orandnet.segmenter.stage import with_pixels_of_baseline

progresses = st.floats(0, 1, exclude_max=True)
fractions = st.floats(0, 1)
schedules = st.lists(st.floats(0.01, 1), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)
sides = st.integers(1, 12)


@given(progresses, progresses, fractions, schedules)
def test_the_factor_never_falls(one, other, fraction, factors):
    early, late = sorted((one, other))
    schedule = {"factors": factors, "fraction": fraction}
    assert scale_factor(early, **schedule) <= scale_factor(late, **schedule)


@given(progresses, fractions, schedules)
def test_the_factor_is_one_of_the_schedule_and_1_after_its_part(progress, fraction, factors):
    factor = scale_factor(progress, factors=factors, fraction=fraction)
    assert factor in {*factors, 1.0}
    if progress >= fraction:
        assert factor == 1


@given(progresses, fractions)
def test_the_baseline_is_always_1(progress, fraction):
    assert scale_factor(progress, factors=(1.0,), fraction=fraction) == 1


def test_the_steps_are_of_equal_length():
    factors = [scale_factor(step / 16, factors=(0.33, 0.5, 0.7, 1.0), fraction=0.5) for step in range(16)]
    assert factors == [0.33, 0.33, 0.5, 0.5, 0.7, 0.7] + [1.0] * 10


@given(st.data(), sides, sides, st.floats(0.1, 2))
def test_rescaling_keeps_the_pair_together_and_invents_no_id(data, height, width, factor):
    rgb = data.draw(arrays(np.uint8, (height, width, 3)))
    mask = data.draw(arrays(np.uint8, (height, width)))
    small_rgb, small_mask = rescale_pair(rgb, mask, factor)
    assert small_rgb.shape == (*small_mask.shape, 3)
    assert small_mask.shape == (max(1, round(height * factor)), max(1, round(width * factor)))
    assert set(np.unique(small_mask)) <= set(np.unique(mask))
    assert small_rgb.min() >= rgb.min()
    assert small_rgb.max() <= rgb.max()


def test_factor_1_leaves_the_pair_as_it_is():
    rgb, mask = np.arange(27, dtype=np.uint8).reshape(3, 3, 3), np.arange(9, dtype=np.uint8).reshape(3, 3)
    same_rgb, same_mask = rescale_pair(rgb, mask, 1.0)
    np.testing.assert_array_equal(same_rgb, rgb)
    np.testing.assert_array_equal(same_mask, mask)


def test_shrinking_averages_the_image_and_picks_from_the_mask():
    rgb = np.zeros((4, 4, 3), dtype=np.uint8)
    rgb[::2] = 200  # stripes of one pixel: without antialias half of them would be all that is seen
    mask = np.repeat(np.repeat(np.array([[0, 7], [255, 3]], dtype=np.uint8), 2, axis=0), 2, axis=1)
    small_rgb, small_mask = rescale_pair(rgb, mask, 0.5)
    assert abs(small_rgb.astype(int) - 100).max() <= 30
    np.testing.assert_array_equal(small_mask, [[0, 7], [255, 3]])


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="make the masks from these images"):
        rescale_pair(np.zeros((3, 3, 3), np.uint8), np.zeros((3, 4), np.uint8), 1.0)


def test_the_window_is_fixed_or_follows_the_images():
    assert crop_side(321, 0.33, scale_crop=False) == 321
    assert crop_side(321, 0.33, scale_crop=True) == 106
    assert crop_side(1, 0.1, scale_crop=True) == 1


@pytest.mark.parametrize("factors", [(0.7, 0.5), (0.0, 1.0), (0.5, 1.2), ()])
def test_a_schedule_that_does_not_grow_to_1_is_refused(factors):
    with pytest.raises(ValidationError):
        ScaleSchedule(factors=factors)


def test_the_baseline_differs_from_the_schedule_in_nothing_but_the_factors():
    settings = TrainSettings()
    assert schedule_factors(settings, "baseline") == (1.0,)
    assert schedule_factors(settings, "scale") == settings.scale_schedule.factors
    assert schedule_factors(settings, "scale_same_pixels") == settings.scale_schedule.factors
    with pytest.raises(ValueError, match="choose baseline or scale or scale_same_pixels"):
        schedule_factors(settings, "fast")


def test_a_tuned_schedule_does_not_train_the_baseline_again():
    tuned = Settings(scale_schedule={"factors": (0.5, 1.0)}, crop_size=100, schedules=["scale"])
    assert training_settings(tuned, "scale").scale_schedule == tuned.scale_schedule
    assert training_settings(tuned, "baseline") == training_settings(Settings(crop_size=100), "baseline")
    assert training_settings(tuned, "baseline").crop_size == 100


@pytest.fixture
def pairs(tmp_path):
    """Training windows of one all-white 20 x 30 image of class 2."""
    Image.fromarray(np.full((20, 30, 3), 255, np.uint8)).save(tmp_path / "a.png")
    record = Record(image_id="a", image=str(tmp_path / "a.png"), split="train", size=(20, 30), classes=(2,))

    def make(**settings):
        settings = TrainSettings(crop_size=40, random_scale=(1.0, 1.0), **settings)
        factors = settings.scale_schedule.factors
        return TrainingPairs([record], lambda _: np.full((20, 30), 2, np.uint8), settings, factors, (9, 9, 9))

    return make


def draw(pairs, progress, seed=0):
    rgb, mask = pairs(0, np.random.default_rng(seed), progress)
    return rgb.numpy(), mask.numpy()


def test_padding_is_ignored_never_background(pairs):
    rgb, mask = draw(pairs(scale_schedule={"factors": (0.5, 1.0)}), 0.0)
    assert rgb.shape == (3, 40, 40)
    assert mask.shape == (40, 40)
    assert set(np.unique(mask)) == {2, 255}
    assert (mask == 2).sum() == 10 * 15
    assert (rgb[:, mask == 255] == 9).all()
    assert (rgb[:, mask == 2] == 255).all()


def test_a_batch_has_one_scale_or_each_image_its_own(tmp_path):
    Image.fromarray(np.full((20, 30, 3), 255, np.uint8)).save(tmp_path / "a.png")
    record = Record("a", str(tmp_path / "a.png"), "train", (20, 30), (2,))

    def shown(progress, slot, **changes):
        settings = TrainSettings(crop_size=64, random_scale=(0.5, 2.0), **changes)
        mask = np.full((20, 30), 2, np.uint8)
        pairs = TrainingPairs([record], lambda _: mask, settings, (1.0,), (9, 9, 9), random_seed=5)
        return int((draw(pairs, progress, slot)[1] == 2).sum())

    steps = [step / 7 for step in range(7)]
    alike = [{shown(progress, slot, scale_per_batch=True) for slot in range(3)} for progress in steps]
    assert all(len(batch) == 1 for batch in alike)
    assert len(set.union(*alike)) > 4
    assert len({shown(steps[0], slot) for slot in range(3)}) == 3


def test_small_images_lie_at_the_top_left_where_asked(pairs):
    for seed in range(3):
        _, mask = draw(pairs(small_images="top_left"), 0.9, seed)
        assert (mask[:20, :30] == 2).all()
        assert (mask == 2).sum() == 20 * 30


def test_a_scaled_window_sees_as_much_of_the_scene(pairs):
    shrunk = pairs(scale_schedule={"factors": (0.5, 1.0), "scale_crop": True})
    assert draw(shrunk, 0.0)[0].shape == (3, 20, 20)
    assert draw(shrunk, 0.9)[0].shape == (3, 40, 40)
    assert (draw(shrunk, 0.0)[1] == 2).mean() == (draw(shrunk, 0.9)[1] == 2).mean()


def test_windows_of_one_step_have_one_shape_and_come_from_the_generator_alone(pairs):
    settings = {"scale_schedule": {"factors": (0.5, 1.0), "scale_crop": True}}
    first, again = draw(pairs(**settings), 0.2, seed=3), draw(pairs(**settings), 0.2, seed=3)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert draw(pairs(**settings), 0.2, seed=4)[0].shape == first[0].shape


@given(st.integers(1, 400), schedules, fractions)
def test_the_same_pixels_are_seen_in_more_steps_to_within_one(num_steps, factors, fraction):
    pixels = {factor: factor**2 for factor in (*factors, 1.0)}
    steps = steps_of_equal_pixels(num_steps, pixels, factors=factors, fraction=fraction)
    assert steps >= num_steps
    assert abs(pixels_of_steps(steps, pixels, factors=factors, fraction=fraction) - num_steps) <= 1 + 1e-9


def test_the_pixels_of_a_window_are_those_of_the_image_in_it():
    def seen(factor, random_scale=(1.0, 1.0), scale_crop=False):
        return pixels_seen((20, 30), factor, crop_size=24, scale_crop=scale_crop, random_scale=random_scale)

    assert seen(1.0) == 20 * 24
    assert seen(0.5) == 10 * 15  # a fixed window sees the whole small image
    assert seen(0.5, scale_crop=True) == 10 * 12
    # the mean of 20 s min(30 s, 24) over s in [0.5, 1]
    assert seen(1.0, random_scale=(0.5, 1.0)) == pytest.approx(327.6, rel=0.01)


@pytest.mark.parametrize("scale_crop", [False, True])
def test_windows_drawn_over_the_whole_training_show_the_pixels_of_the_baseline(pairs, scale_crop):
    scheduled = pairs(scale_schedule={"factors": (0.5, 1.0), "scale_crop": scale_crop}, training={"batch_size": 2})
    training = with_pixels_of_baseline(scheduled.settings, [(20, 30)] * 6)
    steps, baseline = training.num_steps(6), scheduled.settings.training.num_steps(6)
    assert baseline == 3 * 30
    assert steps == training.max_iterations > baseline
    shown = [(draw(scheduled, step / steps)[1] != 255).sum() for step in range(steps)]
    assert abs(sum(shown) - baseline * 20 * 30) <= 20 * 30


def test_a_longer_training_keeps_the_limit_of_the_one_it_is_compared_with():
    settings = TrainSettings(training={"max_iterations": 10, "batch_size": 4})
    training = with_pixels_of_baseline(settings, [(300, 400)] * 40)
    assert 10 < training.num_steps(40) < 20
    assert training.epochs == 2  # passes over 10 batches each


@pytest.mark.parametrize(
    ("schedule", "num_steps", "said"),
    [("baseline", 112, []), ("scale", 3000, []), ("scale", 2999, ["short"]), ("scale_same_pixels", 130, ["short"])],
)
def test_small_images_in_a_short_training_are_doubted(schedule, num_steps, said):
    found = [*doubts(schedule, num_steps)]
    assert [code for code, _ in found] == [f"{word}_scale_schedule" for word in said]
    assert all(f"{schedule} over {num_steps} steps" in message for _, message in found)
