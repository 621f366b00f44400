"""The tables: measured means and standard deviations over seeds, beside what was published.

Rows go in and out as dicts of column -> value; numbers are percent in full precision, an empty text is "unknown".
"""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from orandnet.report.settings import FULLY_SUPERVISED

TUNED = ("best_miou", "precision_ge_recall")  # on true masks
RULES = ("otsu", "fixed", *TUNED)
METRICS = ("miou", "precision", "recall")
LEGACY = tuple(f"legacy20_{metric}" for metric in METRICS)
KEPT = "kept"  # share of the pixels that masks do not ignore
SAME_PIXELS = "scale_same_pixels"

Row = dict[str, object]


def mean_and_sd(values: Iterable[object]) -> tuple[object, object]:
    """Return the mean and the sample standard deviation (n - 1) of known values.

    Returns:
        mean, empty without values; deviation, empty with fewer than two.
    """
    known = [number for value in values if value not in ("", None) and not math.isnan(number := float(value))]
    return (fmean(known) if known else "", stdev(known) if len(known) > 1 else "")


def pseudo_mask_table(
    measured: list[Row], published: list[Row], methods: Sequence[str] = (), *, legacy20: bool = False
) -> list[Row]:
    """Return table 1: every method under every threshold rule.

    Args:
        measured: one row per method, seed and threshold_rule with background_threshold, miou, precision, recall, and
            kept where masks ignore pixels.
        published: rows of method, miou, precision, recall.
        methods: order of the methods; empty = all that were measured.
        legacy20: also show the metrics without the last class.
    """
    literature = {row["method"]: row for row in published}
    metrics = METRICS + LEGACY if legacy20 else METRICS
    if any(KEPT in row for row in measured):  # by some methods; all others keep all
        measured, metrics = [{KEPT: 100.0, **row} for row in measured], (*metrics, KEPT)
    return [
        _pseudo_mask_row(method, rule, measured, literature.get(method, {}), metrics)
        for method in methods or _distinct(measured, "method")
        for rule in RULES
    ]


def _pseudo_mask_row(method: str, rule: str, measured: list[Row], literature: Row, metrics: Sequence[str]) -> Row:
    rows = _select(measured, method=method, threshold_rule=rule)
    result: Row = {"method": method, "threshold_rule": rule}
    result["background_threshold"], _ = mean_and_sd(row["background_threshold"] for row in rows)
    result |= _seed_means(rows, metrics)
    return result | {f"published_{metric}": literature.get(metric, "") for metric in METRICS}


def _seed_means(rows: list[Row], metrics: Sequence[str]) -> Row:
    """Return mean and deviation of each metric over the rows of the seeds, and their number."""
    result: Row = {}
    for metric in metrics:
        result[metric], result[f"{metric}_sd"] = mean_and_sd(row[metric] for row in rows)
    return result | {"num_seeds": len(rows)}


def segmentation_table(
    measured: list[Row],
    published: list[Row],
    methods: Sequence[str] = (),
    *,
    schedule: str,
    tuned: bool = False,
    legacy20: bool = False,
    foreign: list[Row] = (),
) -> list[Row]:
    """Return table 2: the measured methods, those of other programs, then the published ones that were not measured.

    `stage` says what a method works on: 1 = making pseudo masks, 2 = learning from them. `supervision` is F for full
    masks, I for image labels, I+S with saliency maps, I+T where the ground truth chose the threshold of the masks.

    Args:
        measured: one row per method, schedule, seed and split (val, test) with miou.
        published: rows of method, name, stage, supervision, val, test.
        methods: order of the measured methods; empty = all that were measured.
        schedule: which training schedule to show.
        tuned: whether the ground truth chose the threshold of the pseudo masks.
        legacy20: also show the mean IoU on val without the last class.
        foreign: rows of predictions that other programs made, whose stage and supervision are not known; where there
            are some, the column `inference` tells of every measured row by which variant it was inferred.
    """
    literature = {row["method"]: row for row in published}
    rows = [row for row in measured if row["schedule"] == schedule]
    methods = methods or _distinct(rows, "method")
    own = [_segmentation_row(method, rows, literature.get(method, {}), schedule, tuned) for method in methods]
    if foreign:
        own = [row | {"inference": rows[0]["variant"] if rows else ""} for row in own]
        own += [_foreign_row(row, literature.get(row["method"], {})) for row in foreign]
    if legacy20:
        own = [row | _legacy_on_val([*rows, *foreign], row["method"]) for row in own]
    measured_here = {row["method"] for row in own}
    return own + [_published_row(row) for row in published if row["method"] not in measured_here]


def _foreign_row(row: Row, literature: Row) -> Row:
    return {
        "method": row["method"],
        "stage": "",
        "supervision": "",
        "inference": row["variant"],
        "val": mean_and_sd([row["miou"]])[0],
        "val_sd": "",
        "test": "",
        "num_seeds": 1,
        "published_val": literature.get("val", ""),
        "published_test": literature.get("test", ""),
    }


