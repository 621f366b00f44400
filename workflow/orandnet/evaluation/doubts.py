"""Confusion matrices whose numbers look better, or mean less, than they seem."""

from collections.abc import Iterator, Sequence

import numpy as np

SHOWN = 10


def doubts(confusion: np.ndarray, class_names: Sequence[str], what: str) -> Iterator[tuple[str, str]]:
    """Yield the code and the message of each reason to look twice at scores.

    Args:
        confusion: (C, C) counts, rows = ground truth, columns = prediction, background first.
        class_names: the C - 1 foreground classes.
        what: what was scored, for the messages.
    """
    true, predicted = confusion.sum(1), confusion.sum(0)
    shown, found = np.flatnonzero(true[1:]), np.flatnonzero(predicted[1:])
    if not true.sum():
        yield "no_true_pixels", f"{what}: the true masks have no pixel that counts (all 255); there is no score."
        return
    if not shown.size:
        yield (
            "no_true_foreground",
            f"{what}: the true masks hold background alone; the scores are those of finding nothing.",
        )
    if not found.size:
        yield (
            "nothing_predicted",
            f"{what}: no pixel is predicted as a class; mean precision is that of the background alone. Look at the "
            "scores and the threshold.",
        )
    elif found.size == 1 and shown.size > 1:
        name = class_names[found[0]]
        yield "one_class_predicted", f"{what}: {name!r} alone is predicted, while {shown.size} classes are there."
    elif never := [class_names[i] for i in shown if i not in found]:
        more = f" and {len(never) - SHOWN} more" if len(never) > SHOWN else ""
        yield (
            "classes_never_predicted",
            f"{what}: {', '.join(map(repr, never[:SHOWN]))}{more} {'is' if len(never) == 1 else 'are'} never "
            "predicted: IoU and recall 0, and left out of the mean precision, which has no value there.",
        )
    if not predicted[0] and true[0]:
        yield "no_background_predicted", f"{what}: no pixel is predicted as background; raise the background threshold."
