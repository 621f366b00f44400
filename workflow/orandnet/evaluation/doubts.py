"""Confusion matrices whose numbers look better, or mean less, than they seem."""

from collections.abc import Iterator, Mapping, Sequence

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


def edge_doubts(thresholds: np.ndarray, chosen: Mapping[str, float], what: str) -> Iterator[tuple[str, str]]:
    """Yield the code and the message for each threshold that was found at an end of its sweep.

    What would have been best may then lie beyond the end, as of a sum of CAMs, whose scores reach above 1; or the best
    masks are all foreground or all background, as of CAMs that know nothing.

    Args:
        thresholds: (T,) that were swept, ascending.
        chosen: rule that looks at true masks -> its threshold.
        what: what was scored, for the messages.
    """
    ends = {float(thresholds[0]): "lowest", float(thresholds[-1]): "highest"}
    for rule, threshold in chosen.items():
        if threshold in ends:
            yield (
                "threshold_at_edge",
                f"{what}: the rule {rule} chose {threshold:g}, the {ends[threshold]} threshold of the sweep; the best "
                "one may lie beyond, or the scores do not tell objects from background.",
            )
