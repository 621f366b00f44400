"""The config: every section's settings in one model, the single source of validation, defaults and reference."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from orandnet.cam.settings import KIND_DEFAULTS as KIND_CAM
from orandnet.cam.settings import Settings as CamSettings
from orandnet.classifier.settings import KIND_DEFAULTS as KIND_CLASSIFIER
from orandnet.classifier.settings import Settings as ClassifierSettings
from orandnet.config_errors import describe
from orandnet.dataset.settings import Settings as DatasetSettings
from orandnet.evaluation.settings import Settings as EvaluationSettings
from orandnet.export.settings import Settings as ExportSettings
from orandnet.fusion.settings import Settings as FusionSettings
from orandnet.irn.settings import Settings as IrnSettings
from orandnet.orandnet.settings import Settings as OrandnetSettings
from orandnet.prediction.settings import Settings as PredictionSettings
from orandnet.pseudo_mask.settings import IRN_SUFFIX
from orandnet.pseudo_mask.settings import Settings as PseudoMaskSettings
from orandnet.report.settings import Settings as ReportSettings
from orandnet.segmenter.settings import Settings as SegmenterSettings
from orandnet.settings import Section

GROUND_TRUTH = "ground_truth"
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
Member = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+(@[1-9][0-9]*)?$")]
Overrides = dict[str, Any]


class Source(Section):
    """A classifier whose CAMs are used: what it changes in the sections `classifier` and `cam`."""

    kind: Literal["cnn", "vit"] = Field(description="family of the network")
    classifier: Overrides = Field({}, description="keys of the section `classifier` that differ for this source")
    cam: Overrides = Field({}, description="keys of the section `cam` that differ for this source")
    irn: Overrides = Field({}, description="keys of the section `irn` that differ when this source's CAM is refined")


class Ensemble(Section):
    """Sources whose CAMs are fused, and which map is the ensemble's."""

    members: list[Member] = Field(
        min_length=2,
        description="two or more sources; <source>@<k> is the source trained with the run's seed plus k, so that "
        "[vit, vit@1] fuses two trainings of one source",
    )
    output: Literal["orandnet", "or", "and", "mean"] = Field(
        "orandnet", description="the ensemble's CAM: refined by ORANDNet, or a fusion alone; mean is the naive ensemble"
    )
    fusion: Overrides = Field({}, description="keys of the section `fusion` that differ for this ensemble")
    orandnet: Overrides = Field({}, description="keys of the section `orandnet` that differ for this ensemble")
    irn: Overrides = Field({}, description="keys of the section `irn` that differ when this ensemble's CAM is refined")


def split_member(member: str, seed: int) -> tuple[str, int]:
    """Return the source and the random seed of an ensemble's member (`vit` or `vit@1`) in a run's `seed`."""
    source, _, offset = member.partition("@")
    return source, seed + int(offset or 0)


class IrnSection(IrnSettings):
    """The section `irn`: also which CAMs are refined."""

    cams: list[str] = Field(
        [], description="sources and ensembles whose CAMs IRN refines; gives the methods <name>+irn"
    )


class Config(Section):
    """Everything a run depends on."""

    run: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")] = Field(
        "demo", description="name of the run: all it makes lies under results/<run>"
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0], min_length=1, description="random seeds; tables give mean and standard deviation over them"
    )
    shards: int = Field(1, ge=1, description="jobs that a heavy inference stage is split into")
    threads: int = Field(1, ge=1, description="CPU threads of a training or inference job; all but one load data")
    dataset: DatasetSettings = Field(DatasetSettings(), description="images, labels, classes and splits")
    sources: dict[Name, Source] = Field(description="classifiers, by name", min_length=1)
    ensembles: dict[Name, Ensemble] = Field({}, description="fusions of sources, by name")
    classifier: ClassifierSettings = Field(ClassifierSettings(), description="training of every source")
    cam: CamSettings = Field(CamSettings(), description="class activation maps of every source")
    fusion: FusionSettings = Field(FusionSettings(), description="OR, AND and MEAN of every ensemble")
    orandnet: OrandnetSettings = Field(OrandnetSettings(), description="ORANDNet of every ensemble")
    irn: IrnSection = Field(IrnSection(), description="refinement by inter-pixel relations")
    pseudo_mask: PseudoMaskSettings = Field(PseudoMaskSettings(), description="background thresholds")
    segmenter: SegmenterSettings = Field(SegmenterSettings(), description="DeepLabv1")
    prediction: PredictionSettings = Field(PredictionSettings(), description="inference of the segmenters")
    evaluation: EvaluationSettings = Field(EvaluationSettings(), description="comparison with ground truth")
    report: ReportSettings = Field(ReportSettings(), description="tables and figures")
    export: ExportSettings = Field(ExportSettings(), description="files for other programs")

    def classifier_of(self, source: str) -> ClassifierSettings:
        """Return the classifier settings of a source: the section with the source's changes."""
        kind = self.sources[source].kind
        changes = {**self.sources[source].classifier, "kind": kind}
        place = f"sources.{source}.classifier"
        return _merged(self.classifier, changes, place, KIND_CLASSIFIER[kind])

    def cam_of(self, source: str) -> CamSettings:
        """Return the CAM settings of a source."""
        defaults = KIND_CAM[self.sources[source].kind]
        return _merged(self.cam, self.sources[source].cam, f"sources.{source}.cam", defaults)

    def fusion_of(self, ensemble: str) -> FusionSettings:
        """Return the fusion settings of an ensemble."""
        return _merged(self.fusion, self.ensembles[ensemble].fusion, f"ensembles.{ensemble}.fusion")

    def orandnet_of(self, ensemble: str) -> OrandnetSettings:
        """Return the ORANDNet settings of an ensemble."""
        return _merged(self.orandnet, self.ensembles[ensemble].orandnet, f"ensembles.{ensemble}.orandnet")

    def irn_of(self, cam: str) -> IrnSettings:
        """Return the IRN settings of a source's or ensemble's CAM."""
        place, owner = ("sources", self.sources) if cam in self.sources else ("ensembles", self.ensembles)
        return _merged(self.irn.narrowed_to(IrnSettings), owner[cam].irn, f"{place}.{cam}.irn")

    @property
    def cam_methods(self) -> list[str]:
        """Return all methods that have a CAM store, in the order of the tables."""
        refined = [name for name, ensemble in self.ensembles.items() if ensemble.output == "orandnet"]
        parts = [f"{name}-{operator}" for name in refined for operator in ("or", "and")]
        return [*self.sources, *self.ensembles, *parts, *(cam + IRN_SUFFIX for cam in self.irn.cams)]

    @property
    def table1_methods(self) -> list[str]:
        """Return the rows of table 1: sources, naive ensembles, then each ensemble and its IRN form."""
        refined = [name for name, ensemble in self.ensembles.items() if ensemble.output == "orandnet"]
        rows = [*self.sources, *(name for name in self.ensembles if name not in refined)]
        for name in refined:
            rows += [name, name + IRN_SUFFIX] if name in self.irn.cams else [name]
        return rows


