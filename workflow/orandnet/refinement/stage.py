"""Stage `refinement`: a CAM store in, its classes after a CRF or in the form of segments out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from orandnet.crf.dense_crf import crf_from_probabilities
from orandnet.crf.settings import CrfSettings
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record, read_index
from orandnet.files.store import Cam, CamStore, shard_slice, write_shard
from orandnet.files.thresholds import read_thresholds
from orandnet.job.progress import track
from orandnet.job.read_ahead import read_ahead
from orandnet.maps.flatness import warned_if_flat
from orandnet.maps.grid import averaged, grid_shape, resize_scores
from orandnet.refinement.segment_folder import SegmentFolder
from orandnet.refinement.segment_formats import READERS, Segments
from orandnet.refinement.segments import merged_scores
from orandnet.refinement.settings import CrfJob, SamJob, SuperpixelJob
from orandnet.refinement.unaries import against_background, with_background

# record, RGB, its CAM, (K, H, W) scores at the image's size -> refined scores of that shape
Refine = Callable[[Record, np.ndarray, Cam, np.ndarray], np.ndarray]


def crf(
    *, index: Path, cams: list[Path], output: Path, settings: CrfJob, otsu: Path | None = None, shard: str = "1-of-1"
) -> None:
    """Write the CAMs of a shard of train_aug after a dense CRF, in the store's format.

    The mask that the CRF prefers is that of the background threshold 0.5.

    Args:
        index: train_aug.csv of the data set.
        cams: shards of the CAM store to refine.
        output: the shard.
        settings: the CRF, and what the classes start against.
        otsu: otsu.json of these CAMs; needed where the background is constant and the settings do not name it.
        shard: which part of the train_aug images, as `<i>-of-<n>`.
    """
    threshold = None if settings.background == "power" else _threshold(settings, otsu)
    terms = settings.narrowed_to(CrfSettings)

    def refine(record: Record, rgb: np.ndarray, cam: Cam, scores: np.ndarray) -> np.ndarray:
        probabilities = with_background(
            scores,
            background_threshold=threshold,
            alpha=settings.alpha,
            form=settings.form,
            members=settings.members,
        )
        return against_background(crf_from_probabilities(rgb, probabilities, settings=terms, min_probability=0.0))

    _write(index, cams, output, shard, settings.stride, refine)


def sam(
    *, index: Path, cams: list[Path], output: Path, settings: SamJob, otsu: Path | None = None, shard: str = "1-of-1"
) -> None:
    """Write the CAMs of a shard of train_aug in the form of another program's segments.

    Args:
        index: train_aug.csv of the data set.
        cams: shards of the CAM store to refine.
        output: the shard.
        settings: folder and format of the segments, and what a class's share of one must be.
        otsu: otsu.json of these CAMs; needed where the settings do not name the background threshold.
        shard: which part of the train_aug images, as `<i>-of-<n>`.

    Raises:
        ValueError: if an image has no file of segments, or one that does not fit it.
    """
    folder = SegmentFolder(settings)
    folder.require(record.image_id for record in _records(index, shard))

    def segments(record: Record, rgb: np.ndarray) -> Segments:
        return READERS[settings.format](folder.file_of(record.image_id), record.size)

    _merge(index, cams, output, settings, otsu, shard, segments)


def superpixels(
    *,
    index: Path,
    cams: list[Path],
    output: Path,
    settings: SuperpixelJob,
    otsu: Path | None = None,
    shard: str = "1-of-1",
) -> None:
    """Write the CAMs of a shard of train_aug in the form of superpixels.

    Args:
        index: train_aug.csv of the data set.
        cams: shards of the CAM store to refine.
        output: the shard.
        settings: the superpixels, and what a class's share of one must be.
        otsu: otsu.json of these CAMs; needed where the settings do not name the background threshold.
        shard: which part of the train_aug images, as `<i>-of-<n>`.
    """
    from orandnet.refinement.superpixels import superpixels as of_image  # scikit-image takes half a second

    _merge(index, cams, output, settings, otsu, shard, lambda record, rgb: of_image(rgb, settings))


def _merge(
    index: Path,
    cams: list[Path],
    output: Path,
    settings: SamJob | SuperpixelJob,
    otsu: Path | None,
    shard: str,
    segments: Callable[[Record, np.ndarray], Segments],
) -> None:
    threshold = _threshold(settings, otsu)

    def refine(record: Record, rgb: np.ndarray, cam: Cam, scores: np.ndarray) -> np.ndarray:
        return merged_scores(
            scores,
            cam.classes,
            segments(record, rgb),
            background_threshold=threshold,
            segment_share=settings.segment_share,
            class_share=settings.class_share,
        )

    _write(index, cams, output, shard, settings.stride, refine)


def _threshold(settings: CrfJob | SamJob | SuperpixelJob, otsu: Path | None) -> float:
    if settings.background_threshold is not None:
        return settings.background_threshold
    if otsu is None:
        raise ValueError("background_threshold: is not named, and --otsu no file; give one of them.")
    return read_thresholds(otsu).background_threshold


def _records(index: Path, shard: str) -> list[Record]:
    return shard_slice(read_index(index).filled_subset("train_aug", index), shard)


def _write(index: Path, cams: list[Path], output: Path, shard: str, stride: int, refine: Refine) -> None:
    records = _records(index, shard)
    refined = _refined(records, CamStore(cams), stride, refine)
    write_shard(output, warned_if_flat(refined, "refinement"))


def _refined(records: list[Record], store: CamStore, stride: int, refine: Refine) -> Iterator[Cam]:
    read = read_ahead((store[record.image_id], read_rgb(record.image, record.size)) for record in records)
    for record, (cam, rgb) in zip(records, track(read, "refinement", len(records)), strict=True):
        scores = resize_scores(cam.scores, record.size)
        if len(scores):
            scores = refine(record, rgb, cam, scores)
        if stride > 1:
            scores = averaged(scores, grid_shape(record.size, stride)).clip(0, 1)
        yield cam._replace(scores=scores)


COMMANDS = {"crf": crf, "sam": sam, "superpixels": superpixels}
