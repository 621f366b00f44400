"""Labels for the boundary network: the truth table of the two labellings, and the loss they feed."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from orandnet.crf.dense_crf import CrfSettings
from orandnet.dataset.index import Record
from orandnet.files.store import Cam, CamStore, write_shard
from orandnet.files.thresholds import Thresholds, write_thresholds
from orandnet.irn import stage
from orandnet.irn.affinity import offsets, path_cells
from orandnet.irn.labels import combine, count_sure, describe_sure, ir_label, label_against
from orandnet.irn.loss import affinity_loss, pair_kinds
from orandnet.irn.settings import LabelSettings
from orandnet.irn.stage import with_thresholds
from orandnet.job.warnings import collected_warnings
from orandnet.training.windows import cell_labels

NO_PAIRS = CrfSettings(gaussian_compat=0, bilateral_compat=0)  # the CRF then returns what it is given


def grey(height, width):
    return np.full((height, width, 3), 128, dtype=np.uint8)


def test_confident_and_unsure_pixels_are_told_apart():
    scores = np.array([[[0.9, 0.2, 0.0]], [[0.0, 0.1, 0.04]]], dtype=np.float32)
    label = ir_label(grey(1, 3), scores, np.array([3, 7]), crf=NO_PAIRS)
    np.testing.assert_array_equal(label, [[3, 255, 0]])
    assert label.dtype == np.uint8


def test_a_class_that_only_the_first_labelling_names_is_kept():
    foreground, background = np.array([[0, 0, 1, 2]]), np.array([[0, 1, 0, 1]])
    np.testing.assert_array_equal(combine(foreground, background, np.array([3, 7])), [[0, 255, 3, 7]])


def test_ties_go_to_the_background_and_then_to_the_first_class():
    scores = np.array([[[0.5, 0.3, 0.0]], [[0.5, 0.3, 0.0]]], dtype=np.float32)
    np.testing.assert_array_equal(label_against(scores, np.float32(0.3)), [[1, 0, 0]])


def test_an_image_without_classes_is_background():
    label = ir_label(grey(2, 3), np.zeros((0, 2, 3), np.float32), np.zeros(0, np.int64), crf=CrfSettings())
    np.testing.assert_array_equal(label, np.zeros((2, 3)))


@hypothesis_settings(max_examples=15)
@given(arrays(np.float32, (2, 5, 6), elements=st.floats(0, 1, width=32)), st.integers(0, 9))
def test_only_given_classes_background_and_ignore_occur(scores, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    label = ir_label(rgb, scores, np.array([2, 20]), crf=CrfSettings())
    assert label.shape == (5, 6)
    assert set(np.unique(label)) <= {0, 2, 20, 255}


@given(arrays(np.float32, (2, 4, 4), elements=st.floats(0, 1, width=32)))
def test_equal_thresholds_leave_nothing_unsure(scores):
    label = ir_label(
        grey(4, 4), scores, np.array([1, 2]), foreground_threshold=0.2, background_threshold=0.2, crf=NO_PAIRS
    )
    np.testing.assert_array_equal(label, label_against(scores, 0.2))


def test_thresholds_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="exchange them"):
        LabelSettings(foreground_threshold=0.1, background_threshold=0.2)


def test_thresholds_that_are_not_named_come_from_the_scores(tmp_path):
    write_thresholds(tmp_path / "otsu.json", Thresholds(0.3, 0.2, 0.45))
    found = with_thresholds(LabelSettings(), tmp_path / "otsu.json")
    assert (found.foreground_threshold, found.background_threshold) == (0.45, 0.2)
    named = LabelSettings(foreground_threshold=0.5, background_threshold=0.1)
    assert with_thresholds(named, tmp_path / "otsu.json") == named
    one = with_thresholds(LabelSettings(foreground_threshold=0.5, confidence=0.6), tmp_path / "otsu.json")
    assert (one.foreground_threshold, one.background_threshold, one.confidence) == (0.5, 0.2, 0.6)
    with pytest.raises(ValueError, match="exchange them"):
        with_thresholds(LabelSettings(foreground_threshold=0.1), tmp_path / "otsu.json")
    write_thresholds(tmp_path / "otsu.json", Thresholds(0.9, 0.5, 1.337))  # of a sum
    assert with_thresholds(LabelSettings(), tmp_path / "otsu.json").foreground_threshold == 1.337
    with pytest.raises(ValueError, match="give one of them"):
        with_thresholds(LabelSettings(), None)


def test_labels_without_background_are_told_with_the_key_to_change():
    foreground, background = count_sure(np.array([[3, 7, 255, 255]], dtype=np.uint8)) / 4
    line = describe_sure(foreground, background)
    assert "50% of the pixels are sure foreground, 0% sure background" in line
    assert "irn.labels.background_threshold" in line
    assert "foreground_threshold" not in line
    assert "irn.labels.foreground_threshold" in describe_sure(0.0, 0.5)
    assert describe_sure(0.2, 0.5).endswith("sure background.")


@pytest.mark.parametrize(("score", "doubted"), [(1.0, True), (0.0, True), (None, False)])
def test_pixels_that_are_all_sure_to_be_foreground_are_doubted(tmp_path, score, doubted):
    Image.fromarray(grey(8, 8)).save(tmp_path / "a.png")
    record = Record("a", str(tmp_path / "a.png"), "train", (8, 8), (2,))
    scores = np.full((1, 2, 2), score, np.float32) if score is not None else np.array([[[1, 1], [0, 0]]], np.float32)
    write_shard(tmp_path / "cam.npz", [Cam("a", np.array([2]), scores, (8, 8))])
    settings = LabelSettings(foreground_threshold=0.3, background_threshold=0.05, crf=NO_PAIRS)
    with collected_warnings() as found:
        list(stage._write_labels([record], CamStore([tmp_path / "cam.npz"]), tmp_path / "labels", settings))
    assert [warning["code"] for warning in found] == ["few_sure_pixels"] * doubted
    if score == 1:
        assert "100% of the pixels are sure foreground, 0% sure background" in found[0]["message"]


def test_cells_take_the_label_at_their_centre():
    labels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(cell_labels(labels), [[18, 22], [50, 54]])


def test_pairs_are_sorted_into_three_kinds_and_ignore_is_none():
    labels = torch.tensor([[[0, 0, 4, 4, 5, 255, 0]]], dtype=torch.uint8)
    background, foreground, different = pair_kinds(labels, (0, 1)).int().tolist()
    assert background == [[[1, 0, 0, 0, 0, 0]]]
    assert foreground == [[[0, 0, 1, 0, 0, 0]]]
    assert different == [[[0, 1, 0, 1, 0, 0]]]


def written_out_loss(boundary, labels, radius):
    """The loss pair by pair, recorded by autograd."""
    costs = {"background": [], "foreground": [], "different": []}
    _, height, width = labels.shape
    for (n, y, x), (dy, dx) in product(np.ndindex(*labels.shape), offsets(radius)):
        if not (y + dy < height and 0 <= x + dx < width):
            continue
        first, second = labels[n, y, x].item(), labels[n, y + dy, x + dx].item()
        affinity = 1 - torch.stack([boundary[n, y + a, x + b] for a, b in path_cells((dy, dx))]).max()
        if 255 in (first, second):
            continue
        if first != second:
            costs["different"].append(-torch.log(1 - affinity + 1e-5))
        else:
            costs["foreground" if first else "background"].append(-torch.log(affinity + 1e-5))
    means = {name: torch.stack(values).mean() if values else torch.tensor(0.0) for name, values in costs.items()}
    loss = ((means["background"] + means["foreground"]) / 2 + means["different"]) / 2
    return loss, means


@pytest.mark.parametrize("ids", [[0, 3, 9, 255], [0, 255], [2], [255]])
def test_loss_and_gradient_are_those_of_the_sum_written_out(ids):
    generator = np.random.default_rng(len(ids))
    labels = torch.from_numpy(generator.choice(np.array(ids, dtype=np.uint8), (2, 5, 6)))
    logits = torch.from_numpy(generator.normal(size=(2, 5, 6))).requires_grad_()
    expected, means = written_out_loss(logits.sigmoid(), labels, radius=4)
    expected_gradient = torch.zeros_like(logits)
    if expected.requires_grad:
        (expected_gradient,) = torch.autograd.grad(expected, logits)
    result = affinity_loss(logits.sigmoid(), labels, radius=4)
    (gradient,) = torch.autograd.grad(result.loss, logits)
    torch.testing.assert_close(result.loss, expected.to(result.loss), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-6, atol=1e-6)
    for name, mean in means.items():
        torch.testing.assert_close(getattr(result, name), mean.to(result.loss), rtol=1e-6, atol=1e-6)


def test_tied_boundaries_hand_their_gradient_to_one_cell():
    boundary = torch.full((1, 1, 3), 0.5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[[1, 255, 2]]], dtype=torch.uint8)
    affinity_loss(boundary, labels, radius=3).loss.backward()
    torch.testing.assert_close(boundary.grad, torch.tensor([[[-0.5 / (0.5 + 1e-5), 0, 0]]]).double())


def test_a_true_boundary_costs_less_than_none_and_than_one_everywhere():
    labels = torch.zeros(1, 8, 8, dtype=torch.uint8)
    labels[..., 4:] = 1
    true = torch.zeros(1, 8, 8)
    labels[..., 3:5], true[..., 3:5] = 255, 1
    costs = [affinity_loss(b, labels, radius=5).loss for b in (true, torch.zeros_like(true), torch.ones_like(true))]
    assert costs[0] < min(costs[1:])


def test_a_grid_below_the_radius_is_no_problem():
    loss = affinity_loss(torch.rand(1, 2, 1), torch.zeros(1, 2, 1, dtype=torch.uint8), radius=10).loss
    assert torch.isfinite(loss)
