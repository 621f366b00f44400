# How rules ask the plan of the run, which knows what is made from what and where it lies. No rules here.

from inspect import signature

from orandnet.cam.import_folder import ImportFolder
from orandnet.dataset.layouts.voc import training_ids
from orandnet.files.manifest import manifest_path
from orandnet.files.places import first_shards, history, place, training_manifest
from orandnet.plan import artifacts, cams, jobs, names, page, targets, thresholds, trainings
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
        image_ids = training_ids(CONFIG.dataset) if CONFIG.imported else []
    except ValueError as error:
        raise WorkflowError(f"dataset: {error}") from None
    return {source: import_fingerprint(source, image_ids) for source in CONFIG.imported}


IMPORT_FINGERPRINTS = import_fingerprints()


def segment_fingerprint():
    """Return a fingerprint of the segments' files, after a check that each training image has one; nothing without."""
    section = CONFIG.refinement.sam
    if not section.cams:
        return ""
    try:
        folder = SegmentFolder(section)
        folder.require(training_ids(CONFIG.dataset))
    except ValueError as error:
        raise WorkflowError(f"refinement.sam: {error}") from None
    return folder.fingerprint()


SEGMENT_FINGERPRINT = segment_fingerprint()


wildcard_constraints:
    **names.constraints(CONFIG),
