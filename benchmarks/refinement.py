"""The dense CRF against plain calls of pydensecrf.

Ours has a kernel of its own, leaves out labels that nowhere matter, and sets up once for both labellings of IRN.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from pydensecrf.densecrf import DenseCRF2D

from inputs import Inputs
from orandnet.crf.dense_crf import SMALLEST_PROBABILITY, CrfSettings, crf_from_probabilities
from orandnet.irn.labels import combine, ir_label
from orandnet.irn.settings import LabelSettings
from orandnet.maps.grid import resize_scores
from orandnet.prediction.settings import PredictSettings
from orandnet.prediction.variants import mask_of
from timing import Agreement, Comparison

EQUAL_LABELS, EQUAL_IR_LABELS = 0.9999, 0.99999


def mean_field(rgb: np.ndarray, energy: np.ndarray, settings: CrfSettings) -> np.ndarray:
    """Return (C, H, W) probabilities of one whole run of pydensecrf, its set-up included."""
    num_labels, height, width = energy.shape
    crf = DenseCRF2D(width, height, num_labels)
    crf.setUnaryEnergy(np.ascontiguousarray(energy.reshape(num_labels, -1), dtype=np.float32))
    crf.addPairwiseGaussian(sxy=settings.gaussian_sxy, compat=settings.gaussian_compat)
    crf.addPairwiseBilateral(
        sxy=settings.bilateral_sxy, srgb=settings.bilateral_srgb, compat=settings.bilateral_compat, rgbim=rgb.copy()
    )
    return np.array(crf.inference(settings.iterations)).reshape(energy.shape)


def all_labels(rgb: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the mask after a CRF of all 21 labels."""
    energy = -np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1))
    return mean_field(rgb, energy, PredictSettings().crf).argmax(axis=0)


def likely_labels(
    rgb: np.ndarray, probabilities: np.ndarray, min_probability: float = PredictSettings().crf_min_probability
) -> np.ndarray:
    """Return the mask of the package, whose CRF leaves out labels that nowhere reach 0.01."""
    settings = PredictSettings().crf
    refined = crf_from_probabilities(rgb, probabilities, settings=settings, min_probability=min_probability)
    return mask_of(refined)


def each_by_itself(rgb: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return the masks of several predictions of one image, a CRF of all 21 labels for each."""
    return np.stack([all_labels(rgb, probabilities) for probabilities in predictions])


def together(rgb: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return the masks of the package, whose CRF takes all predictions of an image at once."""
    options = {"settings": PredictSettings().crf, "min_probability": PredictSettings().crf_min_probability}
    return np.stack([mask_of(refined) for refined in crf_from_probabilities(rgb, predictions, **options)])


def two_passes(rgb: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return IRN's labels by two independent CRFs, one for each background score."""
    settings = LabelSettings(foreground_threshold=0.30, background_threshold=0.05)
    num_labels, found = len(classes) + 1, []
    for background in (settings.foreground_threshold, settings.background_threshold):
        padded = np.pad(scores, ((1, 0), (0, 0), (0, 0)), mode="constant", constant_values=background)
        labels = padded.argmax(axis=0)
        energy = np.full(padded.shape, -np.log((1 - settings.confidence) / (num_labels - 1)), dtype=np.float32)
        np.put_along_axis(energy, labels[None], -np.log(settings.confidence), axis=0)
        found.append(mean_field(rgb, energy, settings.crf).argmax(axis=0))
    return combine(*found, classes)


def one_set_up(rgb: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return IRN's labels of the package."""
    return ir_label(rgb, scores, classes, crf=LabelSettings().crf)


def equal_labels(wanted: float, remark: str = ""):
    """Return a judge of two lists of masks: the share of equal pixels must be `wanted` or more."""

    def agreement(expected: list[np.ndarray], ours: list[np.ndarray]) -> Agreement:
        equal = float(np.mean([(a == b).mean() for a, b in zip(expected, ours, strict=True)]))
        return Agreement(f"equal labels {equal:.6f}{remark}", equal >= wanted)

    return agreement


def comparisons(inputs: Inputs) -> Iterator[Comparison]:
    """Yield the CRF at test time with 21 labels, then the labels of IRN for one class and for two."""
    predictions = list(zip(inputs.images, inputs.predictions, strict=True))
    kept = [int((probabilities.max(axis=(1, 2)) >= 0.01).sum()) for _, probabilities in predictions]
    yield Comparison(
        "dense CRF at test time, 21 labels",
        partial(all_of, all_labels, predictions),
        partial(all_of, likely_labels, predictions),
        equal_labels(EQUAL_LABELS, f"; {' and '.join(map(str, kept))} labels reach 0.01"),
        units=len(predictions),
        rounds=3,
    )
    yield Comparison(
        "dense CRF at test time, 21 labels, none left out",
        partial(all_of, all_labels, predictions),
        partial(all_of, partial(likely_labels, min_probability=0), predictions),
        equal_labels(EQUAL_LABELS),
        units=len(predictions),
        rounds=3,
    )
    both = [np.stack(pair) for pair in zip(inputs.predictions, inputs.other_predictions, strict=True)]
    pairs = list(zip(inputs.images, both, strict=True))
    yield Comparison(
        "dense CRF of two predictions of an image, 21 labels",
        partial(all_of, each_by_itself, pairs),
        partial(all_of, together, pairs),
        equal_labels(EQUAL_LABELS),
        units=len(pairs),
        rounds=3,
    )
    triples = zip(inputs.images, inputs.scores, inputs.classes, strict=True)
    cams = [(rgb, resize_scores(scores, inputs.size), classes) for rgb, scores, classes in triples]
    for number, words in ((1, "1 class"), (2, "2 classes")):
        shown = [(rgb, scores[:number], classes[:number]) for rgb, scores, classes in cams]
        yield Comparison(
            f"IRN's labels, {words}, two CRFs",
            partial(all_of, two_passes, shown),
            partial(all_of, one_set_up, shown),
            equal_labels(EQUAL_IR_LABELS),
            units=len(cams),
            rounds=3,
        )


def all_of(function: Callable[..., np.ndarray], items: list[tuple]) -> list[np.ndarray]:
    """Return `function(*item)` for each item."""
    return [function(*item) for item in items]
