"""What the report's page and charts show, and what they are made from."""

from orandnet.config.sections import Config
from orandnet.plan.cams import curve_methods, naive_of, refined_ensembles, refined_from, sources_of
from orandnet.plan.changes import changed_settings
from orandnet.plan.jobs import histories
from orandnet.plan.targets import (
    cam_summaries,
    prediction_summaries,
    report_settings,
)
from orandnet.plan.trainings import segmenters
from orandnet.pseudo_mask.settings import IRN_SUFFIX, REFINED_SUFFIXES
from orandnet.report.settings import ChartSettings, Comparison, EnsembleParts, PageSettings
from orandnet.segmenter.settings import GROUND_TRUTH

VOC_CLASSES = 20
CHART_FORMATS = ("svg", "pdf")  # for papers: text stays text


def cam_details(config: Config) -> list[str]:
    """Return what lies beside the scores of CAMs: threshold curves and classes."""
    return _beside(cam_summaries(config), "curve", "per_class")


def prediction_details(config: Config) -> list[str]:
    """Return what lies beside the scores of predictions: the confusions."""
    return _beside(prediction_summaries(config), "confusion")


def _beside(summaries: list[str], *names: str) -> list[str]:
    return [path.replace("/summary.csv", f"/{name}.csv") for path in summaries for name in names]


def charts(config: Config) -> list[str]:
    """Return the names of the charts that a run has numbers for."""
    found = []
    if config.dataset.scored:
        found += [f"{kind}_{name}" for name in refined_ensembles(config) for kind in ("curves", "per_class")]
        found += ["seeds"] if config.table1_methods else []
        on_val = segmenters(config) if "val" in config.prediction.splits else []
        of_table = [method for method, schedule in on_val if schedule == config.report.segmentation_schedule]
        found += ["confusion"] if of_table else []
        found += ["masks_and_segmentation"] if any(method in _masks(config) for method in of_table) else []
    found += ["trainings"] if histories(config) else []
    compared = {schedule for _, schedule in segmenters(config)}
    return found + (["scale_scheduling"] if len(compared) > 1 else [])


def _masks(config: Config) -> dict[str, str]:
    """Return the CAM method whose masks each segmenter is trained on; none for the fully supervised reference."""
    return {method: cam for method, cam in config.segmenter.methods.items() if cam != GROUND_TRUTH}


def chart_settings(config: Config) -> ChartSettings:
    """Return what the charts show."""
    rule = config.pseudo_mask.threshold_rule
    rules = {method: config.pseudo_mask.for_method(method).threshold_rule for method in config.cam_methods}
    parts = {name: EnsembleParts(maps=tuple(curve_methods(config, name))) for name in refined_ensembles(config)}
    return ChartSettings(
        **report_settings(config).model_dump(),
        ensembles=parts,
        masks=_masks(config),
        rule=rule,
        rules={method: own for method, own in rules.items() if own != rule},
    )


def page_settings(config: Config) -> PageSettings:
    """Return what the page says of the run."""
    return PageSettings(
        **chart_settings(config).model_dump(),
        run=config.run,
        seeds=tuple(config.seeds),
        data=config.dataset.kind,
        mask_rows=_mask_rows(config),
        segmentation_rows=_segmentation_rows(config),
        on_voc=_is_voc(config) if config.report.published is None else config.report.published,
        changed=changed_settings(config),
    )


def _is_voc(config: Config) -> bool:
    """Return whether the run is on all of PASCAL VOC's classes and images, as what was published."""
    return config.dataset.kind == "voc" and len(config.dataset.classes) == VOC_CLASSES and config.dataset.limit is None


def _mask_rows(config: Config) -> dict[str, Comparison]:
    """Return what each ensemble's CAM is compared with: CAMs in the same form, refined alike or not at all."""
    suffixes = [walked + suffix for walked in ("", IRN_SUFFIX) for suffix in ("", *REFINED_SUFFIXES)]
    rows = {}
    for name in refined_ensembles(config):
        for suffix in suffixes:
            members = [member + suffix for member in sources_of(config, name)]
            naive = naive_of(config, name) + suffix
            known = config.cam_methods
            members = tuple(member for member in members if member in known)
            rows[name + suffix] = Comparison(members=members, naive=naive if naive in known else "")
    return {method: row for method, row in rows.items() if method in config.cam_methods}


def _segmentation_rows(config: Config) -> dict[str, Comparison]:
    """Return what each segmenter of an ensemble's masks is compared with: those on its members' and the naive masks."""
    bases = {method: (refined_from(cam) or cam).removesuffix(IRN_SUFFIX) for method, cam in _masks(config).items()}
    return {
        method: Comparison(
            members=tuple(other for other, cam in bases.items() if cam in sources_of(config, base)),
            naive=next((other for other, cam in bases.items() if cam == naive_of(config, base)), ""),
        )
        for method, base in bases.items()
        if base in refined_ensembles(config)
    }
