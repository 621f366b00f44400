"""Choices of the config that fit their own section, but not one another.

`config` is a `Config` throughout; its class is not imported, since it asks this module.
"""

from collections.abc import Iterator

from orandnet.config.clips import unfit_clip
from orandnet.config.sources import split_member
from orandnet.config.starts import boundary_starts, unfit_starts
from orandnet.config.thresholds import unreachable_thresholds
from orandnet.config.timm_models import unknown_model
from orandnet.pseudo_mask.settings import TUNED
from orandnet.report.settings import FULLY_SUPERVISED
from orandnet.segmenter.settings import GROUND_TRUTH


def contradictions(config) -> Iterator[str]:
    """Yield what is wrong between the sections of a `Config`, one line each."""
    for place, named in (("sources", config.sources), ("ensembles", config.ensembles)):
        if GROUND_TRUTH in named:
            yield f"{place}.{GROUND_TRUTH}: stands for the true masks in segmenter.methods; choose another name."
    for place in ("sources", "ensembles", "predictions"):
        if FULLY_SUPERVISED in getattr(config, place):
            yield f"{place}.{FULLY_SUPERVISED}: is in the tables what learns from true masks; choose another name."
    twice = sorted(config.sources.keys() & config.ensembles.keys())
    if twice:
        yield f"ensembles.{twice[0]}: is also the name of a source; rename one."
    broken = list(dict.fromkeys(_broken_sections(config)))
    yield from broken
    if broken:
        return  # what follows asks for these sections
    for name in config.ensembles:
        yield from _unfit_members(config, name)
    for name in config.clips:
        yield from unfit_clip(config, name)
    yield from _unfit_sources(config)
    yield from unfit_starts(config)
    yield from unreachable_thresholds(config)
    yield from _unmade_cams(config)
    yield from _unrefined_cams(config)
    if not config.dataset.scored:
        yield from _without_masks(config)
    yield from _repeated_or_empty(config)
    yield from _unknown_rows(config)
    yield from _unknown_submission(config)
    yield from _unknown_models(config)


def _broken_sections(config) -> Iterator[str]:
    """What is wrong with the sections that a source or an ensemble has of its own."""
    makers = []
    for source in config.sources:
        of_kind = {"import": (config.import_of,), "clip": (config.clip_of,)}
        its = of_kind.get(config.sources[source].kind, (config.classifier_of, config.cam_of))
        makers += [(make, source) for make in its]
    makers += [(make, name) for name in config.ensembles for make in (config.fusion_of, config.orandnet_of)]
    makers += [(config.irn_of, name) for name in (*config.sources, *config.ensembles)]
    for make, name in makers:
        try:
            make(name)
        except ValueError as error:
            yield from str(error).splitlines()


def _unknown_models(config):
    """Networks of the run that timm does not know, so that no job has to find out."""
    backbones = {}
    for name in config.sources:
        if name in config.clips:
            backbones[f"sources.{name}.backbone"] = config.sources[name].backbone
        elif name not in config.imported:
            settings = config.classifier_of(name)
            backbones[f"sources.{name}.classifier.backbone"] = settings.backbone
            backbones[f"sources.{name}.classifier.vit.stem"] = settings.vit.stem
    for cam in config.irn.cams:
        if cam in config.sources or cam in config.ensembles:
            backbones[f"irn.boundary.backbone (of {cam})"] = config.irn_of(cam).boundary.backbone
    if config.segmenter.methods:
        backbones["segmenter.backbone"] = config.segmenter.backbone
    told = set()
    for place, backbone in backbones.items():
        problem = unknown_model(backbone.model) if backbone is not None else None
        if problem and problem not in told:
            told.add(problem)
            yield f"{place}.model: {problem}"


def _unfit_members(config, name: str):
    ensemble = config.ensembles[name]
    for member in ensemble.members:
        source, seed = split_member(member, 0)
        if source not in config.sources:
            yield f"ensembles.{name}.members: {member!r} is no source; the sources are {list(config.sources)}."
        elif seed and source in config.imported:
            yield f"ensembles.{name}.members: {member!r} asks for another seed of imported files; write {source}."
        elif seed and source in config.clips:
            yield f"ensembles.{name}.members: {member!r} asks for another seed of a CLIP; write {source}."
    if len(set(ensemble.members)) < len(ensemble.members):
        yield (
            f"ensembles.{name}.members: {ensemble.members} names one twice; write for example "
            f"{ensemble.members[0]}@1 for the same source trained with another seed."
        )
    for member in config.fusion_of(name).offsets:
        if member not in ensemble.members:
            yield f"ensembles.{name}.fusion.offsets: {member!r} is no member; the members are {ensemble.members}."


def _unmade_cams(config):
    for cam in config.irn.cams:
        if cam not in config.sources and cam not in config.ensembles:
            yield f"irn.cams: {cam!r} is neither a source nor an ensemble; name one of them."
    for row, method in config.segmenter.methods.items():
        if method != GROUND_TRUTH and method not in config.cam_methods:
            yield (
                f"segmenter.methods.{row}: no pseudo masks come from {method!r}; choose {GROUND_TRUTH} or one of "
                f"{config.cam_methods}."
            )
        if (row == FULLY_SUPERVISED) != (method == GROUND_TRUTH):
            yield (
                f"segmenter.methods.{row}: is trained on {method}, but the tables call the row that learns from "
                f"{GROUND_TRUTH}, and it alone, {FULLY_SUPERVISED}; rename the row."
            )


