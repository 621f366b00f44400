"""What a run is for: tables, figures, predictions, archives and exports, and what they are made from."""

from orandnet.config.sections import Config
from orandnet.config.sources import split_member
from orandnet.files.places import IMPORTED, place
from orandnet.plan.cams import (
    cam_shards,
    curve_methods,
    gallery_methods,
    panel_methods,
    refined_ensembles,
    seeds_of,
    shard_names,
    shards,
)
from orandnet.plan.trainings import segmenter_masks, segmenters
from orandnet.pseudo_mask.settings import IRN_SUFFIX, TUNED
from orandnet.report.settings import Pair
from orandnet.report.settings import Settings as ReportSettings
from orandnet.submission.settings import LARGEST_ID

TABLES = (
    "table1_pseudo_masks",
    "table2_segmentation",
    "table2_variants",
    "table3_scale_scheduling",
    "ensembles_and_members",
)
FIGURES = ("curves", "per_class", "panels")  # of each ensemble that ORANDNet refines
CHARTS = ("seeds", "confusion", "masks_and_segmentation", "trainings", "scale_scheduling")  # of the run


def part_of(split: str) -> str:
    """Return the part of the data set whose list holds a split's images: train is in that of train_aug."""
    return "train_aug" if split == "train" else split


def prediction_shards(config: Config) -> list[str]:
    """Return the names of the parts that the predictions of a split are split into."""
    return shard_names(config.prediction.shards or config.shards)


def predictions(config: Config, method: str, schedule: str, seed: int | str, split: str) -> list[str]:
    """Return the lists of a segmenter's predictions for a split."""
    where = {"method": method, "schedule": schedule, "seed": seed, "split": split}
    return [place("prediction", config.run, **where, shard=shard) for shard in prediction_shards(config)]


def foreign_predictions(config: Config, name: str) -> list[str]:
    """Return the lists of what another program predicted for val; the same for every seed."""
    return predictions(config, name, IMPORTED, config.seeds[0], "val")


def scored_splits(config: Config) -> list[str]:
    """Return the predicted splits that have ground truth; the test split of a benchmark has none."""
    return [split for split in config.prediction.splits if split != "test"] if config.dataset.scored else []


def scored_parts(config: Config) -> list[str]:
    """Return the parts of the data set whose true masks are checked."""
    return ["train_aug", "val"] if config.dataset.scored else []


def submitted_masks(config: Config, method: str) -> list[str]:
    """Return the lists of the test predictions that go into a method's archive."""
    chosen = config.submission_settings
    return predictions(config, method, chosen.schedule, chosen.seed, "test")


def cam_summaries(config: Config) -> list[str]:
    """Return the scores of all CAMs, for every seed."""
    return [
        place("evaluation_cam", config.run, method=method, seed=seed, scores="summary")
        for method in (config.cam_methods if config.dataset.scored else [])
        for seed in seeds_of(config, method)
    ]


def prediction_summaries(config: Config) -> list[str]:
    """Return the scores of all predictions that a table shows, for every seed, and of those of other programs."""
    shown = [
        {"method": method, "schedule": schedule, "seed": seed, "split": split}
        for method, schedule in segmenters(config)
        for seed in config.seeds
        for split in scored_splits(config)
    ]
    shown += [
        {"method": name, "schedule": IMPORTED, "seed": config.seeds[0], "split": "val"} for name in config.predictions
    ]
    return [place("evaluation_prediction", config.run, **where, scores="summary") for where in shown]


def panel_cams(config: Config, ensemble: str) -> list[str]:
    """Return the CAM shards that a page of panels shows, of the first seed."""
    return [
        shard for method in curve_methods(config, ensemble) for shard in cam_shards(config, method, config.seeds[0])
    ]


def panel_masks(config: Config, ensemble: str) -> list[str]:
    """Return the lists of the pseudo masks that a page of panels shows, of the first seed."""
    return [
        place("pseudo_mask", config.run, method=method, seed=config.seeds[0], shard=shard)
        for method in panel_methods(config, ensemble)
        for shard in shards(config)
    ]


def gallery_cams(config: Config) -> list[str]:
    """Return the CAM shards that the gallery shows, of the first seed."""
    return [shard for method in gallery_methods(config) for shard in cam_shards(config, method, config.seeds[0])]


def gallery_masks(config: Config) -> list[str]:
    """Return the lists of pseudo masks that the gallery shows, of the first seed."""
    refined = [path for ensemble in refined_ensembles(config) for path in panel_masks(config, ensemble)]
    others = [path for method in config.segmenter.methods for path in segmenter_masks(config, method, config.seeds[0])]
    return [*(path for path in dict.fromkeys(others) if path not in refined), *refined]


