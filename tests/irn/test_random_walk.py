"""The sparse walk against the dense matrix power, and the laws of a walk."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orandnet.irn import random_walk
from orandnet.irn.affinity import path_cells
from orandnet.irn.labels import label_against
from orandnet.irn.random_walk import chebyshev_coefficients, propagate, scaled_to_one
from orandnet.maps.grid import resize_scores

UNIT = st.floats(0, 1, width=32)


@st.composite
def walks(draw):
    num_classes, height, width = draw(st.integers(0, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    return {
        "scores": draw(arrays(np.float32, (num_classes, height, width), elements=UNIT)),
        "boundary": draw(arrays(np.float32, (height, width), elements=UNIT)),
        "radius": draw(st.integers(2, 5)),
        "beta": draw(st.sampled_from([1.0, 2.5, 10.0])),
        "steps": draw(st.sampled_from([0, 1, 2, 5, 17, 64])),
    }


def dense_walk(scores, boundary, *, radius, beta, steps):
    """The published form: (n, n) affinities, column sums, matrix power; float64, from the definition."""
    height, width = boundary.shape
    boundary = boundary.astype(np.float64)
    numbers = np.arange(height * width).reshape(height, width)
    matrix = np.eye(height * width)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if 0 < dy**2 + dx**2 < radius**2 and abs(dy) < height and abs(dx) < width:
                y, x = np.mgrid[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
                path = [boundary[y + a, x + b] for a, b in path_cells((dy, dx))]
                matrix[numbers[y, x], numbers[y + dy, x + dx]] = (1 - np.max(path, axis=0)) ** beta
    transition = matrix / matrix.sum(axis=0, keepdims=True)
    start = (scores.astype(np.float64) * (1 - boundary)).reshape(len(scores), height * width)
    return (start @ np.linalg.matrix_power(transition, steps)).reshape(scores.shape)


@given(walks())
def test_the_walk_is_the_dense_matrix_power(walk):
    np.testing.assert_allclose(propagate(**walk), dense_walk(**walk), atol=5e-5)


@pytest.mark.parametrize("shape", [(17, 23), (1, 40), (24, 2)])
@pytest.mark.parametrize("wall", [0.0, 0.5, 1.0])
def test_256_steps_keep_the_values_of_the_dense_form(shape, wall):
    generator = np.random.default_rng(shape)
    scores = generator.random((3, *shape), dtype=np.float32)
    boundary = (generator.random(shape) ** 3).astype(np.float32)
    boundary[:, shape[1] // 2] = wall
    numbers = {"radius": 5, "beta": 10.0, "steps": 256}
    ours, reference = propagate(scores, boundary, **numbers), dense_walk(scores, boundary, **numbers)
    np.testing.assert_allclose(ours, reference, atol=5e-4)


def test_256_steps_keep_the_labels_of_the_dense_form():
    generator = np.random.default_rng(0)
    scores = resize_scores(generator.random((2, 5, 6)), (30, 40))
    boundary = resize_scores(generator.random((1, 12, 16)), (30, 40))[0] ** 2
    numbers = {"radius": 5, "beta": 10.0, "steps": 256}
    ours, reference = propagate(scores, boundary, **numbers), dense_walk(scores, boundary, **numbers)
    np.testing.assert_allclose(ours, reference, atol=5e-4)
    assert (label_against(ours, 0.25) == label_against(reference, 0.25)).mean() >= 0.9999


def test_the_cut_expansion_is_as_close_in_float64_as_its_tail_says():
    generator = np.random.default_rng(0)
    scores, boundary = generator.random((2, 15, 15)), generator.random((15, 15)) ** 4
    numbers = {"radius": 5, "beta": 10.0, "steps": 256}
    ours = propagate(scores, boundary, **numbers)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, dense_walk(scores, boundary, **numbers), atol=2e-5)


@given(walks())
def test_no_class_leaves_the_range_it_starts_with(walk):
    walked = propagate(**walk)
    start = walk["scores"] * (1 - walk["boundary"])
    assert walked.dtype == np.float32
    assert walked.shape == start.shape
    for before, after in zip(start, walked, strict=True):
        assert before.min() <= after.min()
        assert after.max() <= before.max()


@given(walks())
def test_a_constant_map_without_boundary_stays_as_it_is(walk):
    constant, open_grid = np.full_like(walk["scores"], 0.7), np.zeros_like(walk["boundary"])
    np.testing.assert_array_equal(propagate(**{**walk, "scores": constant, "boundary": open_grid}), constant)


@given(walks())
def test_mirrored_inputs_give_mirrored_results(walk):
    mirrored = {**walk, "scores": walk["scores"][..., ::-1], "boundary": walk["boundary"][:, ::-1]}
    np.testing.assert_allclose(propagate(**mirrored)[..., ::-1], propagate(**walk), atol=5e-5)


@given(walks())
def test_each_class_walks_alone(walk):
    together = propagate(**walk)
    for k in range(len(together)):
        alone = propagate(**{**walk, "scores": walk["scores"][k : k + 1]})
        np.testing.assert_allclose(alone[0], together[k], atol=1e-5)


@given(walks())
def test_inputs_stay_as_they_are(walk):
    scores, boundary = walk["scores"].copy(), walk["boundary"].copy()
    propagate(**walk)
    np.testing.assert_array_equal(walk["scores"], scores)
    np.testing.assert_array_equal(walk["boundary"], boundary)


def test_a_closed_wall_is_not_crossed_and_an_open_grid_is_filled():
    scores, wall = np.zeros((1, 3, 5), np.float32), np.zeros((3, 5), np.float32)
    scores[0, 1, 0] = 1
    wall[:, 2] = 1
    numbers = {"radius": 5, "beta": 10.0, "steps": 256}
    walked = propagate(scores, wall, **numbers)[0]
    assert (walked[:, :2] > 0.05).all()
    assert (walked[:, 2:] == 0).all()
    assert (propagate(scores, np.zeros_like(wall), **numbers) > 0.05).all()


def test_no_step_returns_the_start():
    scores, boundary = np.array([[[0.5, 1.0]]], np.float32), np.array([[0.5, 0.25]], np.float32)
    np.testing.assert_array_equal(propagate(scores, boundary, radius=5, beta=10.0, steps=0), [[[0.25, 0.75]]])


def test_tensors_in_tensors_out():
    scores, boundary = torch.rand(2, 4, 5), torch.rand(4, 5)
    numbers = {"radius": 3, "beta": 2.0, "steps": 9}
    walked = propagate(scores, boundary, **numbers)
    assert isinstance(walked, torch.Tensor)
    np.testing.assert_array_equal(walked.numpy(), propagate(scores.numpy(), boundary.numpy(), **numbers))


@pytest.mark.parametrize("steps", [1, 2, 7, 64, 256, 100_000])
def test_coefficients_sum_to_one_but_for_the_tail_and_stay_exact_for_few_steps(steps):
    coefficients = chebyshev_coefficients(steps)
    assert 1 - 1.1e-5 <= math.fsum(coefficients) <= 1 + 1e-12
    if steps <= 7:  # the last coefficient, 2^(1 - steps), is far above the tail
        assert len(coefficients) == steps + 1
    angles = np.linspace(0, math.pi, 101)
    expanded = sum(c * np.cos(k * angles) for k, c in enumerate(coefficients))
    np.testing.assert_allclose(expanded, np.cos(angles) ** steps, atol=1.1e-5)


def test_256_steps_take_70_products():
    assert len(chebyshev_coefficients(256)) - 1 == 70


def test_grids_must_agree():
    with pytest.raises(ValueError, match="resize one of them first"):
        propagate(np.zeros((1, 2, 3)), np.zeros((3, 2)), radius=5, beta=10.0, steps=2)


def test_negative_steps_are_refused():
    with pytest.raises(ValueError, match="give 0 or more"):
        propagate(np.zeros((1, 2, 3)), np.zeros((2, 3)), radius=5, beta=10.0, steps=-1)


def test_of_large_grids_nothing_is_kept(monkeypatch):
    scores, boundary = np.random.default_rng(0).random((1, 6, 7)), np.random.default_rng(1).random((6, 7))
    expected = propagate(scores, boundary, radius=5, beta=10, steps=16)
    monkeypatch.setattr(random_walk, "MOST_KEPT", 41)
    random_walk.forget_structures()
    np.testing.assert_array_equal(propagate(scores, boundary, radius=5, beta=10, steps=16), expected)
    assert random_walk._structure.cache_info().currsize == 0


def test_scaling_keeps_the_ratio_of_the_classes():
    scores = np.array([[[0.1, 0.2]], [[0.4, 0.0]]], np.float32)
    np.testing.assert_allclose(scaled_to_one(scores), [[[0.25, 0.5]], [[1.0, 0.0]]])
    np.testing.assert_array_equal(scaled_to_one(np.zeros((2, 1, 2))), np.zeros((2, 1, 2)))
    assert scaled_to_one(np.zeros((0, 1, 2))).shape == (0, 1, 2)
