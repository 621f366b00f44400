"""The dense CRF: labels that nowhere matter left out, and one set-up for both labellings of IRN."""

from collections.abc import Iterator

import numpy as np
from pydensecrf.densecrf import DenseCRF2D

from inputs import Inputs
from orandnet.crf import SMALLEST_PROBABILITY, CrfSettings, crf_from_probabilities
from orandnet.grid import resize_scores
from orandnet.irn.labels import combine, ir_label
from orandnet.irn.settings import LabelSettings
from orandnet.prediction.settings import PredictSettings
from timing import Agreement, Comparison

EQUAL_LABELS, EQUAL_IR_LABELS = 0.9999, 0.99999


def mean_field(rgb: np.ndarray, energy: np.ndarray, settings: CrfSettings) -> np.ndarray:
    """Return (C, H, W) probabilities of one whole run of the kernel, its set-up included."""
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


def likely_labels(rgb: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the mask of the package, whose CRF leaves out labels that nowhere reach 0.01."""
    settings = PredictSettings()
    refined = crf_from_probabilities(
        rgb, probabilities, settings=settings.crf, min_probability=settings.crf_min_probability
    )
    return refined.argmax(axis=0)


def two_passes(rgb: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return IRN's labels by two independent CRFs, one for each background score."""
    settings = LabelSettings()
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
    """Yield the CRF at test time with 21 labels, and the labels of IRN for two classes."""
    predictions = list(zip(inputs.images, inputs.predictions, strict=True))
    kept = [int((probabilities.max(axis=(1, 2)) >= 0.01).sum()) for _, probabilities in predictions]
    yield Comparison(
        "dense CRF at test time, 21 labels",
        lambda: [all_labels(*one) for one in predictions],
        lambda: [likely_labels(*one) for one in predictions],
        equal_labels(EQUAL_LABELS, f"; {' and '.join(map(str, kept))} labels reach 0.01"),
        units=len(predictions),
        rounds=3,
    )
    triples = zip(inputs.images, inputs.scores, inputs.classes, strict=True)
    cams = [(rgb, resize_scores(scores, inputs.size), classes) for rgb, scores, classes in triples]
    yield Comparison(
        "IRN's labels, 2 classes, two CRFs",
        lambda: [two_passes(*cam) for cam in cams],
        lambda: [one_set_up(*cam) for cam in cams],
        equal_labels(EQUAL_IR_LABELS),
        units=len(cams),
        rounds=3,
    )
