"""The config: every section's settings in one model, the single source of validation, defaults and reference."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError

from orandnet.cam.clip.settings import WORDS_OF_KIND, ClipSettings, ClipTextSettings
from orandnet.cam.settings import KIND_DEFAULTS as KIND_CAM
from orandnet.cam.settings import ImportedScores, ImportSettings
from orandnet.cam.settings import Settings as CamSettings
from orandnet.classifier.settings import KIND_DEFAULTS as KIND_CLASSIFIER
from orandnet.classifier.settings import Settings as ClassifierSettings
from orandnet.config.choices import contradictions
from orandnet.config.errors import describe
from orandnet.config.overrides import merged
from orandnet.config.sources import Ensemble, Source
from orandnet.dataset.settings import Settings as DatasetSettings
from orandnet.evaluation.settings import Settings as EvaluationSettings
from orandnet.export.settings import Settings as ExportSettings
from orandnet.fusion.settings import Settings as FusionSettings
from orandnet.irn.settings import Settings as IrnSettings
from orandnet.orandnet.settings import Settings as OrandnetSettings
from orandnet.prediction.settings import ForeignPrediction
from orandnet.prediction.settings import ImportSettings as PredictionImportSettings
from orandnet.prediction.settings import Settings as PredictionSettings
from orandnet.pseudo_mask.settings import IRN_SUFFIX
from orandnet.pseudo_mask.settings import Settings as PseudoMaskSettings
from orandnet.refinement.settings import Settings as RefinementSettings
from orandnet.report.settings import Settings as ReportSettings
from orandnet.segmenter.settings import Settings as SegmenterSettings
from orandnet.settings import LONGEST_NAME, MOST_SHARDS, Name, Section
from orandnet.submission.settings import Settings as SubmissionSettings

RUN = rf"^[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{LONGEST_NAME - 1}}}$"
RESERVED = "README.md"  # lies in results/ itself
HIGHEST_SEED = 2**32 - 1


def check_run(value: Any) -> Any:
    """Return the name of a run, or what is no text; ValueError if it cannot be a folder of its own in results/."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(RUN, value):
        raise ValueError(
            f"{value!r} cannot name a folder in results/; write 1 to {LONGEST_NAME} letters (a-z, A-Z), digits, _, - "
            "and ., a letter, digit or _ first"
        )
    if value.lower().endswith(RESERVED.lower()):
        raise ValueError(f"{value!r} ends in {RESERVED}, a file that lies in results/; choose another name")
    return value


class IrnSection(IrnSettings):
    """The section `irn`: also which CAMs are refined."""

    cams: list[str] = Field(
        [], description="sources and ensembles whose CAMs IRN refines; gives the methods <name>+irn"
    )


