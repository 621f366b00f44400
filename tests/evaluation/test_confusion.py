"""Confusion matrices against a slow count, and the conventions of the numbers read from them."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orandnet.evaluation import stage
from orandnet.evaluation.confusion import confusion_matrix, scores
from orandnet.files.mask import write_mask, write_mask_list

NUM_CLASSES = 4
IDS = st.sampled_from([0, 1, 2, 3, 255])


@st.composite
def two_masks(draw):
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    return tuple(draw(arrays(np.uint8, shape, elements=IDS)) for _ in range(2))


def slow_confusion(prediction, ground_truth):
    counts = np.zeros((NUM_CLASSES, NUM_CLASSES), dtype=np.int64)
    for predicted, true in zip(prediction.ravel(), ground_truth.ravel(), strict=True):
        if true != 255:
            counts[true, 0 if predicted == 255 else predicted] += 1
    return counts


@given(two_masks())
def test_the_matrix_equals_a_count_pixel_by_pixel(masks):
    counts = confusion_matrix(*masks, num_classes=NUM_CLASSES)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, slow_confusion(*masks))


@given(two_masks())
def test_swapping_truth_and_prediction_transposes_the_matrix(masks):
    a, b = (np.where(mask == 255, 0, mask) for mask in masks)
    np.testing.assert_array_equal(
        confusion_matrix(a, b, num_classes=NUM_CLASSES), confusion_matrix(b, a, num_classes=NUM_CLASSES).T
    )


@given(two_masks())
def test_scores_lie_between_0_and_1_and_iou_is_below_precision_and_recall(masks):
    result = scores(confusion_matrix(*masks, num_classes=NUM_CLASSES))
    for values in result:
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 1)).all()
    for other in (result.precision, result.recall):
        both = ~np.isnan(other)
        assert (result.iou[both] <= other[both]).all()


def test_a_mask_compared_with_itself_is_perfect():
    mask = np.array([[0, 1, 1], [0, 2, 2], [3, 3, 3]], dtype=np.uint8)
    result = scores(confusion_matrix(mask, mask, num_classes=NUM_CLASSES))
    assert result.miou == result.mean_precision == result.mean_recall == 1


def test_hand_made_example():
    truth = np.array([[0, 0, 1], [0, 1, 1], [2, 2, 255]], dtype=np.uint8)
    prediction = np.array([[0, 1, 1], [0, 1, 0], [2, 255, 2]], dtype=np.uint8)
    counts = confusion_matrix(prediction, truth, num_classes=3)
    np.testing.assert_array_equal(counts, [[2, 1, 0], [1, 2, 0], [1, 0, 1]])
    result = scores(counts)
    np.testing.assert_allclose(result.iou, [2 / 5, 2 / 4, 1 / 2])
    np.testing.assert_allclose(result.precision, [2 / 4, 2 / 3, 1])
    np.testing.assert_allclose(result.recall, [2 / 3, 2 / 3, 1 / 2])
    assert result.miou == pytest.approx((0.4 + 0.5 + 0.5) / 3)


def test_a_class_neither_true_nor_predicted_is_left_out():
    result = scores(np.array([[3, 1, 0], [1, 5, 0], [0, 0, 0]]))
    assert np.isnan([result.iou[2], result.precision[2], result.recall[2]]).all()
    assert result.miou == pytest.approx((3 / 5 + 5 / 7) / 2)


def test_a_class_predicted_but_absent_from_the_truth_counts_as_an_error():
    result = scores(np.array([[3, 0, 1], [0, 5, 0], [0, 0, 0]]))
    assert result.iou[2] == 0
    assert result.precision[2] == 0
    assert np.isnan(result.recall[2])
    assert result.miou == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert result.mean_recall == pytest.approx((3 / 4 + 1) / 2)


def test_a_true_class_that_is_never_predicted_has_recall_0_and_no_precision():
    result = scores(np.array([[4, 0], [2, 0]]))
    assert result.recall[1] == 0
    assert result.iou[1] == 0
    assert np.isnan(result.precision[1])
    assert result.mean_precision == pytest.approx(4 / 6)


def test_no_pixels_give_nan_without_a_warning():
    assert np.isnan(scores(np.zeros((3, 3), dtype=np.int64)).miou)


def test_the_legacy_numbers_drop_the_row_and_column_of_the_last_class():
    counts = np.array([[5, 1, 2], [1, 6, 3], [2, 2, 9]])
    assert scores(counts, drop_last=True).miou == scores(counts[:2, :2]).miou == pytest.approx((5 / 7 + 6 / 8) / 2)


@given(two_masks())
def test_the_legacy_numbers_do_not_count_pixels_that_are_or_look_like_the_last_class(masks):
    prediction, truth = masks
    last = (prediction == NUM_CLASSES - 1) | (truth == NUM_CLASSES - 1)
    without = confusion_matrix(prediction, np.where(last, np.uint8(255), truth), num_classes=NUM_CLASSES)
    expected = scores(without[:-1, :-1])
    for value, wanted in zip(scores(slow_confusion(*masks), drop_last=True), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_many_matrices_are_scored_at_once():
    counts = np.random.default_rng(0).integers(0, 9, (5, 3, 3))
    together = scores(counts)
    for position, one in enumerate(counts):
        np.testing.assert_array_equal(together.iou[position], scores(one).iou)
        assert together.miou[position] == scores(one).miou


def test_ids_outside_the_class_list_and_other_shapes_are_refused():
    mask = np.zeros((2, 2), dtype=np.uint8)
    with pytest.raises(ValueError, match="ground truth: mask id 3 is outside the 3 classes"):
        confusion_matrix(mask, mask + np.uint8(3), num_classes=3)
    with pytest.raises(ValueError, match="prediction: mask id 7 is outside the 3 classes"):
        confusion_matrix(mask + np.uint8(7), mask, num_classes=3)
    with pytest.raises(ValueError, match="resize the prediction"):
        confusion_matrix(mask[:1], mask, num_classes=3)
    with pytest.raises(ValueError, match="convert it to mask ids"):
        confusion_matrix(mask.astype(float), mask, num_classes=3)


def test_wider_integers_are_accepted():
    mask = np.array([[0, 1], [2, 255]], dtype=np.int64)
    assert confusion_matrix(mask, mask, num_classes=3).sum() == 3


@pytest.fixture
def evaluate(tmp_path):
    """Evaluate two val images whose variant `ms` is right and whose variant `ss` is background."""
    rows, listed = ["image_id,image,mask,split,height,width,labels"], []
    for name in "ab":
        truth = np.array([[0, 1], [1, 255]], dtype=np.uint8)
        write_mask(tmp_path / f"{name}.png", truth)
        rows.append(f"{name},{name}.jpg,{tmp_path}/{name}.png,val,2,2,cat")
        for variant, mask in (("ss", truth * 0), ("ms", truth)):
            sha256 = write_mask(tmp_path / variant / f"{name}.png", mask)
            listed.append({"image_id": name, "variant": variant, "sha256": sha256})
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "classes.json").write_text(json.dumps({"classes": ["cat"]}))
    masks = {name: str(tmp_path / f"{name}.png") for name in "ab"}
    truth = {"ids": {"0": 0, "1": 1, "255": 255}, "other_ids": "error", "colors": None, "turned": {}, "masks": masks}
    (tmp_path / "truth.json").write_text(json.dumps(truth))

    def evaluate(listed=listed, split="val"):
        write_mask_list(tmp_path / "masks.csv", listed)
        names = {"output": "summary", "per_class_output": "per_class", "confusion_output": "confusion"}
        outputs = {option: tmp_path / f"{name}.csv" for option, name in names.items()}
        inputs = {"index": tmp_path / "index.csv", "ground_truth": tmp_path / "truth.json"}
        stage.prediction(masks=[tmp_path / "masks.csv"], **inputs, **outputs, split=split)
        return [list(csv.DictReader(path.read_text().splitlines())) for path in outputs.values()]

    return evaluate, listed


def test_the_stage_scores_every_variant_by_itself(evaluate):
    summary, classes, confusion = evaluate[0]()
    assert [row["variant"] for row in summary] == ["ss", "ms"]
    assert [float(row["miou"]) for row in summary] == pytest.approx([100 / 6, 100])
    assert [row["class"] for row in classes] == ["background", "cat"] * 2
    assert [row["precision"] for row in classes[1:]] == ["", "100.0", "100.0"]
    assert [list(row.values()) for row in confusion] == [
        ["ss", "background", "2", "0"],
        ["ss", "cat", "4", "0"],
        ["ms", "background", "2", "0"],
        ["ms", "cat", "0", "4"],
    ]
    # of one class and background nothing is left to compare without the last class
    assert {row["legacy20_miou"] + row["legacy20_precision"] + row["legacy20_recall"] for row in summary} == {""}


def test_a_missing_prediction_and_an_empty_split_are_errors(evaluate):
    run, listed = evaluate
    with pytest.raises(ValueError, match=r"b: .*mask"):
        run(listed[:-1])
    with pytest.raises(ValueError, match="no image is in the split 'test'"):
        run(split="test")
