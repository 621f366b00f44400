"""The one-pass sweep equals a loop over thresholds, ties included."""

import csv
import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orandnet.evaluation import stage
from orandnet.evaluation.confusion import confusion_matrix, scores
from orandnet.evaluation.settings import Settings
from orandnet.evaluation.sweep import confusion_by_threshold, count_below, curve_of, thresholds_by_rule
from orandnet.files.mask import read_mask, write_mask, write_mask_list
from orandnet.files.store import Cam, write_shard
from orandnet.files.thresholds import Thresholds, write_thresholds
from orandnet.pseudo_mask.threshold import pseudo_mask

NUM_CLASSES = 5
SCORES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(-0.5, 1.5, width=32))


@st.composite
def cases(draw):
    classes = sorted(draw(st.sets(st.integers(1, NUM_CLASSES - 1), max_size=3)))
    height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    maps = draw(arrays(dtype, (len(classes), height, width), elements=SCORES))
    truth = draw(arrays(np.uint8, (height, width), elements=st.sampled_from([0, 1, 2, 3, 4, 255])))
    thresholds = draw(arrays(np.float64, draw(st.integers(0, 6)), elements=SCORES))
    return maps, np.array(classes, dtype=np.int64), truth, thresholds


def loop(maps, classes, truth, thresholds, num_classes=NUM_CLASSES):
    """Arg-max over [threshold, maps...] for each threshold by itself."""
    ids = np.r_[0, classes].astype(np.uint8)
    result = np.zeros((len(thresholds), num_classes, num_classes), dtype=np.int64)
    for position, threshold in enumerate(thresholds):
        background = np.full((1, *truth.shape), threshold, dtype=maps.dtype)
        prediction = ids[np.concatenate([background, maps]).argmax(0)]
        result[position] = confusion_matrix(prediction, truth, num_classes=num_classes)
    return result


@given(cases())
def test_the_sweep_equals_the_loop(case):
    found = confusion_by_threshold(*case, num_classes=NUM_CLASSES)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, loop(*case))


@given(cases())
def test_the_sweep_equals_the_pseudo_masks(case):
    maps, classes, truth, thresholds = case
    found = confusion_by_threshold(*case, num_classes=NUM_CLASSES)
    for threshold, confusion in zip(thresholds, found, strict=True):
        mask = pseudo_mask(maps, classes, background_threshold=threshold)
        np.testing.assert_array_equal(confusion, confusion_matrix(mask, truth, num_classes=NUM_CLASSES))


@given(cases())
def test_a_higher_threshold_never_makes_more_foreground(case):
    maps, classes, truth, thresholds = case
    found = confusion_by_threshold(maps, classes, truth, np.sort(thresholds), num_classes=NUM_CLASSES)
    foreground = found[:, :, 1:].sum((1, 2))
    assert (np.diff(foreground) <= 0).all()
    assert (found.sum((1, 2)) == np.count_nonzero(truth != 255)).all()


@given(
    arrays(np.float32, st.integers(0, 30), elements=SCORES),
    arrays(np.float32, st.integers(0, 10), elements=SCORES),
)
def test_counting_thresholds_by_a_table_is_exact(values, thresholds):
    ascending = np.sort(thresholds)
    np.testing.assert_array_equal(count_below(values, ascending), np.searchsorted(ascending, values))


def test_hand_made_example():
    maps = np.array([[[0.9, 0.5, 0.1]], [[0.2, 0.5, 0.3]]])
    truth = np.array([[1, 3, 0]], dtype=np.uint8)
    found = confusion_by_threshold(maps, [1, 3], truth, [0.5, 0.2, 0.5], num_classes=4)
    at_half, at_fifth = np.zeros((2, 4, 4), dtype=int)
    at_half[1, 1] = at_half[3, 0] = at_half[0, 0] = 1  # 0.5 is not above 0.5: background
    at_fifth[1, 1] = at_fifth[3, 1] = at_fifth[0, 3] = 1  # classes tie at 0.5: the lower id
    np.testing.assert_array_equal(found, [at_half, at_fifth, at_half])


