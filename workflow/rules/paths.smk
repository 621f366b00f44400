# How rules ask the plan of the run, which knows what is made from what and where it lies. No rules here.

from inspect import signature

from orandnet.cam.import_folder import import_folder
from orandnet.dataset.layouts.voc import ids_of_lists
from orandnet.files.manifest import manifest_path
from orandnet.files.places import IMPORTED, events, first_shards, history, place, training_manifest
from orandnet.plan import artifacts, cams, jobs, names, page, targets, thresholds, trainings
from orandnet.prediction.import_folder import prediction_folder
from orandnet.refinement.segment_folder import SegmentFolder

SHARDS, PREDICTION_SHARDS = cams.shards(CONFIG), targets.prediction_shards(CONFIG)
# an order and no data: what waits for the check of the whole data set never runs again because of it
CHECKED = ancient(place("dataset_manifest"))


def planned(function, **renamed):
    """Return an input function that asks the plan, with the wildcards that the function's parameters name."""
    wanted = {name: renamed.get(name, name) for name in [*signature(function).parameters][1:]}

    def ask(wildcards):
        try:
            return function(CONFIG, **{name: wildcards[other] for name, other in wanted.items()})
        except ValueError as error:
            raise WorkflowError(str(error)) from None

    return ask


def part_of_split(artifact):
    """Return an input function: an artifact of that part of the data set which holds the wildcards' split."""
    return lambda wildcards: place(artifact, CONFIG.run, part=targets.part_of(wildcards.split))


def ignore_below(wildcards):
    probability = thresholds.mask_settings(CONFIG, wildcards.method).ignore_below
    return "" if probability is None else f"--ignore-below {probability}"


def import_fingerprint(key, open_folder, image_ids, whose):
    """Return a fingerprint of another program's files, after a check that each image has one."""
    try:
        folder = open_folder()
        folder.require(image_ids, whose=whose)
    except ValueError as error:
        raise WorkflowError(f"{key}: {error}") from None
    return folder.fingerprint()


def import_fingerprints(key, names, open_folder, part, whose):
    """Return the fingerprint of the files of each name; refuses lists and folders with something missing."""
    try:
        image_ids = ids_of_lists(CONFIG.dataset, part) if names else []
    except ValueError as error:
        raise WorkflowError(f"dataset: {error}") from None
    return {name: import_fingerprint(f"{key}.{name}", lambda: open_folder(name), image_ids, whose) for name in names}


IMPORT_FINGERPRINTS = import_fingerprints(
    "sources",
    CONFIG.imported,
    lambda name: import_folder(CONFIG.import_of(name)),
    "train_aug",
    "training images",
)
PREDICTION_FINGERPRINTS = import_fingerprints(
    "predictions",
    CONFIG.predictions,
    lambda name: prediction_folder(CONFIG.prediction_import_of(name)),
    "val",
    "val images",
)


def segment_fingerprint():
    """Return a fingerprint of the segments' files, after a check that each training image has one; nothing without."""
    section = CONFIG.refinement.sam
    if not section.cams:
        return ""
    try:
        folder = SegmentFolder(section)
        folder.require(ids_of_lists(CONFIG.dataset, "train_aug"))
    except ValueError as error:
        raise WorkflowError(f"refinement.sam: {error}") from None
    return folder.fingerprint()


SEGMENT_FINGERPRINT = segment_fingerprint()

if "test" in CONFIG.prediction.splits:
    try:
        listing.refuse_without_test(CONFIG.dataset)
    except ValueError as error:
        raise WorkflowError(str(error)) from None


wildcard_constraints:
    **names.constraints(CONFIG),
