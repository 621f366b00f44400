"""Every key of the config with what YAML may hold in its place: refused in one line with key and remedy, or legal."""

import copy
import math
import typing
from types import UnionType

import pytest
from pydantic import BaseModel, ValidationError

from orandnet.config.errors import describe
from orandnet.config.sections import Config, load
from orandnet.settings import Section

RUN = {
    "sources": {"cnn": {"kind": "cnn"}, "vit": {"kind": "vit"}},
    "ensembles": {"ours": {"members": ["cnn", "vit"]}},
    "segmenter": {"methods": {"ours": "ours"}},
}
WRONG = {
    "-1": -1,
    "0": 0,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "huge": 10**9,
    "huger": 10**30,
    "text": "many",
    "text nan": "nan",
    "text inf": "inf",
    "list": [1],
    "list of truth": [True],
    "true": True,
    "null": None,
}
SEEDS = ("dataset.scenes.seed", "submission.seed")
# what 0 may stand for: nothing of it, at once, off
ZERO = (
    *SEEDS,
    "dataset.scenes.num_test",
    "classifier.vit.drop_path_rate",
    "classifier.color_jitter.brightness",
    "classifier.color_jitter.contrast",
    "classifier.color_jitter.saturation",
    "classifier.color_jitter.hue",
    "classifier.amn.dropout",
    "classifier.amn.label_smoothing",
    "cam.start_block",
    "cam.box_threshold",
    "irn.labels.foreground_threshold",
    "irn.labels.background_threshold",
    "pseudo_mask.sure_margin",
    "irn.walk.steps",
    "pseudo_mask.background_threshold",
    "pseudo_mask.irn_background_threshold",
    "pseudo_mask.sure_margin",
    "prediction.crf_min_probability",
    "report.gallery",
    "segmenter.dropout",
    "refinement.superpixels.sigma",
    "segmenter.label_smoothing",
    "segmenter.scale_schedule.fraction",
)
ZERO_ANYWHERE = (
    "momentum",
    "beta1",
    "weight_decay",
    "warmup_iterations",
    "gaussian_compat",
    "bilateral_compat",
)
LISTS_OF_ONE = (
    "classifier.amn.dilations",
    "cam.scales",
    "prediction.scales",
    "irn.boundary.stages",
    "segmenter.scale_schedule.factors",
    "seeds",
)
# keys that go with others: what stands beside them
BESIDE = {
    "dataset.download": {"kind": "voc", "root": "x", "classes": ["cat"]},
    "dataset.download_test": {"kind": "voc", "root": "x", "classes": ["cat"], "download": True},
    "irn.labels.foreground_threshold": {"background_threshold": 0},
    **{f"dataset.coco.{split}.images": {"annotations": "x"} for split in ("train", "train_aug", "val", "test")},
    **{f"dataset.coco.{split}.annotations": {"images": "x"} for split in ("train", "train_aug", "val", "test")},
}


def inner(annotation):
    """Return the section behind a key, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (UnionType, typing.Union):
        return next((part for part in map(inner, typing.get_args(annotation)) if part is not None), None)
    return None


def leaves(model=Config, place=""):
    for name, field in model.model_fields.items():
        path = f"{place}{name}"
        section = inner(field.annotation)
        if section is not None:
            yield from leaves(section, f"{path}.")
        yield path, model, field, section


LEAVES = {path: rest for path, *rest in leaves()}


def kinds(annotation):
    arguments = typing.get_args(annotation) if typing.get_origin(annotation) is not typing.Literal else ()
    return {annotation, typing.get_origin(annotation)} | {part for one in arguments for part in kinds(one)}


def is_legal(path, field, section, word):
    """Whether a value may stand at a key; told by the key's type, and by the lists above."""
    types, last = kinds(field.annotation), path.rpartition(".")[2]
    if word == "null":
        return type(None) in types
    if section is not None:
        return False
    if word == "true":
        return bool in types and dict not in types
    if word in ("text", "text nan", "text inf"):
        return str in types and not types & {list, tuple, dict}
    if word == "0":
        return path in ZERO or last in ZERO_ANYWHERE
    if word == "huge":
        return path in SEEDS
    if word == "list":
        return path in LISTS_OF_ONE
    return False


@pytest.mark.parametrize("path", LEAVES)
def test_a_wrong_value_is_one_line_with_key_and_remedy_and_a_legal_one_is_taken(path):
    model, field, section = LEAVES[path]
    name = path.rpartition(".")[2]
    for word, value in WRONG.items():
        try:
            model.model_validate({**(RUN if model is Config else BESIDE.get(path, {})), name: value})
            problem = None
        except ValidationError as error:
            problem = describe(error, model, path.rpartition(".")[0])
        legal = is_legal(path, field, section, word)
        assert (problem is None) == legal, f"{path} = {word}: {problem}"
        if problem is not None:
            own = [
                line for line in problem.splitlines() if line.startswith(path) or f"{name}: " in line or name in line
            ]
            assert own, problem
            assert "; " in own[0], problem


def with_value(path, value):
    """The whole config with one value at a path."""
    *places, key = path.split(".")
    raw = copy.deepcopy(RUN)
    section = raw
    for place in places:
        section = section.setdefault(place, {})
    section[key] = value
    return raw


@pytest.mark.parametrize("path", [path for path, (_, _, section) in LEAVES.items() if section is None])
def test_what_a_section_takes_the_whole_config_takes_or_names(path):
    for word, value in WRONG.items():
        if is_legal(path, *LEAVES[path][1:], word):
            said = "; "
            try:
                load(with_value(path, value))
            except ValueError as error:
                said = str(error)
            assert all("; " in line for line in said.splitlines())


def test_numbers_that_are_too_large_are_refused_inside_a_source_and_an_ensemble():
    for place, key, value in (
        ("sources.cnn.classifier", "crop_size", 10**9),
        ("sources.cnn.cam", "power", math.inf),
        ("sources.cnn.cam", "scales", [1e-6]),
        ("ensembles.ours.fusion", "offsets", {"vit": math.nan}),
        ("ensembles.ours.orandnet", "width", True),
    ):
        with pytest.raises(ValueError, match=rf"^{place}\.{key}") as error:
            load(with_value(f"{place}.{key}", value))
        assert "\n" not in str(error.value)
        assert "; " in str(error.value)


@pytest.mark.parametrize("value", [10**12, True, -1, 1.5, "many", None, [1]])
def test_seeds_are_whole_numbers_that_every_generator_takes(value):
    with pytest.raises(ValueError, match=r"^seeds(\.0)?: "):
        load({**RUN, "seeds": [value]})


def test_the_lists_above_name_keys_that_there_are():
    assert {*ZERO, *LISTS_OF_ONE} <= {*LEAVES}
    assert {path.rpartition(".")[2] for path in LEAVES} >= {*ZERO_ANYWHERE}
    assert issubclass(Config, Section)
    assert len(LEAVES) > 200