def _unrefined_cams(config):
    for kind in type(config.refinement).model_fields:
        for cam in getattr(config.refinement, kind).cams:
            if cam not in config.unrefined_methods:
                known = config.unrefined_methods
                yield f"refinement.{kind}.cams: {cam!r} is not made by this run; choose from {known}."


def _without_masks(config):
    """What needs true masks that the data set does not have."""
    for row, method in config.segmenter.methods.items():
        if method == GROUND_TRUTH:
            yield f"segmenter.methods.{row}: {GROUND_TRUTH} needs true masks; give dataset.masks, or drop the row."
    for name in config.predictions:
        yield f"predictions.{name}: is scored with true masks; give dataset.masks, or drop the row."
    rule = config.pseudo_mask.threshold_rule
    if rule in TUNED:
        yield f"pseudo_mask.threshold_rule: {rule} needs true masks; give dataset.masks, or write otsu."


def _repeated_or_empty(config):
    for key, values in (("seeds", config.seeds), ("irn.cams", config.irn.cams)):
        if len(set(values)) < len(values):
            yield f"{key}: {values} names one twice; drop the repetition."
    if "val" not in config.prediction.splits:
        yield f"prediction.splits: {config.prediction.splits} lacks val, which the tables show; add it."
    if config.report.tuned_on_ground_truth:
        yield "report.tuned_on_ground_truth: follows from pseudo_mask.threshold_rule; drop the key."
    if config.report.pairs:
        yield "report.pairs: follows from ensembles; drop the key."
    for name in config.predictions.keys() & config.segmenter.methods.keys():
        yield f"predictions.{name}: is also a row of segmenter.methods; rename one."
    if not config.report.scored:
        yield "report.scored: follows from dataset.masks; drop the key."


def _unfit_sources(config):
    """What is wrong where a source is named as the start of something else."""
    of_kind_cnn = [name for name, source in config.sources.items() if source.kind == "cnn"]
    places = [(key, source) for key, _, source in boundary_starts(config)]
    places += [("irn.initial_source", config.irn.initial_source)]
    places += [("segmenter.initial_source", config.segmenter.initial_source)]
    for place, name in dict.fromkeys(places):
        if name is not None and name not in of_kind_cnn:
            yield f"{place}: {name!r} is no source of kind cnn; name one, or write null."
    for name, source in config.sources.items():
        place, seed = f"sources.{name}", source.seed_source
        seeds = [other for other, of in config.sources.items() if of.kind != "amn"]
        seeds += [ensemble for ensemble in config.ensembles if name not in _made_from(config, ensemble)]
        if source.kind != "amn":
            if seed is not None:
                yield f"{place}.seed_source: {seed!r} is not read by kind {source.kind}; drop the key."
        elif seed not in seeds:
            rule = "kind amn learns from a source of another kind, or an ensemble made without it"
            yield f"{place}.seed_source: {rule}, not {seed!r}; choose from {seeds}."
        elif config.classifier_of(name).amn.start_from_seed and seed not in of_kind_cnn:
            yield f"{place}.classifier.amn.start_from_seed: the seed source {seed!r} is not of kind cnn; write false."


def _made_from(config, ensemble: str) -> set[str]:
    """The names that an ensemble's CAM is made from: its own, its members', and what those of kind amn learn from."""
    found, wanted = {ensemble}, _members(config, ensemble)
    while wanted:
        if (name := wanted.pop()) in found:
            continue
        found.add(name)
        seed = config.sources[name].seed_source if name in config.sources else None  # an unknown one is told elsewhere
        wanted += _members(config, seed) if seed in config.ensembles else [seed] if seed else []
    return found


def _members(config, ensemble: str) -> list[str]:
    return [split_member(member, 0)[0] for member in config.ensembles[ensemble].members]


def _unknown_submission(config):
    submission = config.submission
    for key, value, place, known in (
        ("schedule", submission.schedule, "segmenter.schedules", config.segmenter.schedules),
        ("variant", submission.variant, "prediction.variants", list(config.prediction.variants)),
        ("seed", submission.seed, "seeds", config.seeds),
    ):
        if value is not None and value not in known:
            yield f"submission.{key}: {value!r} is not among {place} {known}; add it, or choose one of them."


def _unknown_rows(config):
    report = config.report
    for place, rows, known in (
        ("pseudo_mask.overrides", config.pseudo_mask.overrides, config.cam_methods),
        ("report.pseudo_mask_methods", report.pseudo_mask_methods, config.cam_methods),
        ("report.segmentation_methods", report.segmentation_methods, list(config.segmenter.methods)),
        ("report.scale_scheduling_methods", report.scale_scheduling_methods, list(config.segmenter.methods)),
        *((f"export.{kind}", getattr(config.export, kind), config.cam_methods) for kind in ("irn", "npz", "voc")),
    ):
        for row in rows:
            if row not in known:
                yield f"{place}: {row!r} is not made by this run; choose from {known}."
    if report.variant not in config.prediction.variants:
        variants = list(config.prediction.variants)
        yield f"report.variant: {report.variant!r} is not among prediction.variants {variants}; add it."
    schedules = set(config.segmenter.schedules)
    if len(schedules) > 1 and not schedules >= {"baseline", "scale"}:
        yield (
            f"segmenter.schedules: {config.segmenter.schedules} lacks baseline or scale, which table 3 compares; "
            "name both, or one schedule only."
        )
    if report.segmentation_schedule not in config.segmenter.schedules:
        yield (
            f"report.segmentation_schedule: {report.segmentation_schedule!r} is not among segmenter.schedules "
            f"{config.segmenter.schedules}; add it."
        )
