"""Bringing the CAMs of an ensemble's members together."""

import numpy as np

from orandnet.files.store import Cam


def align(cams: dict[str, Cam]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the image's classes and each member's scores in that order.

    Args:
        cams: member name -> CAM of the same image.

    Returns:
        (K,) int64 ascending mask ids, and member name -> (K, h, w) float32.

    Raises:
        ValueError: if members differ in image size, grid or set of classes.
    """
    first, *others = cams
    reference = cams[first]
    for other in others:
        cam = cams[other]
        if tuple(cam.size) != tuple(reference.size) or cam.scores.shape[1:] != reference.scores.shape[1:]:
            raise ValueError(
                f"{cam.image_id}: {first} has size {reference.size} on grid {reference.scores.shape[1:]}, {other} has "
                f"{cam.size} on {cam.scores.shape[1:]}; make both from the same images."
            )
        if set(cam.classes.tolist()) != set(reference.classes.tolist()):
            raise ValueError(
                f"{cam.image_id}: {first} has classes {reference.classes.tolist()}, {other} has "
                f"{cam.classes.tolist()}; make both from the same labels."
            )
    classes = np.sort(reference.classes)
    return classes, {name: cam.scores[np.argsort(cam.classes)] for name, cam in cams.items()}


def offset_scores(scores: np.ndarray, offset: float, *, clip: bool) -> np.ndarray:
    """Return scores raised by `offset`, within [0, 1] if `clip` is set.

    The official release raises the ViT's CAM by 0.15 before both operations, and does not clip.
    """
    raised = scores + np.float32(offset)
    return raised.clip(0, 1) if clip else raised