def test_an_image_without_labels_is_background_at_every_threshold():
    truth = np.array([[0, 2], [255, 1]], dtype=np.uint8)
    found = confusion_by_threshold(np.zeros((0, 2, 2)), [], truth, [0.0, 0.5], num_classes=3)
    np.testing.assert_array_equal(found[:, :, 0], [[1, 1, 1], [1, 1, 1]])
    assert found.sum() == 6


def test_a_hundred_thresholds_of_a_photograph_are_exact_and_far_faster_than_a_loop():
    generator = np.random.default_rng(0)
    maps = generator.random((2, 375, 500), dtype=np.float32)
    truth = generator.integers(0, 21, (375, 500)).astype(np.uint8)
    thresholds = np.linspace(0, 1, 100)
    expected = loop(maps, [3, 7], truth, thresholds[::9], 21)
    found = confusion_by_threshold(maps, [3, 7], truth, thresholds, num_classes=21)
    np.testing.assert_array_equal(found[::9], expected)
    fast = min(_seconds(confusion_by_threshold, maps, [3, 7], truth, thresholds, num_classes=21) for _ in range(5))
    slow = min(_seconds(loop, maps, [3, 7], truth, thresholds[:10], 21) for _ in range(3)) * 10
    assert slow > 20 * fast  # about 100 times on an idle machine


def _seconds(function, *arguments, **options):
    start = time.process_time()
    function(*arguments, **options)
    return time.process_time() - start


def test_what_does_not_fit_is_refused():
    maps, truth = np.zeros((1, 2, 2)), np.zeros((2, 2), dtype=np.uint8)
    with pytest.raises(ValueError, match="resize the scores"):
        confusion_by_threshold(maps, [1], truth[:1], [0.5], num_classes=2)
    with pytest.raises(ValueError, match="one mask id per map"):
        confusion_by_threshold(maps, [1, 2], truth, [0.5], num_classes=3)
    with pytest.raises(ValueError, match="sort them"):
        confusion_by_threshold(np.zeros((2, 2, 2)), [2, 1], truth, [0.5], num_classes=3)
    with pytest.raises(ValueError, match="classes: 5 is outside the 3 classes"):
        confusion_by_threshold(maps, [5], truth, [0.5], num_classes=3)
    with pytest.raises(ValueError, match="ground truth: mask id 4 is outside"):
        confusion_by_threshold(maps, [1], truth + np.uint8(4), [0.5], num_classes=3)
    with pytest.raises(ValueError, match=r"\(K, H, W\)"):
        confusion_by_threshold(truth, [1], truth, [0.5], num_classes=3)


def test_every_rule_finds_its_threshold_on_the_curve_of_a_sweep():
    maps = np.array([[[0.9, 0.8, 0.6, 0.4, 0.1]]])
    truth = np.array([[1, 1, 0, 1, 0]], dtype=np.uint8)
    thresholds = np.array([0.3, 0.5, 0.7])
    curve = curve_of(thresholds, scores(confusion_by_threshold(maps, [1], truth, thresholds, num_classes=2)))
    np.testing.assert_allclose(curve.recall, [75, 350 / 6, 500 / 6])
    chosen = thresholds_by_rule(curve, background_threshold=0.25, otsu=0.4)
    assert chosen == {"otsu": 0.4, "fixed": 0.25, "best_miou": 0.7, "precision_ge_recall": 0.3}


def test_where_no_true_pixel_counts_nothing_is_chosen():
    ignored = np.full((1, 5), 255, dtype=np.uint8)
    thresholds = np.array([0.3, 0.7])
    empty = scores(confusion_by_threshold(np.full((1, 1, 5), 0.5), [1], ignored, thresholds, num_classes=2))
    chosen = thresholds_by_rule(curve_of(thresholds, empty), background_threshold=0.25, otsu=0.4)
    assert chosen == {"otsu": 0.4, "fixed": 0.25, "best_miou": 0.4, "precision_ge_recall": 0.4}


