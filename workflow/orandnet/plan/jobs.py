"""Every job of a run before the report, by the first artifact it makes."""

from collections.abc import Iterator

from orandnet.config.sections import Config
from orandnet.config.sources import split_member
from orandnet.files.places import place
from orandnet.plan.cams import cam_shards, gallery_methods, refined_from, seeds_of, shards, word_features
from orandnet.plan.targets import (
    cam_summaries,
    foreign_predictions,
    gallery_masks,
    prediction_summaries,
    predictions,
    scored_parts,
    submissions,
)
from orandnet.plan.thresholds import otsu_of_labels, otsu_of_masks, otsu_of_refinement
from orandnet.plan.trainings import segmenter_masks, segmenters
from orandnet.pseudo_mask.settings import IRN_SUFFIX
from orandnet.segmenter.settings import GROUND_TRUTH

WEIGHTS = "weights.safetensors"


def made(config: Config) -> list[str]:
    """Return the first output of every job, beside which its manifest lies, each after what it is made from."""
    found = list(_dataset(config))
    for method in config.cam_methods if config.dataset.scored else ():
        for seed in seeds_of(config, method):
            found += _behind_cam(config, method, seed)
            found.append(place("otsu", config.run, method=method, seed=seed))
    for method in gallery_methods(config):
        found += _behind_cam(config, method, config.seeds[0])
        found += otsu_of_masks(config, method, config.seeds[0])
    found += gallery_masks(config)
    for method, schedule in segmenters(config):
        for seed in config.seeds:
            found += _behind_segmenter(config, method, schedule, seed)
    for name in config.predictions:
        found += foreign_predictions(config, name)
    found += [*cam_summaries(config), *prediction_summaries(config), *submissions(config)]
    return list(dict.fromkeys(found))


def histories(config: Config) -> list[str]:
    """Return the losses of every network of the run."""
    return [path.replace(WEIGHTS, "history.csv") for path in made(config) if path.endswith(f"/{WEIGHTS}")]


def _dataset(config: Config) -> Iterator[str]:
    if config.dataset.download:
        yield place("dataset_fetch", config.run)
    if config.dataset.kind in ("scenes", "coco"):
        yield place("dataset_layout", config.run, layout=config.dataset.kind)
    yield place("dataset_classes", config.run)
    yield from (place("dataset_images", config.run, part=part) for part in ("train_aug", "val", "test"))
    yield from (place("dataset_ground_truth", config.run, part=part) for part in scored_parts(config))
    yield place("dataset", config.run)


def _behind_segmenter(config: Config, method: str, schedule: str, seed: int) -> Iterator[str]:
    """Yield the weights and predictions of a segmenter, and all that they are made from."""
    cam = config.segmenter.methods[method]
    if cam != GROUND_TRUTH:
        yield from _behind_cam(config, cam, seed)
        yield from otsu_of_masks(config, cam, seed)
    yield from segmenter_masks(config, method, seed)
    yield from _behind_initial(config, config.segmenter.initial_source, seed)
    yield place("segmenter", config.run, method=method, schedule=schedule, seed=seed)
    for split in config.prediction.splits:
        yield from predictions(config, method, schedule, seed, split)


def _behind_cam(config: Config, method: str, seed: int) -> Iterator[str]:
    """Yield the CAMs of a method, and all that they are made from."""
    stores = cam_shards(config, method, seed)
    if (unrefined := refined_from(method)) is not None:
        yield from _behind_cam(config, unrefined, seed)
        yield from otsu_of_refinement(config, method, seed)
    elif method.endswith(IRN_SUFFIX):
        cam = method.removesuffix(IRN_SUFFIX)
        yield from _behind_cam(config, cam, seed)
        yield from _labels(config, cam, seed)
        yield from _behind_initial(config, config.irn_of(cam).initial_source, seed)
        yield place("irn", config.run, cam=cam, seed=seed)
    elif method in config.sources:
        yield from _behind_initial(config, method, seed)
    else:
        yield from _behind_fusion(config, method.partition("-")[0], seed)
        if "/fusion/" in stores[0] and "/sum/" not in stores[0]:
            return  # made by the job of the OR CAM
    yield from stores


def _labels(config: Config, cam: str, seed: int) -> Iterator[str]:
    yield from otsu_of_labels(config, cam, seed)
    yield from (place("irn_labels", config.run, cam=cam, seed=seed, shard=shard) for shard in shards(config))


def _behind_initial(config: Config, source: str | None, seed: int) -> Iterator[str]:
    """Yield the classifier of a source and what it learns from, or the words of a CLIP; nothing for imported CAMs."""
    if source in config.clips and not config.sources[source].text.features:
        yield word_features(config, source)
    if source is None or source in config.untrained:
        return
    seed_source = config.sources[source].seed_source
    if seed_source is not None:
        yield from _behind_cam(config, seed_source, seed)
        yield from _labels(config, seed_source, seed)
    yield place("classifier", config.run, source=source, seed=seed)


def _behind_fusion(config: Config, ensemble: str, seed: int) -> Iterator[str]:
    for member in config.ensembles[ensemble].members:
        yield from _behind_cam(config, *split_member(member, seed))
    output = config.ensembles[ensemble].output
    if output != "sum":  # one job fuses by OR, AND and MEAN; the OR CAM is its first output
        where = {"ensemble": ensemble, "seed": seed, "operator": "or"}
        yield from (place("fusion", config.run, **where, shard=shard) for shard in shards(config))
    if output == "orandnet":
        yield place("orandnet", config.run, ensemble=ensemble, seed=seed)
