"""Neighbours, paths and affinities on small grids made by hand, and the laws they keep."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from orandnet.irn.affinity import affinity, fits, offsets, path_cells, path_maximum, window

BOUNDARIES = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.floats(0, 1, width=32))


@pytest.mark.parametrize(("radius", "count"), [(1, 0), (2, 4), (5, 34), (10, 152)])
def test_half_of_the_disc_has_the_published_number_of_offsets(radius, count):
    assert len(offsets(radius)) == count


@given(st.integers(2, 8))
def test_every_pair_is_listed_once(radius):
    half = set(offsets(radius))
    opposite = {(-dy, -dx) for dy, dx in half}
    disc = {
        (dy, dx)
        for dy in range(-radius, radius + 1)
        for dx in range(-radius, radius + 1)
        if 0 < dy**2 + dx**2 < radius**2
    }
    assert not half & opposite
    assert half | opposite == disc


def test_straight_paths_are_lines_and_slanted_ones_are_thick():
    assert path_cells((0, 2)) == ((0, 0), (0, 1), (0, 2))
    assert path_cells((2, 0)) == ((0, 0), (1, 0), (2, 0))
    assert path_cells((1, -1)) == ((0, -1), (0, 0), (1, -1), (1, 0))
    # (1, 3) lies at a distance of exactly 1 from the line to (3, 4), (1, 2) at 2 / 5
    assert (1, 2) in path_cells((3, 4))
    assert (1, 3) not in path_cells((3, 4))
    # the corners (0, 2) and (2, 0) lie sqrt(2) from the diagonal, their neighbours sqrt(1/2)
    assert set(path_cells((2, 2))) == {(y, x) for y in range(3) for x in range(3)} - {(0, 2), (2, 0)}


@given(st.sampled_from(offsets(10)))
def test_a_path_joins_its_ends_and_reads_the_same_from_both(offset):
    dy, dx = offset
    cells = set(path_cells(offset))
    assert {(0, 0), offset} <= cells
    assert {(dy - y, dx - x) for y, x in cells} == cells
    assert set(path_cells((dy, -dx))) == {(y, -x) for y, x in cells}


def test_a_wall_parts_the_sides_of_a_grid():
    boundary = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.25, 0.0]])
    torch.testing.assert_close(affinity(boundary, (0, 2)), torch.tensor([[0.0], [0.0], [0.75]]))
    torch.testing.assert_close(affinity(boundary, (1, 0)), torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]))
    # (1, 1) crosses its whole 2 x 2 box
    torch.testing.assert_close(affinity(boundary, (1, 1)), torch.tensor([[0.0, 0.0], [0.0, 0.0]]))


@given(BOUNDARIES, st.sampled_from(offsets(5)))
def test_affinity_is_one_minus_the_strongest_boundary_of_the_path(boundary, offset):
    height, width = boundary.shape
    dy, dx = offset
    if not fits((height, width), offset):
        return
    pairs = affinity(torch.from_numpy(boundary), offset).numpy()
    assert pairs.shape == (height - dy, width - abs(dx))
    for y in range(height - dy):
        for x in range(width - abs(dx)):
            column = x + max(0, -dx)
            on_path = [boundary[y + a, column + b] for a, b in path_cells(offset)]
            assert pairs[y, x] == 1 - max(on_path)


@given(BOUNDARIES, st.sampled_from(offsets(4)))
def test_a_mirrored_boundary_gives_mirrored_affinities(boundary, offset):
    if not fits(boundary.shape, offset):
        return
    dy, dx = offset
    plane = torch.from_numpy(boundary)
    torch.testing.assert_close(
        affinity(plane.flip(-1), offset), affinity(plane, (dy, -dx) if dy else offset).flip(-1), rtol=0, atol=0
    )


def test_windows_of_the_two_ends_are_the_pairs_of_the_grid():
    numbers = torch.arange(12).view(3, 4)
    first, second = window(numbers, (0, 0), (1, -2)), window(numbers, (1, -2), (1, -2))
    assert first.tolist() == [[2, 3], [6, 7]]
    assert second.tolist() == [[4, 5], [8, 9]]


def test_batches_are_treated_map_by_map():
    boundaries = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(0))
    both = path_maximum(boundaries, (2, -1))
    for one, boundary in zip(both, boundaries, strict=True):
        torch.testing.assert_close(one, path_maximum(boundary, (2, -1)), rtol=0, atol=0)
