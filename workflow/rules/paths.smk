# Where things lie, and what a run asks for. No rules here.

import re
from typing import get_args

from orandnet.cam.import_folder import ImportFolder
from orandnet.dataset.layouts.voc import training_ids
from orandnet.pseudo_mask.settings import IRN_SUFFIX
from orandnet.segmenter.settings import GROUND_TRUTH, Schedule, training_settings
from orandnet.config.sources import split_member

SHARDS, PREDICTION_SHARDS = (
    [f"{index}-of-{number}" for index in range(1, number + 1)]
    for number in (CONFIG.shards, CONFIG.prediction.shards or CONFIG.shards)
)
SOURCES, ENSEMBLES = list(CONFIG.sources), list(CONFIG.ensembles)
KNOWN_METHODS = "|".join(map(re.escape, CONFIG.cam_methods))
NO_NAME = "(?!)"  # as a wildcard's constraint: matches nothing
IMPORTED = CONFIG.imported
SEEDED = [name for name, source in CONFIG.sources.items() if source.kind == "amn"]
TRAINED = [name for name in SOURCES if name not in IMPORTED]


def import_fingerprint(source, image_ids):
    """Return a fingerprint of a source's CAM files, after a check that each training image has one."""
    try:
        folder = ImportFolder(CONFIG.import_of(source))
        folder.require(image_ids)
    except ValueError as error:
        raise WorkflowError(f"sources.{source}: {error}") from None
    return folder.fingerprint()


def import_fingerprints():
    """Return the fingerprint of each imported source's files; refuses lists and folders with something missing."""
    try:
        image_ids = training_ids(CONFIG.dataset) if IMPORTED else []
    except ValueError as error:
        raise WorkflowError(f"dataset: {error}") from None
    return {source: import_fingerprint(source, image_ids) for source in IMPORTED}


IMPORT_FINGERPRINTS = import_fingerprints()


def seeds_of(method):
    """Return the seeds a method's CAMs are evaluated for: an imported CAM is the same for all."""
    return CONFIG.seeds[:1] if method in IMPORTED else CONFIG.seeds


def cam_folder(method, seed):
    """Return the folder of a method's CAM store under results/<run>."""
    if method.endswith(IRN_SUFFIX):
        return f"irn/{method.removesuffix(IRN_SUFFIX)}/seed{seed}/walk"
    name, _, operator = method.partition("-")
    if name in IMPORTED:
        return f"cam/{name}/imported"
    if name in CONFIG.sources:
        return f"cam/{name}/seed{seed}"
    operator = operator or CONFIG.ensembles[name].output
    return f"orandnet/{name}/seed{seed}/cam" if operator == "orandnet" else f"fusion/{name}/seed{seed}/{operator}"


def member_shards(wildcards):
    """Return the same shard of each member's CAM store; a member may be a source trained with another seed."""
    members = CONFIG.ensembles[wildcards.ensemble].members
    folders = [cam_folder(*split_member(member, int(wildcards.seed))) for member in members]
    return [f"results/{wildcards.run}/{folder}/{wildcards.shard}.npz" for folder in folders]


def cam_shard(method):
    """Return an input function: the shard of the wildcards' CAM store; `method` names the wildcard."""

    def shard(wildcards):
        folder = cam_folder(wildcards[method], wildcards.seed)
        return f"results/{wildcards.run}/{folder}/{wildcards.shard}.npz"

    return shard


def cam_shards(method):
    """Return an input function: all shards of the wildcards' CAM store."""

    def shards(wildcards):
        folder = cam_folder(wildcards[method], wildcards.seed)
        return [f"results/{wildcards.run}/{folder}/{shard}.npz" for shard in SHARDS]

    return shards


def initial_weights(source):
    """Return an input function: the weights of the source whose backbone is the start, or nothing."""

    def weights(wildcards):
        if source is None:
            return []
        return f"results/{wildcards.run}/classifier/{source}/seed{wildcards.seed}/weights.safetensors"

    return weights


def local_weights(*backbones):
    """Return the files of pretrained weights that lie on this machine, so that a job waits for and notices them."""
    return [backbone.weights for backbone in backbones if backbone is not None and backbone.weights]


def classifier_weights(wildcards):
    settings = CONFIG.classifier_of(wildcards.source)
    return local_weights(settings.backbone, settings.vit.stem)


def seed_labels(wildcards):
    """Return the lists of the inter-pixel labels that a source of kind amn is trained on."""
    folder = f"results/{wildcards.run}/irn/{CONFIG.sources[wildcards.source].seed_source}/seed{wildcards.seed}/labels"
    return [f"{folder}/{shard}.csv" for shard in SHARDS]


def seed_weights(wildcards):
    """Return the weights of the seed source where a source of kind amn starts from them, or nothing."""
    starts = CONFIG.classifier_of(wildcards.source).amn.start_from_seed
    return initial_weights(CONFIG.sources[wildcards.source].seed_source if starts else None)(wildcards)


def segmenter_masks(wildcards):
    """Return the lists of the pseudo masks a segmenter is trained on; none for the fully supervised reference."""
    method = CONFIG.segmenter.methods[wildcards.method]
    if method == GROUND_TRUTH:
        return []
    folder = f"results/{wildcards.run}/pseudo_mask/{method}/seed{wildcards.seed}"
    return [f"{folder}/{shard}.csv" for shard in SHARDS]


