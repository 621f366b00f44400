"""Predictions that have collapsed, told without a true mask: by what is predicted, and by the labels of the images."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

NEARLY_ALL = 0.999  # of the pixels
FEWEST = 10  # images; a few may well show one thing alone


class Predicted:
    """Counts the pixels of each class, by variant, while masks pass by."""

    def __init__(self) -> None:
        """Start with no mask."""
        self.counts: dict[str, np.ndarray] = {}

    def add(self, variant: str, mask: np.ndarray) -> None:
        """Take in a mask, (H, W) uint8 mask ids."""
        counted = np.bincount(mask.ravel(), minlength=256)
        self.counts[variant] = self.counts.get(variant, 0) + counted

    def doubts(
        self, class_names: Sequence[str], labels: Sequence[Iterable[int]], what: str
    ) -> Iterator[tuple[str, str]]:
        """Yield the code and the message of each variant that has collapsed; nothing is said of a few images.

        Args:
            class_names: the foreground classes, in the order of the mask ids 1, 2, ...
            labels: mask ids of the classes of each image; empty where they are not known.
            what: what was predicted, for the messages.
        """
        if len(labels) < FEWEST:
            return
        known = set().union(*labels)
        for variant, counts in self.counts.items():
            name = _alone(counts, ("background", *class_names), known)
            if name is not None:
                yield (
                    "predictions_collapsed",
                    f"{what} ({variant}): {name} alone is predicted in {len(labels)} images; look at the training's "
                    "losses and at the pseudo masks that it learnt from.",
                )


def _alone(counts: np.ndarray, names: Sequence[str], known: set[int]) -> str | None:
    """Return what nearly all pixels are taken for, or nearly all foreground though the labels name other classes."""
    if counts.max() > NEARLY_ALL * counts.sum():
        return _quoted(int(counts.argmax()), names)
    foreground = counts[1:]
    found = int(foreground.argmax()) + 1
    if len(known) > 1 and foreground.max() > NEARLY_ALL * foreground.sum():
        return _quoted(found, names)
    return None


def _quoted(class_id: int, names: Sequence[str]) -> str:
    return "background" if class_id == 0 else f"class {names[class_id]!r}"