def _merged(section: Section, changes: Overrides, place: str, defaults: Overrides | None = None) -> Any:
    """Return a section with some keys changed, checked anew; `defaults` yield to what the config names."""
    named = deep_update(defaults or {}, section.model_dump(exclude_unset=True))
    try:
        return type(section).model_validate(deep_update(named, changes))
    except ValidationError as error:
        raise ValueError(describe(error, type(section), place)) from None


def deep_update(values: dict, changes: dict) -> dict:
    """Return `values` with `changes`, mapping by mapping; neither argument is altered."""
    result = dict(values)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = deep_update(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def load(raw: dict) -> Config:
    """Return the checked config.

    Args:
        raw: as YAML gives it.

    Raises:
        ValueError: one line per problem, with the key, the value and what to do.
    """
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise ValueError(describe(error, Config)) from None
    problems = list(_contradictions(config))
    if problems:
        raise ValueError("\n".join(problems))
    return config


def _contradictions(config: Config):
    """Yield what is wrong between sections, one line each."""
    twice = sorted(config.sources.keys() & config.ensembles.keys())
    if twice:
        yield f"ensembles.{twice[0]}: is also the name of a source; rename one."
    for name, ensemble in config.ensembles.items():
        for member in ensemble.members:
            if split_member(member, 0)[0] not in config.sources:
                yield f"ensembles.{name}.members: {member!r} is no source; the sources are {list(config.sources)}."
        if len(set(ensemble.members)) < len(ensemble.members):
            yield (
                f"ensembles.{name}.members: {ensemble.members} names one twice; write for example "
                f"{ensemble.members[0]}@1 for the same source trained with another seed."
            )
        for member in config.fusion_of(name).offsets:
            if member not in ensemble.members:
                yield f"ensembles.{name}.fusion.offsets: {member!r} is no member; the members are {ensemble.members}."
        config.orandnet_of(name)
    for source in config.sources:
        config.classifier_of(source)
        config.cam_of(source)
    for cam in config.irn.cams:
        if cam not in config.sources and cam not in config.ensembles:
            yield f"irn.cams: {cam!r} is neither a source nor an ensemble; name one of them."
        else:
            config.irn_of(cam)
    for row, method in config.segmenter.methods.items():
        if method != GROUND_TRUTH and method not in config.cam_methods:
            yield (
                f"segmenter.methods.{row}: no pseudo masks come from {method!r}; choose {GROUND_TRUTH} or one of "
                f"{config.cam_methods}."
            )
    yield from _repeated_or_empty(config)
    yield from _unknown_sources(config)
    yield from _unknown_rows(config)


def _repeated_or_empty(config: Config):
    for key, values in (("seeds", config.seeds), ("irn.cams", config.irn.cams)):
        if len(set(values)) < len(values):
            yield f"{key}: {values} names one twice; drop the repetition."
    if "val" not in config.prediction.splits:
        yield f"prediction.splits: {config.prediction.splits} lacks val, which the tables show; add it."
    if config.report.tuned_on_ground_truth:
        yield "report.tuned_on_ground_truth: follows from pseudo_mask.threshold_rule; drop the key."


def _unknown_sources(config: Config):
    for place, source in (
        ("irn.initial_source", config.irn.initial_source),
        ("segmenter.initial_source", config.segmenter.initial_source),
    ):
        if source is not None and config.sources.get(source, Source(kind="vit")).kind != "cnn":
            yield f"{place}: {source!r} is no source of kind cnn; name one, or write null."


def _unknown_rows(config: Config):
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
    if report.segmentation_schedule not in config.segmenter.schedules:
        yield (
            f"report.segmentation_schedule: {report.segmentation_schedule!r} is not among segmenter.schedules "
            f"{config.segmenter.schedules}; add it."
        )
