"""Cross entropy over pixels, with the label smoothing and balancing of the field."""

import torch.nn.functional as F
from torch import Tensor

from orandnet.files.mask import IGNORE_INDEX


def pixel_cross_entropy(
    logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0, balanced: bool = False
) -> Tensor:
    """Return the mean cross entropy of the pixels that are not ignored; 0, with zero gradient, if all are.

    The target is 1 - label_smoothing for the label, and the others share label_smoothing evenly (AMN, Lee et al.,
    2022, code). `balanced` averages background and foreground apart and takes the mean of the two; the mean over no
    pixels counts 0.

    Args:
        logits: (N, C, H, W) float, C classes with background.
        target: (N, H, W) integer mask ids below C, 255 = ignore.
        label_smoothing: in [0, 1 - 1/C].
        balanced: give background and foreground the same weight.
    """
    num_classes = logits.shape[1]
    target = target.long()
    smoothing = label_smoothing * num_classes / (num_classes - 1)  # torch's share goes to all C, the label included
    per_pixel = F.cross_entropy(logits, target, ignore_index=IGNORE_INDEX, label_smoothing=smoothing, reduction="none")
    known = target != IGNORE_INDEX
    if not balanced:
        return mean_over(per_pixel, known)
    background = mean_over(per_pixel, target == 0)
    return (background + mean_over(per_pixel, known & (target != 0))) / 2


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean of the values where `chosen`, 0 if nothing is chosen."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
