"""Whether each ensemble is above its members, as the paper finds: masks by mIoU and precision, segmentation by mIoU."""

from collections.abc import Iterator, Sequence

from orandnet.report.settings import Pair
from orandnet.report.tables import Row, mean_and_sd

MASK_METRICS = ("miou", "precision")


def members_table(masks: list[Row], segmented: list[Row], pairs: Sequence[Pair], *, schedule: str) -> list[Row]:
    """Return a row for each ensemble, member and measure: both values, their difference, and whether it is above.

    `above` is yes where the difference is larger than the spread over seeds of either; with one seed there is no spread
    to compare with, and it is yes where the difference is positive.

    Args:
        masks: one row per method, seed and threshold_rule with miou and precision of the masks.
        segmented: one row per method, schedule, seed and split with miou.
        pairs: ensembles and members.
        schedule: which training schedule to compare.
    """
    return [
        {"method": pair.ensemble, "member": pair.member, "measure": measure, **_compared(own, other)}
        for pair in pairs
        for measure, own, other in _measures(masks, segmented, pair, schedule)
    ]


def _measures(
    masks: list[Row], segmented: list[Row], pair: Pair, schedule: str
) -> Iterator[tuple[str, list[object], list[object]]]:
    sides = ((pair.ensemble, pair.ensemble_rule), (pair.member, pair.member_rule))
    for metric in MASK_METRICS:
        yield f"masks, {'mIoU' if metric == 'miou' else metric}", *(_of_masks(masks, *side, metric) for side in sides)
    if pair.ensemble_row and pair.member_row:
        rows = (pair.ensemble_row, pair.member_row)
        yield "segmentation, mIoU", *(_of_segmenters(segmented, row, schedule) for row in rows)


def _of_masks(masks: list[Row], method: str, rule: str, metric: str) -> list[object]:
    return [row[metric] for row in masks if (row["method"], row["threshold_rule"]) == (method, rule)]


def _of_segmenters(segmented: list[Row], method: str, schedule: str) -> list[object]:
    wanted = (method, schedule, "val")
    return [row["miou"] for row in segmented if (row["method"], row["schedule"], row["split"]) == wanted]


def _compared(own: list[object], other: list[object]) -> Row:
    (value, deviation), (against, spread) = mean_and_sd(own), mean_and_sd(other)
    difference = "" if "" in (value, against) else value - against
    above = difference != "" and difference > max(deviation or 0, spread or 0)
    return {
        "value": value,
        "value_sd": deviation,
        "member_value": against,
        "member_value_sd": spread,
        "difference": difference,
        "num_seeds": len(own),
        "above": "yes" if above else "no",
    }
