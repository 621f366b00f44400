"""Scores to pseudo masks: the training targets of the segmentation model."""

from typing import Literal

# how a background threshold is chosen: pseudo_mask.threshold says what each means; here, so that settings can name them
ThresholdRule = Literal["otsu", "fixed", "best_miou", "precision_ge_recall"]
# what a score is made of: pseudo_mask.otsu says what each means
Form = Literal["single", "sum", "product", "union"]


def from_members(score: float, form: Form, members: int) -> float:
    """Return a score of the members' scale as one of the method's own; undoes `otsu.to_members`."""
    if form == "product":
        return score**members
    if form == "union":
        return 1 - (1 - score) ** members
    return score * members if form == "sum" else score
