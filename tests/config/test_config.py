"""The config: what it accepts, how it says no, and that what is generated from it is not stale."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orandnet.config import clips, reference
from orandnet.config.errors import known_keys
from orandnet.config.sections import Config, Source, load
from orandnet.config.sources import split_member
from orandnet.irn.settings import Settings as IrnSettings
from orandnet.settings import deep_update

ROOT = Path(__file__).parents[2]
SMALL = {
    "sources": {"cnn": {"kind": "cnn"}, "vit": {"kind": "vit"}},
    "ensembles": {"naive": {"members": ["cnn", "vit"], "output": "mean"}, "ours": {"members": ["cnn", "vit"]}},
    "irn": {"cams": ["cnn", "ours"]},
    "segmenter": {"methods": {"fsss": "ground_truth", "ours": "ours+irn"}},
}
OFFICIAL_AND_OWN = ("voc2012_official", "voc2012")
IMPORT = {"kind": "import", "path": "cams", "format": "irn"}
CLIP = {"kind": "clip"}
AMN_THAT_STARTS = {"kind": "amn", "seed_source": "cnn", "classifier": {"amn": {"start_from_seed": True}}}
SMALL_BACKBONE = {"backbone": {"model": "test_resnet"}}
AMN_SEEDS = "kind amn learns from a source of another kind, or an ensemble made without it"
VOC = {"kind": "voc", "root": "voc", "classes": ["cat", "sofa"]}


def changed(**changes):
    """The small config with some keys changed; `a__b` is the key b of the section a."""
    raw = copy.deepcopy(SMALL)
    for path, value in changes.items():
        *places, key = path.split("__")
        section = raw
        for place in places:
            section = section.setdefault(place, {})
        section[key] = value
    return raw


def problem(raw):
    with pytest.raises(ValueError, match=": ") as found:
        load(raw)
    return str(found.value)


@pytest.mark.parametrize(
    "path", [ROOT / "config.yaml", *sorted((ROOT / "config").glob("*.yaml"))], ids=lambda p: p.name
)
def test_the_configs_of_the_project_load(path):
    config = load(yaml.safe_load(path.read_text()))
    for source in config.sources:
        config.cam_of(source)
        if source in config.clips:
            config.clip_of(source)
        else:
            config.classifier_of(source)
    for ensemble in config.ensembles:
        config.fusion_of(ensemble)
        config.orandnet_of(ensemble)


def test_the_official_config_has_the_forms_of_the_releases_and_the_default_ones_are_the_sound_ones():
    official, own = (load(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())) for name in OFFICIAL_AND_OWN)
    for config, is_official in ((official, True), (own, False)):
        cnn, vit = (config.classifier_of(source) for source in ("resnet50", "vit"))
        assert (vit.training.schedule == "constant") is is_official
        assert (vit.frozen_layers == ["patch_embed.proj.weight"]) is is_official
        assert cnn.color_jitter.before_padding is vit.color_jitter.before_padding is is_official
        assert (config.cam_of("resnet50").interpolation == "bilinear") is is_official
        orandnet, segmenter = config.orandnet_of("ours"), config.segmenter
        assert (orandnet.crops, orandnet.random_flip) == (("official", False) if is_official else ("fixed", True))
        assert orandnet.training.max_iterations == (5002 if is_official else 5000)
        assert config.irn_of("ours").walk.pad_to_window is is_official
        rules = {config.pseudo_mask.for_method(method).threshold_rule for method in ("ours", "ours+irn", "naive+irn")}
        assert rules == {"fixed" if is_official else "otsu"}
        assert config.irn_of("ours").labels.from_scores is not is_official
        assert config.segmenter.balanced
        assert segmenter.freeze_affine is segmenter.scale_per_batch is is_official
        assert (segmenter.head_init, segmenter.small_images) == (
            ("xavier", "top_left") if is_official else ("normal", "anywhere")
        )
        assert config.prediction.flip is not is_official


def test_the_rows_of_irn_and_amn_have_their_own_recipes_in_both_published_configs():
    for name in OFFICIAL_AND_OWN:
        config = load(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
        row = config.segmenter.methods["irn"]
        assert row.endswith("+irn")
        cnn = config.classifier_of(row.removesuffix("+irn"))
        assert (cnn.training.epochs, cnn.training.batch_size, cnn.training.learning_rate) == (5, 16, 0.1)
        assert (cnn.resize_long, cnn.color_jitter.brightness, cnn.color_jitter.hue) == ((320, 640), 0, 0)
        assert config.sources["amn"].seed_source == row.removesuffix("+irn")
        for cam in (row.removesuffix("+irn"), "amn"):
            assert config.irn_of(cam).boundary.training.batch_size == 32
            masks = config.pseudo_mask.for_method(f"{cam}+irn")
            assert (masks.threshold_rule, masks.background_threshold) == ("fixed", 0.25)
            labels = (0.45, 0.15) if cam == "amn" else (0.30, 0.05)
            found = config.irn_of(cam).labels
            assert (found.foreground_threshold, found.background_threshold) == labels
        assert config.irn_of("amn").walk.power == 1.3
        assert config.cam_of("amn").raw_background
        assert config.classifier_of("amn").frozen_layers == ["conv1", "bn1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "segmenter.methods.fsss: ground_truth needs true masks"),
        ({"pseudo_mask__threshold_rule": "best_miou"}, "pseudo_mask.threshold_rule: best_miou needs true masks"),
    ],
)
def test_what_needs_true_masks_is_refused_where_there_are_none(changes, message):
    data = {"kind": "folder", "root": "x", "labels": "labels.csv"}
    assert message in problem(changed(dataset=data, **changes))
    load(changed(dataset=data | {"masks": "masks"}, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sorces": {}}, "sorces: unknown key; did you mean 'sources'?"),
        ({"irn__boundary__radios": 3}, "irn.boundary.radios: unknown key; did you mean 'radius'?"),
        ({"classifier__training__lerning_rate": 1}, "classifier.training.lerning_rate: unknown key; did you mean "),
        ({"ensembles__ours__outputs": "or"}, "ensembles.ours.outputs: unknown key; did you mean 'output'?"),
        (
            {"sources__cnn__classifier": {"crop_sise": 64}},
            "sources.cnn.classifier.crop_sise: unknown key; did you mean 'crop_size'?",
        ),
        (
            {"sources__vit__classifier": {"vit": {"stem": {"modle": "x"}}}},
            "sources.vit.classifier.vit.stem.modle: unknown key; did you mean 'model'?",
        ),
        ({"ensembles__ours__fusion": {"clips": 1}}, "ensembles.ours.fusion.clips: unknown key; did you mean 'clip'?"),
        (
            {"sources__own": {**IMPORT, "cam": {"scales": [1]}}},
            "sources.own.cam.scales: unknown key; the keys here are normalise, power.",
        ),
        ({"fusion__zzz": 1}, "fusion.zzz: unknown key; the keys here are and, offsets, clip."),
    ],
)
def test_an_unknown_key_is_named_with_its_path_and_the_near_miss(changes, message):
    assert problem(changed(**changes)).startswith(message)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"shards": "many"}, ("shards: ", "'many'")),
        ({"shards": 0}, ("shards: ", "greater than or equal to 1", "0")),
        ({"seeds": [0, -1]}, ("seeds.1: ", "-1")),
        ({"run": "a/b"}, ("run: ", "'a/b'")),
        ({"classifier__training__learning_rate": "fast"}, ("classifier.training.learning_rate: ", "'fast'")),
        (
            {"classifier__training__optimizer": "lion"},
            ("classifier.training.optimizer: ", "'sgd', 'adam' or 'adamw'", "'lion'"),
        ),
        ({"sources__cnn__cam": {"flip": 3}}, ("sources.cnn.cam.flip: ", "3")),
        ({"sources__cnn__kind": "rnn"}, ("sources.cnn.kind: ", "'rnn'")),
        ({"sources__cnn": {}}, ("sources.cnn.kind: is missing; add it.",)),
        ({"sources__own": {"kind": "import", "format": "irn"}}, ("sources.own: path: is missing; ",)),
        ({"sources__own": {"kind": "import", "path": "cams"}}, ("sources.own: format: is missing; ",)),
        ({"sources__own": {**IMPORT, "format": "npy"}}, ("sources.own.format: ", "'irn'", "'npy'")),
        ({"sources__own": {**IMPORT, "classifier": {"crop_size": 9}}}, ("sources.own: classifier: is given ", "drop")),
        ({"sources__cnn__path": "cams"}, ("sources.cnn: path: is given with kind: cnn; write kind: import",)),
        ({"sources__vit__suffix": "_1"}, ("sources.vit: suffix: is given with kind: vit; write kind: import",)),
        ({"sources__own": {**IMPORT, "cam": {"normalise": "maximum"}}}, ("sources.own.cam.normalise: ", "'min_max'")),
        ({"sources__clip": {**CLIP, "classifier": {"crop_size": 9}}}, ("sources.clip: classifier: is given ", "drop")),
        ({"sources__cnn__prompts": {"a": "b"}}, ("sources.cnn: prompts: is given with kind: cnn; only kind: clip",)),
        ({"sources__vit__backbone": {"pretrained": False}}, ("sources.vit: backbone: is given with kind: vit; only",)),
        ({"sources__clip": {**CLIP, "path": "cams"}}, ("sources.clip: path: is given with kind: clip; write kind: ",)),
        ({"sources__clip": {**CLIP, "text": {"template": "a {} b {}"}}}, ("sources.clip.text.template: 'a {} b {}' ",)),
        ({"sources__clip": {**CLIP, "text": {"template": "a cat"}}}, ("sources.clip.text.template: 'a cat' needs {}",)),
        ({"sources__clip": {**CLIP, "text": {"background_words": []}}}, ("sources.clip.text.background_words: ",)),
        (
            {"sources__clip": {**CLIP, "text": {"features": "f.npz", "words": "voc"}}},
            ("sources.clip.text: words: would not be read beside features f.npz",),
        ),
        (
            {"sources__clip": {**CLIP, "prompts": {"cat": "b"}, "text": {"features": "f.npz"}}},
            ("sources.clip: prompts: would not be read beside text.features f.npz",),
        ),
        ({"sources__a b": {"kind": "cnn"}}, ("sources.a b: 'a b' cannot name files; write ",)),
        ({"sources": {}}, ("sources: ", "at least 1")),
        ({"segmenter__random_scale": [1.0]}, ("segmenter.random_scale",)),
        ({"segmenter__random_scale": [2.0, 1.0]}, ("segmenter", "random_scale: (2.0, 1.0) is no range; write")),
    ],
)
def test_a_wrong_value_is_named_with_its_path_and_the_value(changes, parts):
    message = problem(changed(**changes))
    assert "\n" not in message
    assert message.startswith(parts[0])
    assert all(part in message for part in parts)


# what is refused as a name, and the same but for what is wrong with it
NEIGHBOURS = {".": "_.", "..": "_..", "a/b": "a_b", "-a": "a-", "": "a", "a" * 101: "a" * 100, "a b": "a.b", "a\n": "a"}
NEIGHBOURS |= {"README.md": "README.mdx", "myreadme.MD": "readme", "ü": "u", "x$(y)": "xy"}


@pytest.mark.parametrize(("wrong", "right"), NEIGHBOURS.items())
def test_the_name_of_a_run_is_that_of_a_folder_in_results(wrong, right):
    line = problem(changed(run=wrong))
    assert line.startswith(f"run: {wrong!r} ")
    assert "; write 1 to 100 " in line or line.endswith("a file that lies in results/; choose another name.")
    assert load(changed(run=right)).run == right


@pytest.mark.parametrize(
    ("wrong", "right"), [("a.b", "a_b"), ("a" * 101, "a" * 100), ("..", "_"), ("", "a"), ("é", "e")]
)
@pytest.mark.parametrize("place", ["sources", "ensembles", "segmenter.methods"])
def test_names_under_which_files_lie_are_checked(place, wrong, right):
    def named(name):
        entry = {"sources": {"kind": "cnn"}, "ensembles": {"members": ["cnn", "vit"], "output": "mean"}}
        return changed(**{f"{place.replace('.', '__')}__{name}": entry.get(place, "cnn")})

    assert problem(named(wrong)).startswith(f"{place}.{wrong}: {wrong!r} cannot name files; write 1 to 100 ")
    load(named(right))


def test_seeds_are_short_enough_for_names_of_files():
    assert problem(changed(seeds=[2**32])).startswith("seeds.0: ")
    assert problem(changed(ensembles__ours__members=["cnn", f"cnn@{10**9}"])).startswith("ensembles.ours.members.1: ")
    load(changed(seeds=[2**32 - 1], ensembles__ours__members=["cnn", f"cnn@{10**9 - 1}"]))


def test_several_problems_are_several_lines():
    assert len(problem(changed(shards=0, threads="x", sorces=1)).splitlines()) == 3


def test_what_is_no_mapping_is_refused():
    for raw in (None, [], "x"):
        assert problem(raw).startswith("config: ")


@pytest.mark.parametrize("text", ["1e-4", 1e-4, "0.0001"])
def test_numbers_that_yaml_reads_as_text_are_numbers(text):
    settings = load(changed(classifier__training__learning_rate=text)).classifier.training
    assert settings.learning_rate == 1e-4
    assert '"learning_rate": 0.0001' in settings.canonical_json()


def test_false_given_as_text_is_false():
    assert load(changed(cam__flip="false")).cam.flip is False


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources__ours": {"kind": "cnn"}}, "ensembles.ours: is also the name of a source; rename one."),
        (
            {"ensembles__ours__members": ["cnn", "vlt"]},
            "ensembles.ours.members: 'vlt' is no source; the sources are ['cnn', 'vit'].",
        ),
        (
            {"ensembles__ours__fusion": {"offsets": {"deit": 0.1}}},
            "ensembles.ours.fusion.offsets: 'deit' is no member; the members are ['cnn', 'vit'].",
        ),
        (
            {"irn__cams": ["cnn", "ours", "both"]},
            "irn.cams: 'both' is neither a source nor an ensemble; name one of them.",
        ),
        ({"segmenter__methods__ours": "naive+irn"}, "segmenter.methods.ours: no pseudo masks come from 'naive+irn'; "),
        (
            {"sources__own": IMPORT, "ensembles__ours__members": ["cnn", "own@1"]},
            "ensembles.ours.members: 'own@1' asks for another seed of imported files; write own.",
        ),
        (
            {"sources__clip": CLIP, "ensembles__ours__members": ["cnn", "clip@1"]},
            "ensembles.ours.members: 'clip@1' asks for another seed of a CLIP; write clip.",
        ),
        (
            {"sources__clip": {**CLIP, "backbone": {"model": "vit_base_patch16_clip_quickgelu_225.openai"}}},
            "sources.clip.backbone.model: timm has no model 'vit_base_patch16_clip_quickgelu_225.openai'; ",
        ),
        (
            {"sources__clip": {**CLIP, "backbone": {"model": "vit_base_patch16_clip_224.openai"}}},
            "sources.clip.backbone.model: OpenAI trained with QuickGELU, which 'vit_base_patch16_clip_224' has not; ",
        ),
        (
            {"sources__clip": {**CLIP, "backbone": {"model": "vit_base_patch32_clip_quickgelu_224.openai"}}},
            "sources.clip: 'vit_base_patch32_clip_quickgelu_224.openai' and 'ViT-B-16-quickgelu' with 'openai' ",
        ),
        (
            {"sources__clip": {**CLIP, "text": {"tag": "dfn2b"}}},
            "sources.clip: 'vit_base_patch16_clip_quickgelu_224.openai' and 'ViT-B-16-quickgelu' with 'dfn2b' are not ",
        ),
        (
            {"sources__clip": {**CLIP, "text": {"model": "ViT-B-16-quikgelu"}}},
            "sources.clip.text.model: open_clip has no model 'ViT-B-16-quikgelu'; did you mean 'ViT-B-16-quickgelu'?",
        ),
        (
            {"sources__clip": {**CLIP, "prompts": {"dog": "dog"}}, "dataset": VOC},
            "sources.clip.prompts: 'dog' is no class; the classes are ['cat', 'sofa'].",
        ),
        (
            {"sources__clip": CLIP, "dataset": VOC | {"classes": ["cat", "1_2"]}},
            "sources.clip.prompts: the class '1_2' says nothing to CLIP; write 1_2: <what it looks like>.",
        ),
        ({"sources__clip": CLIP, "irn__initial_source": "clip"}, "irn.initial_source: 'clip' is no source of kind cnn"),
        (
            {"sources__own": IMPORT, "irn__initial_source": "own"},
            "irn.initial_source: 'own' is no source of kind cnn; ",
        ),
        (
            {"ensembles__ground_truth": {"members": ["cnn", "vit"], "output": "or"}},
            "ensembles.ground_truth: stands for the true masks in segmenter.methods; choose another name.",
        ),
        ({"sources__ground_truth": {"kind": "cnn"}}, "sources.ground_truth: stands for the true masks in "),
        (
            {"sources__cnn__classifier": {"backbone": {"model": "resnet5000"}}},
            "sources.cnn.classifier.backbone.model: timm has no model 'resnet5000'; did you mean 'resnet50'?",
        ),
        (
            {"sources__vit__classifier": {"vit": {"stem": {"model": "resnet50.x"}}}},
            "sources.vit.classifier.vit.stem.model: timm's 'resnet50' has no weights 'x'; they are ",
        ),
        (
            {"irn__boundary": {"backbone": {"model": "resnet5000"}}},
            "irn.boundary.backbone (of cnn).model: timm has no model 'resnet5000'; ",
        ),
        (
            {"segmenter__backbone": {"model": "resnet5000"}},
            "segmenter.backbone.model: timm has no model 'resnet5000'; ",
        ),
        ({"prediction__splits": ["val", "val"]}, "prediction.splits: ['val', 'val'] names one twice; drop the "),
        ({"prediction__variants": ["ss", "ss"]}, "prediction.variants: ['ss', 'ss'] names one twice; drop the "),
        ({"prediction__scales": [1, 1]}, "prediction.scales: [1.0, 1.0] names one twice; "),
        ({"segmenter__schedules": ["scale", "scale"]}, "segmenter.schedules: ['scale', 'scale'] names one twice; "),
        ({"sources__cnn__cam": {"scales": [1, 1]}}, "sources.cnn.cam.scales: [1.0, 1.0] names one twice; "),
        (
            {"report__segmentation_methods": ["ours", "ours"]},
            "report.segmentation_methods: ['ours', 'ours'] names one ",
        ),
        ({"export__voc": ["ours", "ours"]}, "export.voc: ['ours', 'ours'] names one twice; "),
        ({"cam": None}, "cam: is None, but holds keys; write them below it, or leave the key out."),
        ({"irn__initial_source": "vit"}, "irn.initial_source: 'vit' is no source of kind cnn; "),
        ({"segmenter__initial_source": "x"}, "segmenter.initial_source: 'x' is no source of kind cnn; "),
        ({"report__segmentation_methods": ["best"]}, "report.segmentation_methods: 'best' is not made by this run; "),
        ({"report__pseudo_mask_methods": ["cnn-or"]}, "report.pseudo_mask_methods: 'cnn-or' is not made by this run; "),
        ({"export__voc": ["best"]}, "export.voc: 'best' is not made by this run; choose from ['cnn', "),
        ({"prediction__variants": ["ss"]}, "report.variant: 'ms_crf' is not among prediction.variants ['ss']; add it."),
        ({"submission__variant": "msc"}, "submission.variant: 'msc' is not among prediction.variants "),
        ({"submission__seed": 3}, "submission.seed: 3 is not among seeds [0]; "),
        (
            {"segmenter__schedules": ["scale", "scale_same_pixels"]},
            "segmenter.schedules: ['scale', 'scale_same_pixels'] lacks baseline or scale, ",
        ),
        ({"segmenter__schedules": ["baseline"]}, "report.segmentation_schedule: 'scale' is not among "),
        (
            {"sources__amn": {"kind": "amn"}},
            f"sources.amn.seed_source: {AMN_SEEDS}, not None; choose from ['cnn', 'vit', 'naive', 'ours'].",
        ),
        (
            {"sources__amn": {"kind": "amn", "seed_source": "cmn"}},
            f"sources.amn.seed_source: {AMN_SEEDS}, not 'cmn'; choose from ['cnn', 'vit', 'naive', 'ours'].",
        ),
        (
            {"sources__amn": {"kind": "amn", "seed_source": "amn"}},
            f"sources.amn.seed_source: {AMN_SEEDS}, not 'amn'; choose from ['cnn', 'vit', 'naive', 'ours'].",
        ),
        (
            {"sources__b": {"kind": "amn", "seed_source": "a"}, "sources__a": {"kind": "amn", "seed_source": "cnn"}},
            f"sources.b.seed_source: {AMN_SEEDS}, not 'a'; choose from ['cnn', 'vit', 'naive', 'ours'].",
        ),
        (
            {
                "sources__amn": {"kind": "amn", "seed_source": "star"},
                "ensembles__star": {"members": ["amn", "vit"]},
            },
            f"sources.amn.seed_source: {AMN_SEEDS}, not 'star'; choose from ['cnn', 'vit', 'naive', 'ours'].",
        ),
        (
            {
                "ensembles__ours__irn": {"labels": {"foreground_threshold": 2}},
                "irn__cams": [],
                "segmenter__methods": {},
                "sources__amn": {"kind": "amn", "seed_source": "ours"},
            },
            "ensembles.ours.irn.labels.foreground_threshold: ",
        ),
        ({"sources__vit__seed_source": "cnn"}, "sources.vit.seed_source: 'cnn' is not read by kind vit; drop the key."),
        (
            {
                "classifier__amn__start_from_seed": True,
                "sources__a": {"kind": "amn", "seed_source": "cnn"},
                "sources__b": {"kind": "amn", "seed_source": "vit"},
            },
            "sources.b.classifier.amn.start_from_seed: the seed source 'vit' is not of kind cnn; write false.",
        ),
        (
            {
                "sources__vit__irn": {"labels": {"foreground_threshold": -2}},
                "sources__amn": {"kind": "amn", "seed_source": "vit"},
            },
            "sources.vit.irn.labels.foreground_threshold: ",
        ),
        ({"sources__vit__irn": {"labls": {}}}, "sources.vit.irn.labls: unknown key; did you mean 'labels'?"),
        (
            {"ensembles__ours__irn": {"initial_source": "vit"}},
            "ensembles.ours.irn.initial_source: 'vit' is no source of kind cnn; ",
        ),
        (
            {"irn__initial_source": "cnn", "irn__boundary": {"backbone": {"model": "resnet101.tv_in1k"}}},
            "irn.initial_source: the backbone of cnn is resnet50.tv_in1k, that of irn.boundary (of cnn) is resnet101.",
        ),
        (
            {"segmenter__initial_source": "cnn", "segmenter__backbone": {"model": "resnet10t"}},
            "segmenter.initial_source: the backbone of cnn is resnet50.tv_in1k, that of segmenter is resnet10t; ",
        ),
        (
            {"sources__amn": AMN_THAT_STARTS, "sources__cnn__classifier": SMALL_BACKBONE},
            "sources.amn.classifier.amn.start_from_seed: the backbone of cnn is test_resnet, that of sources.amn.",
        ),
        (
            {"segmenter__methods": {"upper": "ground_truth"}},
            "segmenter.methods.upper: is trained on ground_truth, but the tables call the row that learns from ",
        ),
        (
            {"sources__fsss": {"kind": "cnn"}},
            "sources.fsss: is in the tables what learns from true masks; ",
        ),
        (
            {"segmenter__methods": {"ours": "ours"}, "predictions": {"fsss": {"path": "masks", "format": "png"}}},
            "predictions.fsss: is in the tables what learns from true masks; ",
        ),
        ({"segmenter__methods": {"fsss": "ours"}}, "segmenter.methods.fsss: is trained on ours, but the tables call "),
        ({"pseudo_mask__overrides": {"cnn": 1.5}}, "pseudo_mask.overrides.cnn: 1.5 exceeds 1, which no score of cnn "),
        (
            {"ensembles__naive__output": "sum", "pseudo_mask__overrides": {"naive": 2.5}},
            "pseudo_mask.overrides.naive: 2.5 exceeds 2, which no score of naive does; give 0 to 2.",
        ),
        (
            {"irn__labels": {"foreground_threshold": 30, "background_threshold": 0.1}},
            "irn.labels.foreground_threshold: 30 exceeds 1, which no score of cnn does; give 0 to 1.",
        ),
        (
            {"ensembles__ours__orandnet": {"crop_size": None, "training": {"batch_size": 4}}},
            "ensembles.ours.orandnet: ",
        ),
    ],
)
def test_a_contradiction_between_sections_is_one_line(changes, message):
    found = problem(changed(**changes))
    assert "\n" not in found
    assert found.startswith(message)


def test_names_of_one_network_may_start_from_each_other_and_a_sum_may_be_cut_above_one():
    load(
        changed(
            sources__cnn__classifier={"backbone": {"model": "tv_resnet50"}},
            irn__initial_source="cnn",
            segmenter={"initial_source": "cnn", "backbone": {"model": "resnet50.a1_in1k"}},
            ensembles__naive__output="sum",
            pseudo_mask__overrides={"naive": 1.5},
            irn__cams=["naive"],
            irn__labels={"foreground_threshold": 1.6, "background_threshold": 0.3},
        )
    )


@pytest.mark.parametrize(
    "ensembles",
    [
        {"ours": {"members": ["ours", "vit"]}},
        {"a": {"members": ["b", "vit"]}, "b": {"members": ["a", "cnn"]}},
        {"vit": {"members": ["cnn", "vit"]}},
    ],
)
def test_ensembles_of_each_other_are_refused_whatever_else_is_asked(ensembles):
    raw = changed(irn__cams=[], segmenter__methods={}, sources__amn={"kind": "amn", "seed_source": "cnn"})
    assert problem(raw | {"ensembles": ensembles}).startswith("ensembles.")


def test_two_sources_of_kind_amn_cannot_wait_for_each_other():
    pair = {"of_a": {"members": ["a@3", "vit"]}, "of_b": {"members": ["b", "vit"]}}
    raw = changed(sources__a={"kind": "amn", "seed_source": "of_b"}, sources__b={"kind": "amn", "seed_source": "of_a"})
    found = problem(raw | {"ensembles": raw["ensembles"] | pair})
    choices = "choose from ['cnn', 'vit', 'naive', 'ours']."
    assert found.splitlines() == [
        f"sources.a.seed_source: {AMN_SEEDS}, not 'of_b'; {choices}",
        f"sources.b.seed_source: {AMN_SEEDS}, not 'of_a'; {choices}",
    ]
    load(changed(sources__a={"kind": "amn", "seed_source": "cnn"}, sources__b={"kind": "amn", "seed_source": "ours"}))


def test_a_source_changes_single_keys_of_its_sections_and_keeps_the_others():
    raw = changed(
        classifier={"crop_size": 64, "training": {"epochs": 7, "batch_size": 4}},
        sources__vit__classifier={"kind": "cnn", "training": {"epochs": 9}, "vit": {"stem": {"model": "resnet18"}}},
        sources__vit__cam={"scales": [1.0]},
        ensembles__ours__fusion={"offsets": {"vit": "1.5e-1"}},
        ensembles__ours__irn={"labels": {"foreground_threshold": 0.4, "background_threshold": 0.1}},
    )
    config = load(raw)
    vit, cnn = config.classifier_of("vit"), config.classifier_of("cnn")
    assert (vit.kind, cnn.kind) == ("vit", "cnn")  # the source decides
    assert (vit.training.epochs, vit.training.batch_size, vit.crop_size) == (9, 4, 64)
    assert (vit.vit.stem.model, vit.vit.stem.pretrained) == ("resnet18", True)
    assert (cnn.training.epochs, cnn.vit.stem) == (7, None)
    assert config.cam_of("vit").scales == [1.0]
    assert config.cam_of("cnn") == config.cam
    assert config.fusion_of("ours").offsets == {"vit": 0.15}
    assert config.fusion_of("naive").offsets == {}
    assert config.irn_of("ours").labels.foreground_threshold == 0.4
    assert config.irn_of("cnn") == config.irn.narrowed_to(IrnSettings)


def test_a_submission_is_what_table_2_shows_of_the_first_seed_unless_it_is_chosen():
    raw = changed(seeds=[4, 5], report={"variant": "ss", "segmentation_schedule": "baseline"})
    chosen = load(raw).submission_settings
    assert (chosen.schedule, chosen.variant, chosen.seed) == ("baseline", "ss", 4)
    chosen = load({**raw, "submission": {"variant": "ms_crf", "seed": 5}}).submission_settings
    assert (chosen.schedule, chosen.variant, chosen.seed) == ("baseline", "ms_crf", 5)


def test_an_import_takes_its_own_scores_and_the_classes_of_the_data_set():
    raw = changed(
        sources__own={**IMPORT, "suffix": "_1", "cam": {"power": "0.5"}},
        cam={"normalise": "min_max", "power": 2},
        dataset={"kind": "voc", "root": "voc", "classes": {"dog": 12, "cat": 8}, "other_mask_ids": "ignore"},
    )
    settings = load(raw).import_of("own")
    assert (settings.normalise, settings.power, settings.suffix) == ("none", 0.5, "_1")
    assert (settings.file_ids, settings.other_ids) == ([8, 12], "ignore")
    assert load(changed(sources__own=IMPORT)).import_of("own").file_ids == [1, 2, 3, 4, 5, 6]
    assert load(raw).imported == ["own"]


def test_a_clip_has_the_recipe_of_clip_es_and_the_words_of_its_data_set():
    config = load(changed(sources__clip=CLIP, dataset=VOC))
    settings, words = config.clip_of("clip"), config.clip_text_of("clip")
    assert (settings.scales, settings.flip, settings.normalise) == ([1.0], False, "min_max")
    assert (settings.attention_blocks, settings.refine, settings.box_threshold) == (8, True, 0.4)
    assert settings.backbone.model == "vit_base_patch16_clip_quickgelu_224.openai"
    assert (words.words, words.template, words.weights) == ("voc", "a clean origami {}.", None)
    assert config.untrained == config.clips == ["clip"]
    assert load(changed(sources__clip=CLIP)).clip_text_of("clip").words == "plain"  # of scenes
    assert config.cam_of("cnn").attention_blocks == 3


def test_one_file_of_a_whole_clip_serves_both_towers_unless_the_words_have_their_own():
    whole = {**CLIP, "backbone": {"weights": "w.pt"}}
    assert load(changed(sources__clip=whole)).clip_text_of("clip").weights == "w.pt"
    assert load(changed(sources__clip={**whole, "text": {"weights": "t.pt"}})).clip_text_of("clip").weights == "t.pt"
    assert load(changed(sources__clip={**CLIP, "backbone": {"pretrained": False}})).clip_text_of("clip").weights is None


def test_a_run_whose_words_need_open_clip_is_refused_where_it_is_missing(monkeypatch):
    plain, with_file = load(changed(sources__clip=CLIP)), {**CLIP, "text": {"features": "f.npz"}}
    clips.require_open_clip(plain)
    monkeypatch.setattr(clips, "_package", lambda name: None if name == "open_clip" else ROOT)
    with pytest.raises(ValueError, match=r"^sources\.clip\.text: open_clip .* pip install open_clip_torch, or give "):
        clips.require_open_clip(plain)
    clips.require_open_clip(load(changed(sources__clip=with_file)))
    clips.require_open_clip(load(SMALL))
    monkeypatch.setattr(clips, "_package", lambda name: None)  # as where Snakemake deploys the jobs' packages
    clips.require_open_clip(plain)


mappings = st.recursive(
    st.integers() | st.none(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
).filter(lambda value: isinstance(value, dict))


def test_a_source_of_kind_amn_has_the_recipe_of_amn_where_the_config_names_no_other():
    config = load(changed(sources__amn={"kind": "amn", "seed_source": "cnn"}, classifier={"training": {"epochs": 7}}))
    training = config.classifier_of("amn").training
    assert (training.optimizer, training.head_learning_rate_factor, training.epochs) == ("adam", 20, 7)
    assert config.classifier_of("cnn").training.optimizer == "sgd"
    assert config.cam_of("amn").normalise == "min_max"
    assert "amn" in config.cam_methods


@given(mappings, mappings)
def test_a_deep_update_alters_nothing_and_done_twice_is_done_once(values, changes):
    before = copy.deepcopy((values, changes))
    once = deep_update(values, changes)
    assert (values, changes) == before
    assert deep_update(once, changes) == once
    assert deep_update(values, {}) == values
    assert once.keys() == values.keys() | changes.keys()


def test_methods_are_in_the_order_of_the_tables():
    config = load(SMALL)
    assert config.table1_methods == ["cnn", "vit", "naive", "ours", "ours+irn"]
    assert config.cam_methods == ["cnn", "vit", "naive", "ours", "ours-or", "ours-and", "cnn+irn", "ours+irn"]
    assert load({"sources": SMALL["sources"], "segmenter": {"methods": {}}}).table1_methods == ["cnn", "vit"]


@given(st.randoms(use_true_random=False))
def test_canonical_json_does_not_depend_on_the_order_of_keys(random):
    def shuffled(value):
        if not isinstance(value, dict):
            return value
        return {key: shuffled(value[key]) for key in random.sample(list(value), len(value))}

    raw = changed(classifier={"training": {"epochs": 3, "momentum": 0.5}, "crop_size": 64})
    first, second = load(raw), load(shuffled(raw))
    assert first.classifier_of("cnn").canonical_json() == second.classifier_of("cnn").canonical_json()
    assert first.fusion_of("ours").canonical_json() == second.fusion_of("ours").canonical_json()


def test_canonical_json_brings_the_settings_back():
    config = load(SMALL)
    for name in Config.model_fields:
        section = getattr(config, name)
        if hasattr(section, "canonical_json"):
            assert type(section).model_validate_json(section.canonical_json()) == section
            assert json.loads(section.canonical_json()).keys() == type(section).model_fields.keys()


def test_known_keys_follow_mappings_and_options():
    assert known_keys(Config, ["sources", "anything"]) == list(Source.model_fields)
    assert "model" in known_keys(Config, ["classifier", "vit", "stem"])
    assert known_keys(Config, ["seeds"]) == known_keys(Config, ["nothing", "here"]) == []


def test_a_config_cannot_be_changed_after_reading():
    with pytest.raises(ValueError, match="frozen"):
        load(SMALL).shards = 2


def test_every_key_is_described():
    def sections(model):
        yield model
        for field in model.model_fields.values():
            part = reference._section_in(field.annotation)
            if part is not None:
                yield from sections(part)

    nameless = [
        f"{model.__module__}.{name}"
        for model in sections(Config)
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert nameless == []


def test_the_generated_schema_and_key_reference_are_not_stale():
    for path, content in ((reference.SCHEMA, reference.schema()), (reference.KEYS, reference.key_reference())):
        assert (ROOT / path).read_text(encoding="utf-8") == content, f"{path} is stale: run `orandnet reference`"


def test_the_reference_writes_both_files(tmp_path):
    for path in (reference.SCHEMA, reference.KEYS):
        (tmp_path / path).parent.mkdir(parents=True)
    reference.run(folder=str(tmp_path))
    schema = yaml.safe_load((tmp_path / reference.SCHEMA).read_text())
    assert schema["additionalProperties"] is False
    assert schema["properties"].keys() == Config.model_fields.keys()
    for name in Config.model_fields:
        assert f"| `{name}` |" in (tmp_path / reference.KEYS).read_text()


def test_a_source_may_be_a_member_twice_with_another_seed_and_not_with_the_same():
    config = load(
        changed(ensembles__ours__members=["vit", "vit@1", "cnn"], ensembles__ours__fusion={"offsets": {"vit@1": 0.1}})
    )
    assert config.ensembles["ours"].members == ["vit", "vit@1", "cnn"]
    assert [split_member(member, 3) for member in ("vit", "vit@1", "cnn@12")] == [("vit", 3), ("vit", 4), ("cnn", 15)]
    assert problem(changed(ensembles__ours__members=["vit", "vit"])) == (
        "ensembles.ours.members: ['vit', 'vit'] names one twice; write for example vit@1 for the same source "
        "trained with another seed."
    )
    assert "'zzz@1' is no source" in problem(changed(ensembles__ours__members=["vit", "zzz@1"]))
    assert problem(changed(ensembles__ours__members=["vit", "vit@0"])).startswith("ensembles.ours.members.1: ")
