"""All artifacts that a config can make: what lies elsewhere in the folder of its run is of an older config."""

from collections.abc import Iterable, Iterator

from orandnet.config.sections import Config
from orandnet.config.sources import split_member
from orandnet.files.places import IMPORTED, MASKS, NETWORKS, STORES, place
from orandnet.plan.cams import refined_ensembles
from orandnet.plan.targets import CHARTS, FIGURES, TABLES, scored_parts

OPERATORS = ("or", "and", "mean")  # which every fusion of ORANDNet's input writes
SCORES = ("summary", "curve", "per_class", "confusion")
FORMATS = ("png", "svg", "pdf")  # of figures


def planned(config: Config, artifacts: Iterable[str] | None = None) -> list[str]:
    """Return a pattern for each kind of file that the run may hold, from the folder of the run.

    `*` in a pattern stands for the number of a shard, or for an image id.

    Args:
        config: the run's.
        artifacts: keys of `places.PLACES` to return; None for all.
    """
    wanted = None if artifacts is None else set(artifacts)
    head = f"results/{config.run}/"
    found = (path.removeprefix(head) for name, path in _all(config) if wanted is None or name in wanted)
    return list(dict.fromkeys(found))


def packed(config: Config) -> list[str]:
    """Return the patterns of what belongs into the trail of an image: CAMs, masks and networks."""
    return planned(config, [*STORES, *MASKS, *NETWORKS])


def trained_seeds(config: Config) -> set[tuple[str, int]]:
    """Return (source, seed) of each classifier: those of the run, of members with another seed, and what amn needs."""
    wanted = [(name, seed) for name in (*config.sources, *config.ensembles) for seed in config.seeds]
    found = set()
    while wanted:
        name, seed = wanted.pop()
        if name in config.ensembles:
            wanted += [split_member(member, seed) for member in config.ensembles[name].members]
        elif name not in config.untrained and (name, seed) not in found:
            found.add((name, seed))
            wanted += [(name, seed)] if (name := config.sources[name].seed_source) else []
    return found


def _all(config: Config) -> Iterator[tuple[str, str]]:
    yield from _dataset(config)
    yield from _cams(config)
    yield from _refinement(config)
    yield from _segmentation(config)
    yield from _results(config)


def _each(config: Config, artifact: str, **parts: object) -> tuple[str, str]:
    return artifact, place(artifact, config.run, **parts)


def _dataset(config: Config) -> Iterator[tuple[str, str]]:
    for artifact in ("dataset", "dataset_manifest", "dataset_classes"):
        yield _each(config, artifact)
    for part in ("train_aug", "val", "test"):
        yield _each(config, "dataset_images", part=part)
    for part in scored_parts(config):
        yield _each(config, "dataset_ground_truth", part=part)
    if config.dataset.download:
        yield _each(config, "dataset_fetch")
    if config.dataset.kind in ("scenes", "coco"):
        yield _each(config, "dataset_layout", layout=config.dataset.kind)


def _cams(config: Config) -> Iterator[tuple[str, str]]:
    shard = f"*-of-{config.shards}"
    for source, seed in sorted(trained_seeds(config)):
        yield _each(config, "classifier", source=source, seed=seed)
        yield _each(config, "cam", source=source, seed=seed, shard=shard)
    for source in config.imported:
        yield _each(config, "cam_import", source=source, shard=shard)
    for source in config.clips:
        yield _each(config, "cam_clip", source=source, shard=shard)
        if not config.sources[source].text.features:
            yield _each(config, "cam_text", source=source)
    fused = {(name, seed) for name in config.ensembles for seed in config.seeds}
    for name, seed in sorted(fused | {made for made in _learnt_from(config) if made[0] in config.ensembles}):
        for operator in ("sum",) if config.ensembles[name].output == "sum" else OPERATORS:
            yield _each(config, "fusion", ensemble=name, seed=seed, operator=operator, shard=shard)
        if name in refined_ensembles(config):
            yield _each(config, "orandnet", ensemble=name, seed=seed)
            yield _each(config, "orandnet_cam", ensemble=name, seed=seed, shard=shard)


def _refinement(config: Config) -> Iterator[tuple[str, str]]:
    shard = f"*-of-{config.shards}"
    learnt_from = _learnt_from(config)
    for cam, seed in sorted({(cam, seed) for cam in config.irn.cams for seed in config.seeds} | learnt_from):
        yield _each(config, "irn_labels", cam=cam, seed=seed, shard=shard)
    for cam in config.irn.cams:
        for seed in config.seeds:
            yield _each(config, "irn", cam=cam, seed=seed)
            yield _each(config, "irn_walk", cam=cam, seed=seed, shard=shard)
    for method in config.refinement.methods:
        for seed in config.seeds:
            yield _each(config, "refinement", method=method, seed=seed, shard=shard)
            yield _each(config, "otsu", method=method.rpartition("+")[0], seed=seed)


def _learnt_from(config: Config) -> set[tuple[str, int]]:
    """Return (method, seed) of each CAM whose labels a source of kind amn is trained on."""
    trained = ((config.sources[source], seed) for source, seed in trained_seeds(config))
    return {(source.seed_source, seed) for source, seed in trained if source.kind == "amn"}


def _segmentation(config: Config) -> Iterator[tuple[str, str]]:
    shard, parts = f"*-of-{config.shards}", f"*-of-{config.prediction.shards or config.shards}"
    scored = {(method, seed) for method in config.cam_methods for seed in config.seeds}
    for method, seed in sorted(scored | _learnt_from(config)):
        yield _each(config, "otsu", method=method, seed=seed)
    for seed in config.seeds:
        for method in config.cam_methods:
            yield _each(config, "pseudo_mask", method=method, seed=seed, shard=shard)
            yield _each(config, "pseudo_mask_threshold", method=method, seed=seed, shard=shard)
        for method in config.segmenter.methods:
            for schedule in config.segmenter.schedules:
                where = {"method": method, "schedule": schedule, "seed": seed}
                yield _each(config, "segmenter", **where)
                for split in config.prediction.splits:
                    yield _each(config, "prediction", **where, split=split, shard=parts)
                    for scores in SCORES:
                        yield _each(config, "evaluation_prediction", **where, split=split, scores=scores)

    for name in config.predictions:
        where = {"method": name, "schedule": IMPORTED, "seed": config.seeds[0], "split": "val"}
        yield _each(config, "prediction", **where, shard=parts)
        for scores in SCORES:
            yield _each(config, "evaluation_prediction", **where, scores=scores)


def _results(config: Config) -> Iterator[tuple[str, str]]:
    shard = f"*-of-{config.shards}"
    for seed in config.seeds:
        for method in config.cam_methods:
            for scores in SCORES:
                yield _each(config, "evaluation_cam", method=method, seed=seed, scores=scores)
        for kind in ("irn", "npz", "voc"):
            for method in getattr(config.export, kind):
                parts = {} if kind == "voc" else {"shard": shard}
                yield _each(config, f"export_{kind}", method=method, seed=seed, **parts)
    for method in config.segmenter.methods:
        yield _each(config, "submission", method=method)
    yield _each(config, "page")
    for table in TABLES:
        yield _each(config, "tables", table=table)
        yield _each(config, "table_pages", table=table)
    figures = [*CHARTS, *(f"{kind}_{ensemble}" for ensemble in refined_ensembles(config) for kind in FIGURES)]
    for figure in figures:
        for form in FORMATS:
            yield _each(config, "figures", figure=figure, format=form)
    yield _each(config, "export_pack", image_id="*")
