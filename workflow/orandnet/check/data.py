"""What is wrong with a config's images, labels, masks and imported CAM files: all of it, not the first few faults."""

from collections.abc import Callable
from pathlib import Path

from orandnet.cam.import_folder import import_folder
from orandnet.cam.imported import imported_cams
from orandnet.cam.settings import ImportSettings
from orandnet.dataset.index import read_file_ids, read_index
from orandnet.dataset.problems import all_shown, lines_of
from orandnet.dataset.settings import Settings
from orandnet.dataset.stage import steps
from orandnet.job.progress import track
from orandnet.prediction.foreign import foreign_masks
from orandnet.prediction.import_folder import prediction_folder
from orandnet.prediction.settings import ImportSettings as PredictionSettings
from orandnet.refinement.segment_folder import SegmentFolder
from orandnet.refinement.segment_formats import READERS
from orandnet.refinement.settings import SamRefinement


def unread(settings: Settings) -> str | None:
    """Return why a data set is not looked at before the run, or None."""
    if settings.kind == "scenes":
        return "drawn by the run"
    if settings.download and not settings.root.exists():
        return f"fetched by the run into {settings.root}: `snakemake --cores 2 --until dataset_fetch`, then check again"
    return None


def data_faults(settings: Settings, folder: Path, *, threads: int = 1) -> list[str]:
    """Check a data set as the jobs of a run do, and go on after a fault with all that does not build on it.

    Masks of COCO that the run would draw from the annotations are not drawn.

    Args:
        settings: which data set, of another kind than scenes.
        folder: an empty folder for the lists.
        threads: number of files that are decoded at a time.

    Returns:
        One line for each fault.
    """
    faults: list[str] = []
    for step in steps(folder, settings, threads=threads):
        drawn = settings.kind == "coco" and settings.masks is None and step.output.parent.name == "ground_truth"
        if drawn or not all(path.is_file() for path in step.needs):
            continue
        step.output.parent.mkdir(parents=True, exist_ok=True)
        faults += _faults(step.write)
    return list(dict.fromkeys(faults))


def import_faults(settings: ImportSettings, folder: Path) -> list[str]:
    """Read all CAM files of an imported source, as its job does.

    Args:
        settings: of the source.
        folder: where `data_faults` wrote the list of the training images; without it files cannot be compared with
            labels, and only the folder is looked at.
    """
    index = folder / "train_aug.csv"
    if not index.is_file():
        return _faults(lambda: import_folder(settings))
    images = read_index(index)
    records = images.subset("train_aug")

    def read() -> None:
        for _ in track(imported_cams(records, images.class_names, settings), "import", len(records)):
            pass

    return _faults(read)


def prediction_faults(settings: PredictionSettings, folder: Path) -> list[str]:
    """Read all predictions of another program, as their job does; `folder` as of `import_faults`."""
    index = folder / "val.csv"
    if not index.is_file():
        return _faults(lambda: prediction_folder(settings))
    records = read_index(index).subset("val")

    def read() -> None:
        for _ in track(foreign_masks(records, read_file_ids(index), settings), "import", len(records)):
            pass

    return _faults(read)


def segment_faults(settings: SamRefinement, folder: Path) -> list[str]:
    """Read the segments of all training images, as their job does; `folder` as of `import_faults`."""
    index = folder / "train_aug.csv"
    records = read_index(index).subset("train_aug") if index.is_file() else []

    def read() -> None:
        segments = SegmentFolder(settings)
        segments.require(record.image_id for record in records)
        for record in track(records, "segments"):
            READERS[settings.format](segments.file_of(record.image_id), record.size)

    return _faults(read)


def _faults(work: Callable[[], object]) -> list[str]:
    """Do some work; return what it found wrong, all of it, one line each."""
    try:
        with all_shown():
            work()
    except ValueError as error:
        return lines_of(error)
    return []