def _segmentation_row(method: str, rows: list[Row], literature: Row, schedule: str, tuned: bool) -> Row:
    full = method == FULLY_SUPERVISED
    on_val = _select(rows, method=method, split="val")
    val, val_sd = mean_and_sd(row["miou"] for row in on_val)
    test, _ = mean_and_sd(row["miou"] for row in rows if (row["method"], row["split"]) == (method, "test"))
    return {
        "method": method,
        "stage": "" if full else "1" if schedule == "baseline" else "1+2",
        "supervision": "F" if full else "I+T" if tuned else "I",
        "val": val,
        "val_sd": val_sd,
        "test": test,
        "num_seeds": len(on_val),
        "published_val": literature.get("val", ""),
        "published_test": literature.get("test", ""),
    }


def _legacy_on_val(rows: list[Row], method: str) -> Row:
    mean, deviation = mean_and_sd(row["legacy20_miou"] for row in _select(rows, method=method, split="val"))
    return {"legacy20_val": mean, "legacy20_val_sd": deviation}


def _published_row(row: Row) -> Row:
    head = {"method": row["name"], "stage": row["stage"], "supervision": row["supervision"]}
    unmeasured = dict.fromkeys(("val", "val_sd", "test", "num_seeds"), "")
    return head | unmeasured | {"published_val": row["val"], "published_test": row["test"]}


def variant_table(measured: list[Row], *, legacy20: bool = False) -> list[Row]:
    """Return table 2 by inference: single and multi scale (ss, ms), each without and with a dense CRF.

    Args:
        measured: one row per method, schedule, seed, split and variant (ss, ms, ss_crf, ms_crf) with miou, precision,
            recall; the rows of the table follow their order.
        legacy20: also show the metrics without the last class.
    """
    groups: dict[tuple, list[Row]] = {}
    for row in measured:
        groups.setdefault(tuple(row[key] for key in ("method", "schedule", "split", "variant")), []).append(row)
    metrics = METRICS + LEGACY if legacy20 else METRICS
    return [
        {
            "method": method,
            "schedule": schedule,
            "split": split,
            "scales": variant.removesuffix("_crf"),
            "crf": "yes" if variant.endswith("_crf") else "no",
            **_seed_means(rows, metrics),
        }
        for (method, schedule, split, variant), rows in groups.items()
    ]


def scale_scheduling_table(measured: list[Row], published: list[Row], methods: Sequence[str] = ()) -> list[Row]:
    """Return table 3: validation mIoU of training at full scale and with the scale schedule.

    Args:
        measured: one row per method, schedule (baseline, scale, perhaps scale_same_pixels), seed and split with miou.
        published: rows of method, baseline, scale_scheduling.
        methods: order of the methods; empty = all with both schedules.
    """
    literature = {row["method"]: row for row in published}
    on_val = [row for row in measured if row["split"] == "val"]
    if not methods:
        scheduled = {row["method"] for row in on_val if row["schedule"] == "scale"}
        baselines = _distinct([row for row in on_val if row["schedule"] == "baseline"], "method")
        methods = [method for method in baselines if method in scheduled]
    return [_scale_scheduling_row(method, on_val, literature.get(method, {})) for method in methods]


def _scale_scheduling_row(method: str, on_val: list[Row], literature: Row) -> Row:
    columns = {"baseline": "baseline", "scale": "scale_scheduling"}
    if any((row["method"], row["schedule"]) == (method, SAME_PIXELS) for row in on_val):
        columns[SAME_PIXELS] = SAME_PIXELS
    result: Row = {"method": method}
    seeds = {row["seed"] for row in _select(on_val, method=method, schedule="baseline")}
    for schedule, column in columns.items():
        rows = _select(on_val, method=method, schedule=schedule)
        if {row["seed"] for row in rows} != seeds:
            raise ValueError(
                f"{method}: the schedules baseline and {schedule} were trained with different seeds; train both with "
                "the same."
            )
        result[column], result[f"{column}_sd"] = mean_and_sd(row["miou"] for row in rows)
    result["num_seeds"] = len(seeds)
    return result | {f"published_{key}": literature.get(key, "") for key in ("baseline", "scale_scheduling")}


def unscored_rows(methods: Iterable[str]) -> list[Row]:
    """Return the rows of methods that were run on data without true masks: zero seeds, no numbers."""
    return [{"method": method, "num_seeds": 0} for method in methods]


def _select(rows: list[Row], **wanted: str) -> list[Row]:
    """Return the rows that have the wanted values, and refuse to return none."""
    found = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
    if not found:
        what = ", ".join(f"{key} {value}" for key, value in wanted.items())
        raise ValueError(f"report: no result of {what} among {len(rows)} rows; evaluate it or drop the method.")
    return found


def _distinct(rows: list[Row], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))
