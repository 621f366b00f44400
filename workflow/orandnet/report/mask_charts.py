"""Charts of CAMs and pseudo masks: quality over the threshold, precision against recall, IoU by class."""

from collections.abc import Sequence

import numpy as np

from orandnet.report.charts import Axis, Chart, Line, Plot, Point, over_seeds
from orandnet.report.measured import Measured
from orandnet.report.settings import ChartSettings
from orandnet.report.tables import mean_and_sd

FORMS = {"irn": "IRN", "crf": "CRF", "sam": "SAM"}


def method_label(method: str, ensemble: str) -> str:
    """Return how a map of an ensemble is called in its chart: `ours-or` is OR, `ours` ORANDNet, `ours+irn` with IRN."""
    name, *refined = method.split("+")
    own = {f"{ensemble}-or": "OR", f"{ensemble}-and": "AND", ensemble: "ORANDNet"}
    return " + ".join([own[name], *(FORMS.get(form, form) for form in refined)]) if name in own else method


def curves_chart(ensemble: str, settings: ChartSettings, measured: Measured) -> Chart:
    """Return mIoU over the background threshold, and precision against recall, of all maps of an ensemble.

    Lines are means over seeds, and end where a class that the method predicts elsewhere is predicted no more: beyond
    it, precision would be the mean over fewer classes. Points are at the threshold that pseudo masks are made with.
    """
    miou, trade, fixed, operating = [], [], [], []
    for method in settings.ensembles[ensemble].maps:
        label, seeds = method_label(method, ensemble), measured.curves[method]
        everywhere = whole_range(seeds)
        threshold, *quality = np.stack(seeds)[:, :4].swapaxes(0, 1)
        miou.append(over_seeds(label, threshold[0].tolist(), quality[0].tolist()))
        precision, recall = (values[:, everywhere].mean(0).tolist() for values in quality[1:])
        trade.append(Line(label, recall, precision))
        for row in settings.made(measured.cams):
            if row["method"] == method:
                at, found = float(row["background_threshold"]), {key: number(row[key]) for key in METRICS}
                note = f"threshold {at:.2f}, seed {row['seed']}"
                fixed.append(Point(label, at, found["miou"], note))
                operating.append(Point(label, found["recall"], found["precision"], note))
    return Chart(
        f"curves_{ensemble}",
        f"{ensemble}: mIoU over the threshold, precision against recall",
        "Pseudo masks on the train images at every background threshold. Lines are means over seeds, bands reach from "
        "the lowest to the highest seed. Points stand at the thresholds that masks are made with. Lines of precision "
        "end where a class is no longer predicted.",
        (
            Plot("mIoU", Axis("background threshold", (0, 1)), Axis("mIoU (%)", (0, None)), tuple(miou), tuple(fixed)),
            Plot(
                "precision and recall",
                Axis("mean recall (%)", (0, 100)),
                Axis("mean precision (%)", (0, 100)),
                tuple(trade),
                tuple(operating),
            ),
        ),
    )


METRICS = ("miou", "precision", "recall")


def number(text: str) -> float:
    """Return a number of a table; an empty cell is nan."""
    return float(text or "nan")


def whole_range(seeds: Sequence[np.ndarray]) -> np.ndarray:
    """Return (T,) bool: the thresholds at which, in every seed, all classes are predicted that ever are."""
    predicted = np.stack([curve[4] for curve in seeds])
    return (predicted == predicted.max(axis=1, keepdims=True)).all(axis=0)


def per_class_chart(ensemble: str, settings: ChartSettings, measured: Measured) -> Chart:
    """Return the IoU of each class for the members, the naive ensemble and the ensemble, as masks are made."""
    shown = [method for method in settings.ensembles[ensemble].maps if not method.startswith(f"{ensemble}-")]
    rows = settings.made(measured.classes)
    names = tuple(dict.fromkeys(row["class"] for row in rows))
    points = []
    for method in shown:
        for name in names:
            seeds = [row["iou"] for row in rows if (row["method"], row["class"]) == (method, name)]
            mean, deviation = mean_and_sd(seeds)
            if mean != "":
                note = f"± {deviation:.1f}" if deviation != "" else ""
                points.append(Point(method_label(method, ensemble), mean, name, note))
    return Chart(
        f"per_class_{ensemble}",
        f"{ensemble}: IoU by class",
        "Pseudo masks on the train images at the thresholds that they are made with: members against the ensemble. "
        "Means over seeds.",
        (Plot("", Axis("IoU (%)", (0, 100)), Axis("", names=names), points=tuple(points)),),
    )
