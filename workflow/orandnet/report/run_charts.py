"""Every chart of a run, by name."""

from collections.abc import Iterator

from orandnet.report.charts import Chart
from orandnet.report.mask_charts import curves_chart, per_class_chart
from orandnet.report.measured import Measured
from orandnet.report.segmentation_charts import confusion_chart, masks_chart, seeds_chart
from orandnet.report.settings import ChartSettings
from orandnet.report.training_charts import schedules_chart, trainings_chart


def charts_of(measured: Measured, settings: ChartSettings) -> dict[str, Chart]:
    """Return name -> chart, in the order of the page; those for which the run has no numbers are left out."""
    return {chart.name: chart for chart in _charts(measured, settings) if chart.panels}


def _charts(measured: Measured, settings: ChartSettings) -> Iterator[Chart]:
    if settings.scored:
        for ensemble in settings.ensembles:
            yield curves_chart(ensemble, settings, measured)
            yield per_class_chart(ensemble, settings, measured)
        yield masks_chart(measured, settings)
        yield seeds_chart(measured, settings)
        yield confusion_chart(measured, settings)
    yield trainings_chart(measured.trainings, settings)
    yield schedules_chart(measured.trainings)