def segmenter_ground_truth(wildcards):
    """Return the way to the ground truth for the fully supervised reference, and nothing for all others."""
    fully_supervised = CONFIG.segmenter.methods[wildcards.method] == GROUND_TRUTH
    return f"results/{wildcards.run}/dataset/ground_truth.json" if fully_supervised else []


def segmenter_settings(wildcards):
    """Return what one training depends on: the section without the lists of trainings."""
    return training_settings(CONFIG.segmenter, wildcards.schedule)


def trainings():
    """Return (method, schedule) of each segmenter that a table shows."""
    rows = CONFIG.report.segmentation_methods or tuple(CONFIG.segmenter.methods)
    both = CONFIG.report.scale_scheduling_methods or tuple(CONFIG.segmenter.methods)
    wanted = {(method, CONFIG.report.segmentation_schedule) for method in rows}
    if len(CONFIG.segmenter.schedules) > 1:
        wanted |= {(method, schedule) for method in both for schedule in CONFIG.segmenter.schedules}
    return sorted(wanted)


def scored_splits():
    """Return the predicted splits that have ground truth; the test split of a benchmark has none."""
    if not CONFIG.dataset.scored:
        return []
    return [split for split in CONFIG.prediction.splits if split != "test"]


def submitted_masks(wildcards):
    """Return the lists of the test predictions that go into a method's archive."""
    chosen = CONFIG.submission_settings
    folder = f"results/{wildcards.run}/prediction/{wildcards.method}/{chosen.schedule}/seed{chosen.seed}/test"
    return [f"{folder}/{shard}.csv" for shard in PREDICTION_SHARDS]


def refined_ensembles():
    return [name for name, ensemble in CONFIG.ensembles.items() if ensemble.output == "orandnet"]


def curve_methods(ensemble):
    """Return the maps that belong in one plot: members, OR, AND, ORANDNet, and its IRN form."""
    refined = [ensemble + IRN_SUFFIX] if ensemble in CONFIG.irn.cams else []
    members = dict.fromkeys(split_member(member, 0)[0] for member in CONFIG.ensembles[ensemble].members)
    return [*members, f"{ensemble}-or", f"{ensemble}-and", ensemble, *refined]


def panel_masks(ensemble):
    return [ensemble, ensemble + IRN_SUFFIX] if ensemble in CONFIG.irn.cams else [ensemble]


def report_settings():
    """Return the settings of the report with its rows filled in."""
    rows = CONFIG.report.pseudo_mask_methods or tuple(CONFIG.table1_methods)
    methods = CONFIG.report.segmentation_methods or tuple(CONFIG.segmenter.methods)
    tuned = CONFIG.pseudo_mask.threshold_rule != "fixed"
    both = CONFIG.report.scale_scheduling_methods if len(CONFIG.segmenter.schedules) > 1 else ()
    changes = {
        "scale_scheduling_methods": both,
        "pseudo_mask_methods": rows,
        "segmentation_methods": methods,
        "tuned_on_ground_truth": tuned,
        "scored": CONFIG.dataset.scored,
    }
    return CONFIG.report.model_copy(update=changes)


def tables_and_figures(wildcards):
    """Return everything a run is for: tables, figures, predictions that cannot be scored here, and archives of them.

    Of data without true masks there are no figures, and no prediction can be scored.
    """
    tables = ["table1_pseudo_masks", "table2_segmentation", "table2_variants", "table3_scale_scheduling"]
    drawn = refined_ensembles() if CONFIG.dataset.scored else []
    figures = [f"{figure}_{ensemble}" for ensemble in drawn for figure in ("curves", "panels")]
    unscored = [
        f"prediction/{method}/{schedule}/seed{seed}/{split}/{shard}.csv"
        for split in CONFIG.prediction.splits
        if split not in scored_splits()
        for method, schedule in trainings()
        for seed in CONFIG.seeds
        for shard in PREDICTION_SHARDS
    ]
    # the server is PASCAL VOC's, and scenes stand in for VOC
    if "test" in CONFIG.prediction.splits and CONFIG.dataset.kind in ("voc", "scenes"):
        rows = CONFIG.report.segmentation_methods or tuple(CONFIG.segmenter.methods)
        unscored += [f"submission/{method}.tar.gz" for method in rows]
    wanted = [f"tables/{table}.csv" for table in tables] + [f"figures/{figure}.png" for figure in figures]
    return [f"results/{CONFIG.run}/{path}" for path in wanted + unscored]


def exports(wildcards):
    """Return the lists of all files that the section export names, for every seed."""
    places = {
        f"{kind}/{method}": names
        for kind, names in (("irn", SHARDS), ("npz", SHARDS), ("voc", ["list"]))
        for method in getattr(CONFIG.export, kind)
    }
    if not places:
        raise WorkflowError("export: names no methods; list some under export.irn, export.npz or export.voc.")
    return [
        f"results/{CONFIG.run}/export/{place}/seed{seed}/{name}.csv"
        for place, names in places.items()
        for seed in CONFIG.seeds
        for name in names
    ]


wildcard_constraints:
    run=re.escape(CONFIG.run),
    seed=r"\d+",
    shard=r"\d+-of-\d+",
    source="|".join(TRAINED) or NO_NAME,
    ensemble="|".join(ENSEMBLES) or NO_NAME,
    cam="|".join([*SOURCES, *ENSEMBLES]),
    method=r"[A-Za-z0-9_+-]+",
    schedule="|".join(get_args(Schedule)),
    split="train|train_aug|val|test",
