"""Cross entropy of the segmenter, with the label smoothing and balancing of the field."""

import torch.nn.functional as F
from torch import Tensor

from orandnet.files.mask import IGNORE_INDEX


def segmentation_loss(
    logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0, balanced: bool = False
) -> Tensor:
    """Return the cross entropy over the pixels that are not ignored; 0, with zero gradient, if all are.

    With label smoothing eps the target of a pixel is 1 - eps for its label and eps / (C - 1) for each other
    class (the form of AMN, Lee et al., 2022). `balanced` takes (mean over background pixels + mean over
    foreground pixels) / 2 in place of the mean over all; the mean over no pixels counts 0.

    Args:
        logits: (N, C, H, W) float, C classes with background.
        target: (N, H, W) integer mask ids below C, 255 = ignore.
        label_smoothing: eps in [0, 1 - 1/C].
        balanced: give background and foreground the same weight.

    Returns:
        A scalar.
    """
    num_classes = logits.shape[1]
    target = target.long()
    per_pixel = F.cross_entropy(
        logits,
        target,
        ignore_index=IGNORE_INDEX,
        # torch spreads its share over all C classes, the label included
        label_smoothing=label_smoothing * num_classes / (num_classes - 1),
        reduction="none",
    )
    known = target != IGNORE_INDEX
    if not balanced:
        return mean_over(per_pixel, known)
    background = mean_over(per_pixel, target == 0)
    return (background + mean_over(per_pixel, known & (target != 0))) / 2


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean of the values where `chosen`, 0 if nothing is chosen."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