class Config(Section):
    """Everything a run depends on."""

    run: Annotated[str, StringConstraints(pattern=RUN), BeforeValidator(check_run)] = Field(
        "demo", description="name of the run: all it makes lies under results/<run>"
    )
    seeds: list[Annotated[int, Field(ge=0, le=HIGHEST_SEED)]] = Field(
        [0], min_length=1, description="random seeds; tables give mean and standard deviation over them"
    )
    shards: int = Field(1, ge=1, le=MOST_SHARDS, description="jobs that a heavy inference stage is split into")
    threads: int = Field(
        1,
        ge=1,
        le=1024,
        description="CPU threads of a job: one computes, those beyond it load a training's data or do a prediction's "
        "CRF; results do not depend on their number",
    )
    tensorboard: bool = Field(
        False,
        description="event files of every training under results/<run>/tensorboard; needs the package tensorboard, "
        "re-runs nothing",
    )
    dataset: DatasetSettings = Field(DatasetSettings(), description="images, labels, classes and splits")
    sources: dict[Name, Source] = Field(description="where CAMs come from, by name", min_length=1)
    ensembles: dict[Name, Ensemble] = Field({}, description="fusions of sources, by name")
    classifier: ClassifierSettings = Field(ClassifierSettings(), description="training of every source")
    cam: CamSettings = Field(CamSettings(), description="class activation maps of every source")
    fusion: FusionSettings = Field(FusionSettings(), description="OR, AND and MEAN of every ensemble")
    orandnet: OrandnetSettings = Field(OrandnetSettings(), description="ORANDNet of every ensemble")
    irn: IrnSection = Field(IrnSection(), description="refinement by inter-pixel relations")
    refinement: RefinementSettings = Field(RefinementSettings(), description="refinement of CAMs without training")
    pseudo_mask: PseudoMaskSettings = Field(PseudoMaskSettings(), description="background thresholds")
    segmenter: SegmenterSettings = Field(SegmenterSettings(), description="DeepLabv1")
    prediction: PredictionSettings = Field(PredictionSettings(), description="inference of the segmenters")
    predictions: dict[Name, ForeignPrediction] = Field(
        {}, description="predictions of val by other programs, by the name of their row in table 2"
    )
    evaluation: EvaluationSettings = Field(EvaluationSettings(), description="comparison with ground truth")
    submission: SubmissionSettings = Field(SubmissionSettings(), description="archive for the PASCAL VOC server")
    report: ReportSettings = Field(ReportSettings(), description="tables and figures")
    export: ExportSettings = Field(ExportSettings(), description="files for other programs")

    def classifier_of(self, source: str) -> ClassifierSettings:
        """Return the classifier settings of a source that is trained: the section with the source's changes."""
        kind = self.sources[source].kind
        changes = {**self.sources[source].classifier, "kind": kind}
        place = f"sources.{source}.classifier"
        return merged(self.classifier, changes, place, KIND_CLASSIFIER[kind])

    def import_of(self, source: str) -> ImportSettings:
        """Return what the import of a source's CAM files depends on."""
        given = self.sources[source]
        scores = merged(ImportedScores(), given.cam, f"sources.{source}.cam")
        return ImportSettings(
            **scores.model_dump(),
            path=given.path,
            format=given.format,
            form=given.dict_form,
            suffix=given.suffix,
            extra_classes=given.extra_classes,
            file_ids=self.dataset.file_ids,
            other_ids=self.dataset.other_mask_ids,
        )

    def prediction_import_of(self, name: str) -> PredictionImportSettings:
        """Return what the import of another program's predictions depends on."""
        return PredictionImportSettings(**self.predictions[name].model_dump(), other_ids=self.dataset.other_mask_ids)

    def cam_of(self, source: str) -> CamSettings:
        """Return the CAM settings of a source that is a network."""
        defaults = KIND_CAM[self.sources[source].kind]
        return merged(self.cam, self.sources[source].cam, f"sources.{source}.cam", defaults)

    def clip_of(self, source: str) -> ClipSettings:
        """Return what the CAMs of a source of kind clip depend on, but for its words."""
        named = self.cam_of(source).model_dump(exclude_unset=True)
        return ClipSettings(**named, backbone=self.sources[source].backbone)

    def clip_text_of(self, source: str) -> ClipTextSettings:
        """Return what the words of a source of kind clip depend on."""
        given = self.sources[source]
        return ClipTextSettings(
            **given.text.model_dump(exclude={"features", "words", "weights"}),
            words=given.text.words or WORDS_OF_KIND.get(self.dataset.kind, "plain"),
            prompts=given.prompts,
            weights=(given.text.weights or given.backbone.weights) if given.backbone.pretrained else None,
            pretrained=given.backbone.pretrained,
        )

    def fusion_of(self, ensemble: str) -> FusionSettings:
        """Return the fusion settings of an ensemble."""
        return merged(self.fusion, self.ensembles[ensemble].fusion, f"ensembles.{ensemble}.fusion")

    def orandnet_of(self, ensemble: str) -> OrandnetSettings:
        """Return the ORANDNet settings of an ensemble."""
        return merged(self.orandnet, self.ensembles[ensemble].orandnet, f"ensembles.{ensemble}.orandnet")

    def irn_of(self, cam: str) -> IrnSettings:
        """Return the IRN settings of a source's or ensemble's CAM."""
        place, owner = ("sources", self.sources) if cam in self.sources else ("ensembles", self.ensembles)
        return merged(self.irn.narrowed_to(IrnSettings), owner[cam].irn, f"{place}.{cam}.irn")

    @property
    def imported(self) -> list[str]:
        """Return the sources whose CAMs are read from files."""
        return self._of_kind("import")

    @property
    def clips(self) -> list[str]:
        """Return the sources whose CAMs are a CLIP's."""
        return self._of_kind("clip")

    @property
    def untrained(self) -> list[str]:
        """Return the sources without a classifier of ours; their CAMs are the same for every seed."""
        return self._of_kind("import", "clip")

    def _of_kind(self, *kinds: str) -> list[str]:
        return [name for name, source in self.sources.items() if source.kind in kinds]

    @property
    def submission_settings(self) -> SubmissionSettings:
        """Return the section `submission` with its defaults filled in from the report and the seeds."""
        defaults = {
            "schedule": self.report.segmentation_schedule,
            "variant": self.report.variant,
            "seed": self.seeds[0],
        }
        chosen = {key: value for key, value in self.submission if value is not None}
        return self.submission.model_copy(update=defaults | chosen)

    @property
    def unrefined_methods(self) -> list[str]:
        """Return the methods that the section refinement can refine: all others that have a CAM store."""
        refined = [name for name, ensemble in self.ensembles.items() if ensemble.output == "orandnet"]
        parts = [f"{name}-{operator}" for name in refined for operator in ("or", "and")]
        return [*self.sources, *self.ensembles, *parts, *(cam + IRN_SUFFIX for cam in self.irn.cams)]

    @property
    def cam_methods(self) -> list[str]:
        """Return all methods that have a CAM store, in the order of the tables."""
        return [*self.unrefined_methods, *self.refinement.methods]

    @property
    def table1_methods(self) -> list[str]:
        """Return the rows of table 1: sources, naive ensembles, then each ensemble and its IRN form.

        Behind each of them stands what the section refinement makes of it; what it makes of other maps comes last.
        """
        refined = [name for name, ensemble in self.ensembles.items() if ensemble.output == "orandnet"]
        rows = [*self.sources, *(name for name in self.ensembles if name not in refined)]
        for name in refined:
            rows += [name, name + IRN_SUFFIX] if name in self.irn.cams else [name]
        forms = [form for row in rows for form in (row, *self.refined_forms(row))]
        return list(dict.fromkeys([*forms, *self.refinement.methods]))

    def refined_forms(self, method: str) -> list[str]:
        """Return what the section refinement makes of a method's CAM."""
        return [form for form in self.refinement.methods if form.rpartition("+")[0] == method]


def all_methods(config: Config) -> dict[str, str]:
    """Return `segmenter.methods` where none are given: a row for each source and ensemble, with IRN if asked."""
    names = [*config.sources, *config.ensembles]
    return {name: name + IRN_SUFFIX if name in config.irn.cams else name for name in names}


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
    if config.segmenter.methods is None:
        segmenter = config.segmenter.model_copy(update={"methods": all_methods(config)})
        config = config.model_copy(update={"segmenter": segmenter})
    problems = list(contradictions(config))
    if problems:
        raise ValueError("\n".join(problems))
    return config
