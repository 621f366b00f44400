"""OR and AND with the release's offset, and the evaluation in the four cases of absent classes, number by number."""

import numpy as np
import pytest

from orandnet.evaluation.confusion import confusion_matrix, scores
from orandnet.fusion.members import offset_scores
from orandnet.fusion.probability import OPERATORS

CNN = np.array([[0.0, 0.1, 0.5], [0.9, 1.0, 0.3]], dtype=np.float32)
VIT = np.array([[0.0, 0.8, 0.25], [1.0, 1.0, 0.05]], dtype=np.float32)


@pytest.mark.parametrize(
    ("clip", "either", "both"),
    [
        # a + b - ab and ab of a and b + 0.15
        (False, [[0.15, 0.955, 0.7], [1.015, 1.0, 0.44]], [[0.0, 0.095, 0.2], [1.035, 1.15, 0.06]]),
        (True, [[0.15, 0.955, 0.7], [1.0, 1.0, 0.44]], [[0.0, 0.095, 0.2], [0.9, 1.0, 0.06]]),
    ],
)
def test_or_and_and_with_the_offset(clip, either, both):
    raised = offset_scores(VIT, 0.15, clip=clip)
    for row, column in np.ndindex(*CNN.shape):
        a, b = float(CNN[row, column]), float(VIT[row, column]) + 0.15
        b = min(b, 1.0) if clip else b
        assert either[row][column] == pytest.approx(a + b - a * b, abs=1e-6)
        assert both[row][column] == pytest.approx(a * b, abs=1e-6)
    np.testing.assert_allclose(OPERATORS["or"](CNN, raised), either, atol=1e-6)
    np.testing.assert_allclose(OPERATORS["and"](CNN, raised), both, atol=1e-6)


TRUTH = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 255, 255]
CASES = {
    # prediction of those pixels, true class 3 replaced by, and mIoU, precision, recall over the defined classes
    "every class is there": ([0, 0, 1, 0, 1, 1, 0, 2, 3, 3, 3, 0], 3, (0.5250, 0.7292, 0.7292)),
    "a class is absent from both": ([0, 0, 1, 0, 1, 1, 0, 2, 0, 0, 0, 0], 0, (0.5238, 0.7778, 0.6556)),
    "a class is predicted only": ([0, 0, 1, 0, 1, 1, 0, 2, 3, 3, 3, 0], 0, (0.3750, 0.6042, 0.5889)),
    "a class is in the truth only": ([0, 0, 1, 0, 1, 1, 0, 2, 0, 0, 0, 0], 3, (0.3571, 0.7222, 0.4792)),
}


def counted(prediction, truth, num_classes):
    """Return mIoU, mean precision and mean recall, class by class over the pixels; what is undefined is left out."""
    pairs = [(p, t) for p, t in zip(prediction, truth, strict=True) if t != 255]
    found = {"iou": [], "precision": [], "recall": []}
    for c in range(num_classes):
        hits = sum(p == t == c for p, t in pairs)
        predicted, true = (sum(pair[place] == c for pair in pairs) for place in (0, 1))
        for name, whole in (("iou", predicted + true - hits), ("precision", predicted), ("recall", true)):
            if whole:
                found[name].append(hits / whole)
    return tuple(sum(values) / len(values) for values in found.values())


@pytest.mark.parametrize("case", CASES)
def test_evaluation(case):
    prediction, last, expected = CASES[case]
    truth = [last if true == 3 else true for true in TRUTH]
    assert counted(prediction, truth, 4) == pytest.approx(expected, abs=1e-4)
    masks = (np.array([mask], dtype=np.uint8) for mask in (prediction, truth))
    found = scores(confusion_matrix(*masks, num_classes=4))
    assert (found.miou, found.mean_precision, found.mean_recall) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_evaluation_without_the_last_class(case):
    """As the release counts 20 of 21 classes: pixels whose truth or prediction is the last class are not there."""
    prediction, last, _ = CASES[case]
    truth = [last if true == 3 else true for true in TRUTH]
    kept = [(p, t) for p, t in zip(prediction, truth, strict=True) if 3 not in (p, t)]
    expected = counted(*zip(*kept, strict=True), 3)
    masks = (np.array([mask], dtype=np.uint8) for mask in (prediction, truth))
    found = scores(confusion_matrix(*masks, num_classes=4), drop_last=True)
    assert (found.miou, found.mean_precision, found.mean_recall) == pytest.approx(expected)