def gallery_predictions(config: Config) -> list[str]:
    """Return the lists of the predictions of val that the gallery shows, of the first seed."""
    if "val" not in config.prediction.splits:
        return []
    rows, schedule = (
        config.report.segmentation_methods or tuple(config.segmenter.methods),
        config.report.segmentation_schedule,
    )
    return [path for method in rows for path in predictions(config, method, schedule, config.seeds[0], "val")]


def gallery_truth(config: Config) -> list[str]:
    """Return the ways to the true masks beside which the gallery shows pictures; none of data without masks."""
    return [place("dataset_ground_truth", config.run, part=part) for part in scored_parts(config)]


def gallery_images(config: Config) -> list[str]:
    """Return the lists of the images that the gallery shows."""
    return [place("dataset_images", config.run, part=part) for part in ("train_aug", "val")]


def report_settings(config: Config) -> ReportSettings:
    """Return the settings of the report with its rows filled in."""
    both = config.report.scale_scheduling_methods if len(config.segmenter.schedules) > 1 else ()
    changes = {
        "scale_scheduling_methods": both,
        "pseudo_mask_methods": config.report.pseudo_mask_methods or tuple(config.table1_methods),
        "segmentation_methods": config.report.segmentation_methods or tuple(config.segmenter.methods),
        "tuned_on_ground_truth": config.pseudo_mask.threshold_rule in TUNED,
        "scored": config.dataset.scored,
        "pairs": tuple(pair for name in refined_ensembles(config) for pair in member_pairs(config, name)),
    }
    return config.report.model_copy(update=changes)


def member_pairs(config: Config, ensemble: str) -> list[Pair]:
    """Return an ensemble beside each of its members: with IRN where it is refined, and they too."""
    sources = dict.fromkeys(split_member(member, 0)[0] for member in config.ensembles[ensemble].members)
    suffix = IRN_SUFFIX if {ensemble, *sources} <= {*config.irn.cams} else ""
    rows = config.report.segmentation_methods or tuple(config.segmenter.methods)
    learnt = {config.segmenter.methods[row]: row for row in reversed(rows)}

    def rule(method):
        return config.pseudo_mask.for_method(method).threshold_rule

    own, pairs = ensemble + suffix, []
    for other in (source + suffix for source in sources):
        rules = {"ensemble_rule": rule(own), "member_rule": rule(other)}
        pairs.append(
            Pair(ensemble=own, member=other, **rules, ensemble_row=learnt.get(own), member_row=learnt.get(other))
        )
    return pairs


def tables_and_figures(config: Config) -> list[str]:
    """Return what a run is for, but for its charts: page, tables, panels, predictions nobody scores here, archives."""
    panels = [
        place("figures", config.run, figure=f"panels_{name}", format=form)
        for name in refined_ensembles(config)
        for form in ("png", "pdf")
    ]
    found = [place("page", config.run), *(place("tables", config.run, table=table) for table in TABLES), *panels]
    return [*found, *_unscored(config), *submissions(config)]


def _unscored(config: Config) -> list[str]:
    return [
        path
        for split in config.prediction.splits
        if split not in scored_splits(config)
        for method, schedule in segmenters(config)
        for seed in config.seeds
        for path in predictions(config, method, schedule, seed, split)
    ]


def submissions(config: Config) -> list[str]:
    """Return the archives for PASCAL VOC's server, where the test split is predicted; scenes stand in for VOC.

    There are none of data in VOC's layout with other mask ids than VOC's, which the server does not know.
    """
    of_voc = config.dataset.kind in ("voc", "scenes") and max(config.dataset.file_ids) <= LARGEST_ID
    if "test" not in config.prediction.splits or not of_voc:
        return []
    rows = config.report.segmentation_methods or tuple(config.segmenter.methods)
    return [place("submission", config.run, method=method) for method in rows]


def exports(config: Config) -> list[str]:
    """Return the lists of all files that the section export names, for every seed.

    Raises:
        ValueError: if it names none.
    """
    found = [
        place(f"export_{kind}", config.run, method=method, seed=seed, **shard)
        for kind in ("irn", "npz", "voc")
        for method in getattr(config.export, kind)
        for seed in config.seeds
        for shard in ([{}] if kind == "voc" else [{"shard": name} for name in shards(config)])
    ]
    if not found:
        raise ValueError("export: names no methods; list some under export.irn, export.npz or export.voc.")
    return found