def write_data(tmp_path):
    """Write three images with masks, of which the last is only trained on; return the arguments that name them."""
    rows = ["image_id,image,mask,split,height,width,labels"]
    cams = []
    for name, split in (("a", "train"), ("b", "train"), ("c", "train_aug")):
        truth = np.zeros((8, 8), dtype=np.uint8)
        truth[:4] = 1
        write_mask(tmp_path / f"{name}.png", truth)
        rows.append(f"{name},{name}.jpg,{tmp_path}/{name}.png,{split},8,8,cat")
        scores = np.array([[[0.5, 0.5], [0.25, 0.25]]]) if split == "train" else np.zeros((1, 2, 2))
        cams.append(Cam(name, np.array([1]), scores, (8, 8)))
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "classes.json").write_text(json.dumps({"classes": ["cat", "dog"]}))
    masks = {name: str(tmp_path / f"{name}.png") for name in "abc"}
    truth = {
        "ids": {"0": 0, "1": 1, "2": 2, "255": 255},
        "other_ids": "error",
        "colors": None,
        "turned": {},
        "masks": masks,
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    write_shard(tmp_path / "1-of-1.npz", cams)
    return {"index": tmp_path / "index.csv", "ground_truth": tmp_path / "truth.json"}


def test_of_images_that_are_only_trained_on_those_with_a_mask_are_scored(tmp_path, capsys):
    data = write_data(tmp_path)
    truth = json.loads(data["ground_truth"].read_text())
    del truth["masks"]["c"]
    data["ground_truth"].write_text(json.dumps(truth))
    rows = []
    for name in "abc":
        sha256 = write_mask(tmp_path / f"predicted/ss/{name}.png", read_mask(tmp_path / f"{name}.png"))
        rows.append({"image_id": name, "variant": "ss", "sha256": sha256})
    write_mask_list(tmp_path / "predicted/1-of-1.csv", rows)
    outputs = {name: tmp_path / f"{name}.csv" for name in ("output", "per_class_output", "confusion_output")}
    stage.prediction(**data, masks=[tmp_path / "predicted/1-of-1.csv"], **outputs, split="train_aug")
    assert "evaluation of train_aug: 2 of 3 images have a true mask; they are scored." in capsys.readouterr().err
    (confusion, *_) = csv.DictReader(outputs["confusion_output"].read_text().splitlines())
    assert confusion["background"] == "64"


def test_the_stage_writes_curve_summary_and_classes(tmp_path):
    data = write_data(tmp_path)
    write_thresholds(tmp_path / "otsu.json", Thresholds(0.45, 0.2, 0.6))
    names = ("output", "curve_output", "per_class_output")
    stage.cam(
        **data,
        cams=[tmp_path / "1-of-1.npz"],
        otsu=tmp_path / "otsu.json",
        **{name: tmp_path / f"{name}.csv" for name in names},
        settings=Settings(num_thresholds=11),
        background_threshold=0.3,
    )
    summary, points, classes = (
        list(csv.DictReader((tmp_path / f"{name}.csv").read_text().splitlines())) for name in names
    )
    assert [row["threshold_rule"] for row in summary] == ["otsu", "fixed", "best_miou", "precision_ge_recall"]
    assert [row["tuned_on_ground_truth"] for row in summary] == ["false", "false", "true", "true"]
    assert [row["background_threshold"] for row in summary[:2]] == ["0.45", "0.3"]
    assert [float(point["background_threshold"]) for point in points] == [k / 10 for k in range(11)]
    # nothing is background up to the lowest score, and nothing cat from the highest score on
    assert [point["predicted_classes"] for point in points] == [*"111", *"22", *"111111"]
    # at 0.45 only rows 0..2 of 8 are cat: 24 of 32 true pixels, and 32 of 40 background pixels are right
    assert float(summary[0]["miou"]) == pytest.approx(100 * (24 / 32 + 32 / 40) / 2)
    assert float(summary[0]["legacy20_miou"]) == pytest.approx(float(summary[0]["miou"]))
    assert [row["class"] for row in classes[:3]] == ["background", "cat", "dog"]
    assert float(classes[1]["recall"]) == 75
    assert classes[2]["iou"] == ""
