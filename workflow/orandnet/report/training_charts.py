"""Charts of trainings: the loss of every network by epoch, and the schedules of the segmenters side by side."""

from collections.abc import Iterable

from orandnet.report.charts import Axis, Chart, Line, Plot, over_seeds
from orandnet.report.measured import Training
from orandnet.report.settings import ChartSettings

STAGES = {"classifier": "classifiers", "orandnet": "ORANDNet", "irn": "boundary networks", "segmenter": "segmenters"}
SCHEDULES = {"baseline": "baseline", "scale": "scale scheduling", "scale_same_pixels": "scale scheduling, same pixels"}


def trainings_chart(trainings: Iterable[Training], settings: ChartSettings) -> Chart:
    """Return the mean loss over the epochs of every network; of the segmenters those of table 2."""
    panels = []
    for stage, title in STAGES.items():
        groups: dict[str, list[Training]] = {}
        for training in trainings:
            of_table = stage != "segmenter" or training.origin.schedule == settings.segmentation_schedule
            if training.origin.artifact == stage and of_table:
                groups.setdefault(training.origin.method, []).append(training)
        if groups:
            lines = tuple(_line(method, group) for method, group in groups.items())
            panels.append(Plot(title, Axis("epoch"), Axis("loss"), lines))
    return Chart(
        "trainings",
        "Training losses",
        "Mean loss of each epoch; means over seeds, bands from the lowest to the highest seed. Losses of different "
        f"stages are different quantities. Segmenters: schedule {settings.segmentation_schedule}.",
        tuple(panels),
    )


def schedules_chart(trainings: Iterable[Training]) -> Chart:
    """Return the loss of each segmenter at full scale and with the scale schedule, a panel per method."""
    groups: dict[str, dict[str, list[Training]]] = {}
    for training in trainings:
        if training.origin.artifact == "segmenter":
            groups.setdefault(training.origin.method, {}).setdefault(training.origin.schedule, []).append(training)
    panels = []
    for method, schedules in groups.items():
        if len(schedules) > 1:
            lines = tuple(_line(SCHEDULES[name], schedules[name]) for name in SCHEDULES if name in schedules)
            panels.append(Plot(method, Axis("epoch"), Axis("loss"), lines))
    return Chart(
        "scale_scheduling",
        "Baseline against scale scheduling",
        "Training loss by epoch. At reduced scale the images are others: losses compare with the baseline's only where "
        "both see full images. Table 3 has the result on val.",
        tuple(panels),
    )


def _line(label: str, seeds: list[Training]) -> Line:
    """Return the mean over seeds; epochs count from 1, since a loss is known when its epoch has ended."""
    shortest = min((training.epochs for training in seeds), key=len)
    epochs = [epoch + 1 for epoch in shortest]
    return over_seeds(label, epochs, [training.losses[: len(epochs)] for training in seeds])
