"""Dense conditional random field: moves the borders of labels onto the borders of colours.

Fully connected CRF with Gaussian edge potentials, solved by mean field (Kraehenbuehl & Koltun 2011, equations
2 and 3). The kernel is the project's own (`kernel.cpp`) or, where that was not compiled, pydensecrf (distribution
pydensecrf2), which takes three to five times as long and holds Python's lock while it works. They agree on the labels
of 99.99 % of the pixels or more.
"""

import numpy as np
from pydensecrf.densecrf import DenseCRF2D

from orandnet.crf import kernel
from orandnet.crf.settings import CrfSettings

SMALLEST_PROBABILITY = 1e-5  # a probability of 0 would forbid a label for ever
FORBIDDEN = 1e4  # energy of a label that takes no part: its probability is 0 in every step


def crf_from_labels(
    rgb: np.ndarray, labels: np.ndarray, *, num_labels: int, confidence: float, settings: CrfSettings
) -> np.ndarray:
    """Return the labels that the CRF prefers to the given ones.

    A pixel's label starts with probability `confidence`, the other labels share the rest. Labels that are the
    same everywhere come back unseen by the CRF: all pixels agree, so no message can favour another label.

    Args:
        rgb: (H, W, 3) uint8. labels: (H, W) int in 0 .. num_labels - 1, or (M, H, W) for M labellings of the
        image, which then share
            the costly set-up of the pairwise terms.
        num_labels: number of labels, whether they occur or not.
        confidence: probability in (0, 1) that a given label is right.
        settings: pairwise terms.

    Returns:
        int64 of the shape of `labels`.
    """
    maps = labels.reshape(-1, *labels.shape[-2:]).astype(np.int64)
    _check_shape(rgb, maps)
    if maps.size and not 0 <= maps.min() <= maps.max() < num_labels:
        raise ValueError(f"labels: they reach from {maps.min()} to {maps.max()}; number them 0 to {num_labels - 1}.")
    preferred = num_labels == 1 or confidence * num_labels > 1
    open_maps = [m for m, given in enumerate(maps) if not (preferred and (given == given.flat[0]).all())]
    if open_maps:
        energies = _label_energies(maps[open_maps], num_labels=num_labels, confidence=confidence)
        maps[open_maps] = _mean_field(rgb, energies, settings).argmax(axis=1)
    return maps.reshape(labels.shape)


def crf_from_probabilities(
    rgb: np.ndarray, probabilities: np.ndarray, *, settings: CrfSettings, min_probability: float = 0.01
) -> np.ndarray:
    """Return the label probabilities after the CRF.

    Args:
        rgb: (H, W, 3) uint8.
        probabilities: (C, H, W) float in [0, 1], or (M, C, H, W) for M predictions of the image, which then share the
            costly set-up of the pairwise terms; each has the result it has alone.
        settings: pairwise terms.
        min_probability: labels that nowhere in a prediction reach it, and are no pixel's most probable one, stay out of
            its CRF, whose time grows with the labels. With 0.01 and 21 labels, 99.99 % or more of the pixels keep the
            label of the whole CRF.

    Returns:
        float32 of the shape of `probabilities` that sums to 1 over the labels; 0 for labels left out.
    """
    maps = probabilities.reshape(-1, *probabilities.shape[-3:])
    _check_shape(rgb, maps[0])
    taking_part = _in_the_crf(maps, min_probability)
    kept = np.flatnonzero(taking_part.any(axis=0))
    if not taking_part.any(axis=1).all():  # nan is larger than nothing and equal to nothing
        raise ValueError("probabilities: the network gives nan; its weights are damaged, or its training went wrong.")
    refined = np.zeros(maps.shape, dtype=np.float32)
    if len(kept) == 1:
        refined[:, kept] = 1
    else:
        energies = -np.log(np.clip(maps[:, kept], SMALLEST_PROBABILITY, 1))
        energies[~taking_part[:, kept]] = FORBIDDEN
        refined[:, kept] = _mean_field(rgb, energies, settings)
    return refined.reshape(probabilities.shape)


def _in_the_crf(maps: np.ndarray, min_probability: float) -> np.ndarray:
    """Return (M, C) whether each label of (M, C, H, W) probabilities takes part in the CRF of its map."""
    peaks = maps.max(axis=(2, 3))
    kept = (peaks >= min_probability) | (peaks == peaks.max(axis=1, keepdims=True))
    num_labels = maps.shape[1]
    # the most probable of C labels has 1 / C at least, so that this can matter with many labels only
    if num_labels * min_probability > 1:
        for own, given in zip(kept, maps, strict=True):
            own[np.unique(given.argmax(axis=0))] = True
    return kept


def _check_shape(rgb: np.ndarray, maps: np.ndarray) -> None:
    if rgb.shape != (*maps.shape[1:], 3) or rgb.dtype != np.uint8:
        raise ValueError(
            f"rgb: it is {rgb.dtype} {rgb.shape}, the labels lie on {maps.shape[1:]}; "
            "give (H, W, 3) uint8 of their size."
        )


def _label_energies(maps: np.ndarray, *, num_labels: int, confidence: float) -> np.ndarray:
    """Unary energies (M, num_labels, H, W) of (M, H, W) labels that are right with probability `confidence`."""
    others = (1 - confidence) / (num_labels - 1)
    is_label = maps[:, None] == np.arange(num_labels)[:, None, None]
    return np.where(is_label, np.float32(-np.log(confidence)), np.float32(-np.log(others)))


def _mean_field(rgb: np.ndarray, energies: np.ndarray, settings: CrfSettings) -> np.ndarray:
    """Mean field of (M, C, H, W) unary energies: float32 probabilities of that shape."""
    if kernel.library():
        return kernel.mean_field(rgb, energies, **settings.model_dump())
    return _pydensecrf(rgb, energies, settings)


def _pydensecrf(rgb: np.ndarray, energies: np.ndarray, settings: CrfSettings) -> np.ndarray:
    """The same by pydensecrf, whose pairwise terms all maps with the same labels share."""
    found, crfs = np.zeros(energies.shape, dtype=np.float32), {}
    for energy, result in zip(energies, found, strict=True):
        # its sums over labels are other sums in the last bit with one more label, though that has no probability
        labels = np.flatnonzero(energy.min(axis=(1, 2)) < FORBIDDEN)
        crf = crfs.get(labels.tobytes()) or _pairwise(rgb, len(labels), settings)
        crfs[labels.tobytes()] = crf
        crf.setUnaryEnergy(np.ascontiguousarray(energy[labels].reshape(len(labels), -1), dtype=np.float32))
        result[labels] = np.reshape(crf.inference(settings.iterations), (len(labels), *energy.shape[1:]))
    return found


def _pairwise(rgb: np.ndarray, num_labels: int, settings: CrfSettings) -> DenseCRF2D:
    crf = DenseCRF2D(rgb.shape[1], rgb.shape[0], num_labels)
    crf.addPairwiseGaussian(sxy=settings.gaussian_sxy, compat=settings.gaussian_compat)
    crf.addPairwiseBilateral(
        sxy=settings.bilateral_sxy,
        srgb=settings.bilateral_srgb,
        compat=settings.bilateral_compat,
        rgbim=np.require(rgb, requirements=["C", "W"]),  # read-only arrays are refused
    )
    return crf
