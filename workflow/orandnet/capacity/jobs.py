"""The jobs of a run that ask for a GPU, one for each that differs from the others. Needs no torch."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from orandnet.config.sections import Config
from orandnet.plan import names, trainings
from orandnet.prediction.settings import PredictSettings
from orandnet.settings import Section

TRAININGS = ("classifier", "classifier_amn", "orandnet", "irn", "segmenter")
# keys that neither memory nor the time of a step depends on
INDIFFERENT = {
    "epochs", "max_iterations", "learning_rate", "head_learning_rate_factor", "weight_decay", "schedule", "power",
    "warmup_iterations", "pretrained", "weights", "label_smoothing", "resize_long", "color_jitter", "random_scale",
    "scale_schedule", "scale_per_batch", "small_images", "head_init", "random_flip", "start_from_seed", "crf",
    "crf_min_probability",
}  # fmt: skip
VOC_CLASSES, COCO_CLASSES, SCENE_CLASSES = 20, 80, 5


class Images(NamedTuple):
    """What a stage's images are like.

    Attributes:
        size: (H, W) in pixels.
        shown: classes in an image.
        num_foreground: classes of the data set, background not counted.
    """

    size: tuple[int, int]
    shown: int
    num_foreground: int


class Job(NamedTuple):
    """What all jobs of one rule with the same settings have in common.

    Attributes:
        rule: of the workflow.
        names: sources, ensembles or CAMs that it is done for.
        settings: of the stage, then of the network it runs where another stage has trained it.
        batch_size: images or maps at a time.
    """

    rule: str
    names: tuple[str, ...]
    settings: tuple[Section, ...]
    batch_size: int

    @property
    def trains(self) -> bool:
        """Whether it is a training."""
        return self.rule in TRAININGS

    @property
    def sees_whole_images(self) -> bool:
        """Whether it takes images as they come, and not windows of a size of its own."""
        return not self.trains or (self.rule == "orandnet" and self.settings[0].crop_size is None)

    def key(self, images: Images) -> str:
        """Return what names its count: another rule, setting that matters, or kind of image gives another."""
        sections = [_without(section.model_dump(mode="json"), INDIFFERENT) for section in self.settings]
        text = json.dumps(
            [self.rule, sections, images if self.sees_whole_images else images.num_foreground], sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without(values: object, names: set[str]) -> object:
    if not isinstance(values, dict):
        return values
    return {name: _without(value, names) for name, value in values.items() if name not in names}


def gpu_jobs(config: Config) -> list[Job]:
    """Return the jobs of a config, in the order of the stages; those that differ in nothing but the name are one."""
    found: dict[tuple, Job] = {}
    for job in _each(config):
        key = (job.rule, *(section.canonical_json() for section in job.settings))
        known = found.get(key)
        found[key] = job._replace(names=(*known.names, *job.names)) if known else job
    return list(found.values())


def _each(config: Config) -> Iterator[Job]:
    sources = names.trained_sources(config, on_labels=False) + names.trained_sources(config, on_labels=True)
    yield from (classifier(config, source) for source in sources)
    yield from (cam(config, source) for source in sources)
    yield from (cam_clip(config, source) for source in config.clips)
    ensembles = [name for name, ensemble in config.ensembles.items() if ensemble.output == "orandnet"]
    yield from (orandnet(config, ensemble) for ensemble in ensembles)
    yield from (orandnet_cam(config, ensemble) for ensemble in ensembles)
    yield from (irn(config, name) for name in config.irn.cams)
    yield from (irn_walk(config, name) for name in config.irn.cams)
    yield from (segmenter(config, method) for method in config.segmenter.methods)
    yield from (prediction(config, method) for method in config.segmenter.methods)


def classifier(config: Config, source: str) -> Job:
    """Return the training of a source's classifier."""
    settings = config.classifier_of(source)
    rule = "classifier_amn" if settings.kind == "amn" else "classifier"
    return Job(rule, (source,), (settings,), settings.training.batch_size)


def cam(config: Config, source: str) -> Job:
    """Return the making of a source's CAMs."""
    settings = config.cam_of(source)
    return Job("cam", (source,), (settings, config.classifier_of(source)), settings.batch_size)


def cam_clip(config: Config, source: str) -> Job:
    """Return the making of a CLIP's CAMs."""
    settings = config.clip_of(source)
    return Job("cam_clip", (source,), (settings,), settings.batch_size)


def orandnet(config: Config, ensemble: str) -> Job:
    """Return the training of an ensemble's ORANDNet."""
    settings = config.orandnet_of(ensemble)
    return Job("orandnet", (ensemble,), (settings,), settings.training.batch_size)


def orandnet_cam(config: Config, ensemble: str) -> Job:
    """Return the refinement of an ensemble's CAMs."""
    return Job("orandnet_cam", (ensemble,), (config.orandnet_of(ensemble),), 1)


def irn(config: Config, name: str) -> Job:
    """Return the training of the boundary network that refines a CAM."""
    settings = config.irn_of(name).boundary
    return Job("irn", (name,), (settings,), settings.training.batch_size)


def irn_walk(config: Config, name: str) -> Job:
    """Return the random walk of a CAM."""
    return Job("irn_walk", (name,), (config.irn_of(name).walk, config.irn_of(name).boundary), 1)


def segmenter(config: Config, method: str) -> Job:
    """Return the training of a method's segmenter; at full scale, whatever the schedule."""
    settings = trainings.segmenter_settings(config, "baseline")
    return Job("segmenter", (method,), (settings,), settings.training.batch_size)


def prediction(config: Config, method: str) -> Job:
    """Return the prediction of a split by a method's segmenter."""
    settings = config.prediction.narrowed_to(PredictSettings)
    return Job("prediction", (method,), (settings, trainings.segmenter_settings(config, "baseline")), 1)


def largest_images(config: Config) -> Images:
    """Return what the largest images of a data set are like, which memory is asked for.

    VOC's have sides of 500 pixels at most and 6 classes, COCO's 640 and 18. Of other folders nothing is known before
    they are read; they count as COCO's.
    """
    kind, classes = config.dataset.kind, len(config.dataset.classes)
    if kind == "scenes":
        side = config.dataset.scenes.size * 5 // 4
        return Images((side, side), SCENE_CLASSES, classes or SCENE_CLASSES)
    if kind == "voc":
        return Images((500, 500), 6, classes or VOC_CLASSES)
    return Images((640, 640), 18, classes or COCO_CLASSES)


def usual_images(config: Config) -> Images:
    """Return what the images of a data set are like in the mean, which time is asked for."""
    sizes = {"voc": (375, 500), "coco": (480, 640)}
    largest = largest_images(config)
    return largest._replace(size=sizes.get(config.dataset.kind, largest.size), shown=2)


def all_names(jobs: Iterable[Job]) -> list[str]:
    """Return `rule (names)` of each job, for messages and tables."""
    return [f"{job.rule} ({', '.join(dict.fromkeys(job.names))})" for job in jobs]
