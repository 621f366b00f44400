"""The grid of the CAMs, and the same interpolation as torch's without torch."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orandnet.maps import grid
from orandnet.maps.grid import GRID_STRIDE, averaged, grid_shape, resize_scores, to_grid

sides = st.integers(1, 40)


@st.composite
def score_maps(draw):
    shape = (draw(st.integers(0, 3)), draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    return draw(arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))


@given(score_maps(), sides, sides)
def test_resizing_is_torchs_bilinear_interpolation_with_half_pixel_centres(scores, height, width):
    resized = resize_scores(scores, (height, width))
    assert resized.dtype == np.float32
    assert resized.shape == (len(scores), height, width)
    if len(scores):
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(scores)[None], size=(height, width), mode="bilinear", align_corners=False
        )
        np.testing.assert_allclose(resized, expected[0].numpy(), atol=1e-5)


@given(score_maps(), sides, sides)
def test_resized_scores_stay_within_the_range_of_their_map(scores, height, width):
    for before, after in zip(scores, resize_scores(scores, (height, width)), strict=True):
        assert before.min() - 1e-6 <= after.min()
        assert after.max() <= before.max() + 1e-6


@given(score_maps(), sides, sides)
def test_a_mirrored_map_gives_the_mirrored_result(scores, height, width):
    mirrored = resize_scores(scores[:, :, ::-1], (height, width))
    np.testing.assert_allclose(mirrored[:, :, ::-1], resize_scores(scores, (height, width)), atol=1e-6)


def test_the_same_shape_gives_a_copy():
    scores = np.ones((1, 2, 2), np.float32)
    resized = resize_scores(scores, (2, 2))
    resized[:] = 0
    assert scores.min() == 1


def test_one_row_by_hand():
    doubled = resize_scores(np.array([[[0.0, 1.0]]]), (1, 4))
    np.testing.assert_allclose(doubled, [[[0.0, 0.25, 0.75, 1.0]]])


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_the_grid_covers_the_image_and_no_cell_lies_outside(height, width):
    for cells, pixels in zip(grid_shape((height, width)), (height, width), strict=True):
        assert (cells - 1) * GRID_STRIDE < pixels <= cells * GRID_STRIDE


@given(sides, sides, st.floats(0, 1, width=32), st.integers(1, 40), st.integers(1, 40))
def test_on_the_grid_scores_stay_in_their_range(height, width, value, h, w):
    raw = np.random.default_rng(0).random((1, h, w), dtype=np.float32) * np.float32(value)
    found = to_grid(raw, (height, width))
    assert found.shape == (1, *grid_shape((height, width)))
    assert raw.min() <= found.min() <= found.max() <= raw.max()


def test_of_large_maps_nothing_is_kept(monkeypatch):
    scores = np.random.default_rng(0).random((1, 40, 30), dtype=np.float32)
    expected = resize_scores(scores, (161, 121)), averaged(scores, (9, 7))
    monkeypatch.setattr(grid, "MOST_KEPT", 0)
    grid._weights.cache_clear()
    grid._overlaps.cache_clear()
    for found, same in zip((resize_scores(scores, (161, 121)), averaged(scores, (9, 7))), expected, strict=True):
        np.testing.assert_array_equal(found, same)
    assert grid._weights.cache_info().currsize == grid._overlaps.cache_info().currsize == 0
