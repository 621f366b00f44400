"""IRN's parts against its formulas, written out pair by pair, on small fixed arrays with fixed results."""

import numpy as np
import pytest
import torch

from equivalence import irn_formulas
from orandnet.crf.dense_crf import CrfSettings
from orandnet.irn.affinity import affinity, offsets, path_cells
from orandnet.irn.labels import ir_label
from orandnet.irn.loss import affinity_loss
from orandnet.irn.random_walk import propagate

# tenths; a wall in the middle with a gap, and weaker traces around it
BOUNDARY = np.array(
    [
        [0, 1, 0, 9, 0, 1, 0, 0],
        [0, 0, 2, 10, 1, 0, 0, 3],
        [1, 0, 0, 6, 0, 0, 2, 0],
        [0, 0, 1, 8, 0, 0, 0, 0],
        [0, 3, 0, 9, 1, 0, 1, 0],
        [0, 0, 0, 7, 0, 2, 0, 0],
    ]
)
BOUNDARY = BOUNDARY / 10
LABELS = np.array(
    [
        [0, 0, 0, 255, 2, 2, 2, 2],
        [0, 0, 255, 255, 2, 2, 2, 2],
        [0, 0, 255, 255, 255, 2, 2, 2],
        [0, 0, 0, 255, 5, 5, 2, 2],
        [0, 0, 0, 255, 5, 5, 255, 2],
        [0, 0, 0, 0, 255, 255, 255, 255],
    ]
)
SCORES = np.zeros((2, 6, 8))
SCORES[0, 1:4, 4:7], SCORES[1, 3:5, 4:6], SCORES[1, 1, 1] = 0.9, 0.7, 0.4

# made once by the formulas: the loss at radius 4, the walked scores of the third row, and the labels of two objects
LOSS = 0.921403
WALKED = np.array(
    [
        [0.00083, 0.00084, 0.00085, 0.0392, 0.39833, 0.39833, 0.39832, 0.39834],
        [0.02835, 0.02835, 0.02835, 0.01796, 0.16253, 0.16253, 0.16253, 0.16254],
    ]
)
MARKS = """\
..............
..............
?aaaaaa???????
?aaaaaa??bbbb?
?aaaaaa??bbbb?
?aaaaaa??bbbb?
?aaaaaa??bbbb?
?aaaaaa??bbbb?
?????????bbbb?
??????????????"""


@pytest.mark.parametrize("radius", [2, 3, 5, 10])
def test_path_cells(radius):
    for dy, dx in offsets(radius):
        cells = path_cells((dy, dx))
        assert len(cells) == len(set(cells))
        assert set(cells) == irn_formulas.path_cells(dy, dx)


def test_path_cells_are_the_fixed_ones():
    assert irn_formulas.path_cells(1, 3) == {(y, x) for y in range(2) for x in range(4)}
    assert sorted(irn_formulas.path_cells(3, -2)) == [
        (0, -1),
        (0, 0),
        (1, -1),
        (1, 0),
        (2, -2),
        (2, -1),
        (3, -2),
        (3, -1),
    ]


def test_affinity():
    boundary = torch.from_numpy(BOUNDARY)
    ours = {}
    for dy, dx in offsets(4):
        found = affinity(boundary, (dy, dx))
        for row, column in np.ndindex(*found.shape):
            one = (row, column + max(0, -dx))
            ours[one, (one[0] + dy, one[1] + dx)] = found[row, column].item()
    expected = {pair: irn_formulas.affinity(BOUNDARY, *pair) for pair in irn_formulas.pairs(BOUNDARY.shape, 4)}
    assert ours.keys() == expected.keys()
    np.testing.assert_allclose([ours[pair] for pair in expected], list(expected.values()), atol=1e-12)
    assert expected[(2, 1), (2, 4)] == pytest.approx(0.4)  # through the gap
    assert expected[(1, 2), (2, 4)] == pytest.approx(0.0)  # past the wall


def test_loss():
    boundaries, labels = np.stack([BOUNDARY, BOUNDARY[::-1] / 2]), np.stack([LABELS, LABELS[:, ::-1]])
    expected = irn_formulas.loss(boundaries, labels, 4)
    assert expected == pytest.approx(LOSS, abs=1e-5)
    tensors = torch.from_numpy(boundaries.copy()).requires_grad_(), torch.from_numpy(labels.copy())
    loss = affinity_loss(*tensors, radius=4).loss
    assert loss.item() == pytest.approx(expected, rel=1e-9)
    loss.backward()
    cell, step = (0, 2, 3), 1e-6  # in the gap, the strongest of many paths
    moved = [boundaries.copy() for _ in range(2)]
    moved[0][cell] -= step
    moved[1][cell] += step
    low, high = (irn_formulas.loss(values, labels, 4) for values in moved)
    assert tensors[0].grad[cell].item() == pytest.approx((high - low) / (2 * step), rel=1e-4)


def test_walk():
    expected = irn_formulas.walk(SCORES, BOUNDARY, 5, 10, 8)
    np.testing.assert_allclose(expected[:, 2], WALKED, atol=1e-5)
    ours = propagate(SCORES, BOUNDARY, radius=5, beta=10.0, steps=256)
    np.testing.assert_allclose(ours, expected, atol=2e-5)
    np.testing.assert_array_equal(ours.argmax(axis=0), expected.argmax(axis=0))


def test_labels():
    rgb = np.full((10, 14, 3), (40, 90, 60), dtype=np.uint8)
    rgb[:2], rgb[2:8, 1:7], rgb[3:9, 9:13] = (150, 190, 240), (200, 60, 50), (60, 60, 210)
    rgb += ((np.arange(140).reshape(10, 14, 1) * 7) % 5).astype(np.uint8)
    y, x = np.mgrid[:10, :14]
    scores = np.stack([np.exp(-((y - 5) ** 2 + (x - a) ** 2) / s) for a, s in ((3, 9.0), (11, 5.0))])
    chosen = {"foreground": 0.3, "background": 0.05}
    expected = irn_formulas.inter_pixel_label(rgb, scores, [3, 7], **chosen)
    assert "\n".join("".join(".?ab"[(0, 255, 3, 7).index(i)] for i in row) for row in expected.tolist()) == MARKS
    ours = ir_label(
        rgb,
        scores,
        np.array([3, 7]),
        foreground_threshold=0.3,
        background_threshold=0.05,
        crf=CrfSettings(),
    )
    np.testing.assert_array_equal(ours, expected)
