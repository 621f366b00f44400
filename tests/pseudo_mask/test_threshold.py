"""Pseudo masks by hand, the choice of a threshold, and the stage that writes masks."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from orandnet.dataset.index import Record
from orandnet.files.mask import MaskList
from orandnet.files.store import Cam, write_shard
from orandnet.files.thresholds import read_thresholds
from orandnet.job.warnings import collected_warnings
from orandnet.pseudo_mask import stage
from orandnet.pseudo_mask.settings import POWER_THRESHOLDS, MethodSettings, OtsuSettings, Settings
from orandnet.pseudo_mask.threshold import Curve, confidence, pseudo_mask, select_threshold, without_doubtful

UNIT = st.floats(0, 1, width=32)


def curve(*rows):
    return Curve(*np.array(rows, dtype=float).T)


# threshold, miou, precision, recall; not in order
CURVE = curve((0.4, 50, 70, 60), (0.1, 30, 40, 80), (0.3, 55, 65, 65), (0.2, 55, 50, 75), (0.5, 20, 50, 30))


@given(arrays(np.float32, (3, 3, 3), elements=UNIT), UNIT)
def test_the_mask_is_the_argmax_with_the_background_first(scores, threshold):
    background = np.full((1, 3, 3), threshold, dtype=np.float32)
    expected = np.array([0, 2, 5, 9])[np.concatenate([background, scores]).argmax(0)]
    mask = pseudo_mask(scores, [2, 5, 9], background_threshold=threshold)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)


def test_hand_made_example():
    scores = np.array(
        [
            [[0.9, 0.3, 0.0], [0.9, 0.3, 0.0], [0.25, 0.0, 0.0]],
            [[0.0, 0.3, 0.6], [0.1, 0.2, 0.6], [0.10, 0.0, 0.3]],
        ]
    )
    mask = pseudo_mask(scores, [4, 7], background_threshold=0.25)
    np.testing.assert_array_equal(mask, [[4, 4, 7], [4, 4, 7], [0, 0, 7]])


def test_a_score_equal_to_the_threshold_in_its_own_type_is_background():
    assert pseudo_mask(np.full((1, 1, 1), 0.3, np.float32), [1], background_threshold=0.3) == 0


def test_an_image_without_labels_is_background():
    mask = pseudo_mask(np.zeros((0, 2, 3)), [], background_threshold=0.0)
    np.testing.assert_array_equal(mask, np.zeros((2, 3)))


def test_the_fixed_rule_needs_no_curve():
    assert select_threshold(None, "fixed", background_threshold=0.3) == 0.3


def test_the_best_miou_is_taken_at_the_lowest_of_equal_thresholds():
    assert select_threshold(CURVE, "best_miou", background_threshold=0.9) == 0.2


def test_the_first_threshold_whose_precision_reaches_recall_is_taken():
    assert select_threshold(CURVE, "precision_ge_recall", background_threshold=0.9) == 0.3


def test_where_precision_stays_below_recall_the_smallest_gap_is_taken():
    never = curve((0.1, 30, 40, 80), (0.2, 40, 55, 70), (0.3, 30, 50, 69))
    assert select_threshold(never, "precision_ge_recall", background_threshold=0.9) == 0.2


def test_undefined_points_are_passed_over():
    nan = float("nan")
    points = curve((0.1, nan, nan, 80), (0.2, 40, 70, 60))
    assert select_threshold(points, "precision_ge_recall", background_threshold=0.9) == 0.2
    with pytest.raises(ValueError, match="finds no number"):
        select_threshold(curve((0.1, nan, nan, nan)), "best_miou", background_threshold=0.9)


def test_a_rule_that_looks_at_ground_truth_needs_the_curve():
    with pytest.raises(ValueError, match=r"give curve\.csv"):
        select_threshold(None, "best_miou", background_threshold=0.3)


def test_settings_resolve_to_one_method():
    settings = Settings(threshold_rule="best_miou", overrides={"vit": 0.1, "ours+irn": 0.4})
    assert settings.for_method("vit").threshold_rule == "fixed"
    thresholds = {m: settings.for_method(m).background_threshold for m in ("ours", "vit", "naive+irn", "ours+irn")}
    assert thresholds == {"ours": 0.25, "vit": 0.1, "naive+irn": 0.30, "ours+irn": 0.4}
    assert settings.for_method("ours").threshold_rule == "best_miou"
    assert Settings().for_method("ours") == MethodSettings()
    with pytest.raises(ValidationError):
        Settings(overrides={"vit": -0.1})


@pytest.mark.parametrize("alpha", [1, 2])
@given(scores=arrays(np.float64, (2, 3, 3), elements=st.floats(0, 1)))
def test_a_background_of_a_power_is_a_threshold(alpha, scores):
    limit = POWER_THRESHOLDS[alpha]
    assert limit == pytest.approx((1 - limit) ** alpha)
    background = (1 - scores.max(axis=0, keepdims=True)) ** alpha
    expected = np.array([0, 3, 5])[np.concatenate([background, scores]).argmax(axis=0)]
    found = pseudo_mask(scores, [3, 5], background_threshold=limit)
    clear = np.abs(scores.max(axis=0) - limit) > 1e-9
    np.testing.assert_array_equal(found[clear], expected[clear])


def test_a_background_of_a_power_is_on_the_scale_of_the_members_and_yields_to_a_number():
    settings = Settings(background="power", alpha=2, overrides={"vit": 0.1})
    plain, product = settings.for_method("ours"), settings.for_method("ours", "product", 2)
    assert (plain.threshold_rule, plain.background_threshold) == ("fixed", POWER_THRESHOLDS[2])
    assert product.background_threshold == pytest.approx(POWER_THRESHOLDS[2] ** 2)
    assert settings.for_method("vit").background_threshold == 0.1
    assert settings.for_method("sum3", "sum", 3).background_threshold > 1
    assert settings.for_method("ours+crf").threshold_rule == "otsu"  # the CRF has seen a background


def test_refined_scores_have_even_odds_at_one_half_and_only_a_crf_doubts():
    settings = Settings(threshold_rule="fixed", ignore_below=0.95)
    for method in ("ours+crf", "ours+sam", "ours+irn+superpixels"):
        assert settings.for_method(method).background_threshold == 0.5
    assert settings.for_method("ours+crf").ignore_below == 0.95
    assert settings.for_method("ours").ignore_below is settings.for_method("ours+sam").ignore_below is None


def test_the_probability_of_the_class_in_the_argmax_by_hand():
    scores = np.array([[[0.0, 0.2, 0.5, 0.8, 1.0]], [[0.0, 0.0, 0.0, 0.4, 0.0]]])
    even = confidence(scores, background_threshold=0.5)
    np.testing.assert_allclose(even, [[1, 0.8, 0.5, 0.8 / 1.4, 1]])
    third = confidence(scores, background_threshold=0.25)
    np.testing.assert_allclose(third[0, :3], [1, 0.8 / 3 / (0.8 / 3 + 0.2), 0.75])
    np.testing.assert_array_equal(confidence(np.zeros((0, 2, 2)), background_threshold=0.5), 1)
    assert np.isfinite(confidence(scores, background_threshold=0.0)).all()
    mask = np.array([[0, 0, 3, 3, 5]], dtype=np.uint8)
    np.testing.assert_array_equal(without_doubtful(mask, even, 0.8), [[0, 0, 255, 255, 5]])


FIXED = MethodSettings(threshold_rule="fixed")


class OneImage:
    def filled_subset(self, name, path):
        assert name == "train_aug"
        return [Record("a", "a.jpg", "train", (8, 8), (2,))]


def shard(folder, score):
    """Write the CAM of that image."""
    scores = np.zeros((1, 2, 2), dtype=np.float32)
    scores[0, 0] = score
    write_shard(folder / "cam.npz", [Cam("a", np.array([2]), scores, (8, 8))])
    return folder / "cam.npz"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage on one image whose upper half scores `score` for class 2."""
    monkeypatch.setattr(stage, "read_index", lambda path: OneImage())

    def run(score, settings, curve=None, otsu=None):
        cams = shard(tmp_path, score)
        files = {"output": tmp_path / "masks/1-of-1.csv", "threshold_output": tmp_path / "masks/1-of-1.json"}
        stage.run(index=tmp_path, cams=[cams], settings=settings, curve=curve, otsu=otsu, **files)
        choice = json.loads(files["threshold_output"].read_text())
        return MaskList([files["output"]]).read("a"), choice

    return run


