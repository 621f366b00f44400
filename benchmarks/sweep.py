"""All thresholds in one pass over an image against one arg-max and one confusion matrix for each threshold."""

from collections.abc import Iterator

import numpy as np

from inputs import NUM_CLASSES, Inputs
from orandnet.evaluation.sweep import confusion_by_threshold
from orandnet.files.mask import IGNORE_INDEX
from orandnet.maps.grid import resize_scores
from timing import Agreement, Comparison

THRESHOLDS = np.linspace(0, 1, 100, endpoint=False)


def one_at_a_time(scores: np.ndarray, classes: np.ndarray, mask: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return (T, 21, 21) counts by a loop over the thresholds."""
    keys = np.concatenate([[0], classes])
    counted = []
    for threshold in thresholds:
        padded = np.pad(scores, ((1, 0), (0, 0), (0, 0)), mode="constant", constant_values=threshold)
        prediction = keys[np.argmax(padded, axis=0)]
        known = mask != IGNORE_INDEX
        pairs = NUM_CLASSES * mask[known].astype(int) + prediction[known]
        counted.append(np.bincount(pairs, minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES))
    return np.stack(counted)


def agreement(expected: np.ndarray, ours: np.ndarray) -> Agreement:
    """Return whether all counts are equal."""
    different = int((expected != ours).sum())
    return Agreement(
        f"{different} of {expected.size} counts differ" if different else "all counts equal", not different
    )


def comparisons(inputs: Inputs) -> Iterator[Comparison]:
    """Yield the sweep over 100 thresholds of the CAMs of all pictures, in full size."""
    images = [
        (resize_scores(scores, inputs.size), classes, mask)
        for scores, classes, mask in zip(inputs.scores, inputs.classes, inputs.masks, strict=True)
    ]

    def ours() -> np.ndarray:
        return sum(confusion_by_threshold(*image, THRESHOLDS, num_classes=NUM_CLASSES) for image in images)

    yield Comparison(
        f"sweep of {len(THRESHOLDS)} thresholds, 2 of 21 classes",
        lambda: sum(one_at_a_time(*image, THRESHOLDS) for image in images),
        ours,
        agreement,
        units=len(images),
    )