def test_the_stage_writes_masks_of_the_image_size_and_how_they_were_made(run):
    mask, choice = run(1.0, FIXED)
    assert mask.shape == (8, 8)
    assert set(np.unique(mask)) == {0, 2}
    assert (mask[:3] == 2).all()
    assert choice["tuned_on_ground_truth"] is False
    assert choice["background_threshold"] == 0.25
    assert choice["foreground_share"] == np.count_nonzero(mask) / 64


def test_the_stage_ignores_what_is_doubtful_and_tells_how_much_it_kept(run, capsys):
    settings = MethodSettings(threshold_rule="fixed", background_threshold=0.5, ignore_below=0.95)
    mask, choice = run(1.0, settings)
    assert set(np.unique(mask)) == {0, 2, 255}
    whole, _ = run(1.0, settings.model_copy(update={"ignore_below": None}))
    np.testing.assert_array_equal(mask[mask != 255], whole[mask != 255])
    assert choice["kept_share"] == np.mean(mask != 255)
    assert choice["foreground_share"] == np.mean(whole == 2)
    run(0.6, MethodSettings(threshold_rule="fixed", background_threshold=0.9, ignore_below=0.999999))
    assert "ignore_below" not in capsys.readouterr().err  # the lower half is surely background


def test_the_stage_takes_the_threshold_from_the_curve_and_says_so(run, tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("background_threshold,miou,precision,recall\n0.1,40,50,60\n0.9,60,,10\n")
    mask, choice = run(0.8, MethodSettings(threshold_rule="best_miou"), path)
    assert not mask.any()
    assert choice["tuned_on_ground_truth"] is True
    assert choice["background_threshold"] == 0.9


def test_the_stage_takes_otsus_threshold_of_the_scores_which_saw_no_truth(run, tmp_path):
    path = tmp_path / "otsu.json"
    stage.otsu(index=tmp_path, cams=[shard(tmp_path, 0.8)], output=path, settings=OtsuSettings(sure_margin=1.0))
    found = read_thresholds(path)
    assert 0 < found.sure_background < found.background_threshold < found.sure_foreground < 0.81
    mask, choice = run(0.8, MethodSettings(), otsu=path)
    assert (mask[:3] == 2).all()
    assert (choice["threshold_rule"], choice["background_threshold"]) == ("otsu", found.background_threshold)
    assert choice["tuned_on_ground_truth"] is False
    with pytest.raises(ValueError, match=r"give otsu\.json"):
        run(0.8, MethodSettings())
    path.write_text("{}")
    with pytest.raises(ValueError, match="holds no thresholds"):
        run(0.8, MethodSettings(), otsu=path)


def test_scores_that_are_all_alike_are_told(run, tmp_path, capsys):
    stage.otsu(index=tmp_path, cams=[shard(tmp_path, 0.0)], output=tmp_path / "otsu.json", settings=OtsuSettings())
    assert "all scores are alike" in capsys.readouterr().err


def test_masks_of_background_alone_are_reported(run, capsys):
    run(0.1, FIXED)
    assert "0.00% of the pixels of 1 pseudo masks are foreground; lower" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("foreground", "expected"),
    [(0, "little_foreground"), (9, "little_foreground"), (11, None), (949, None), (951, "little_background")],
)
def test_masks_of_hardly_any_foreground_or_background_are_doubted(tmp_path, foreground, expected):
    """Over all masks: a full one and an empty one are together half foreground."""
    shares = [min(2 * foreground, 1000) / 1000, max(2 * foreground - 1000, 0) / 1000]
    with collected_warnings() as found:
        stage._save_choice(tmp_path / "1-of-1.threshold.json", "otsu", 0.5, [(share, 1.0) for share in shares])
    assert [warning["code"] for warning in found] == ([expected] if expected else [])


def test_a_file_that_is_no_curve_is_refused(run, tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("threshold,miou\n0.1,40\n")
    with pytest.raises(ValueError, match="no threshold curve"):
        run(0.8, MethodSettings(threshold_rule="best_miou"), path)
