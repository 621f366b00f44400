"""The plan of a run: from a config alone, without Snakemake and without a file."""

import re
from operator import attrgetter

import pytest
import yaml

from checkout import ROOT, TINY
from orandnet.config.sections import load
from orandnet.files.places import PLACES, origin_of, place
from orandnet.plan import artifacts, cams, jobs, names, page, targets, thresholds, trainings
from orandnet.plan.changes import changed_settings
from orandnet.settings import deep_update

TINY_CONFIG = yaml.safe_load(TINY.read_text())
OWN = {"own": {"kind": "import", "path": "own", "format": "arrays"}}


def config(**changes):
    return load(deep_update(TINY_CONFIG, changes))


def test_a_method_has_one_store():
    plan = config(sources=OWN, ensembles={"mixed": {"members": ["own", "vit@2"], "output": "and"}})
    assert cams.cam_shard(plan, "vit", 3, "1-of-2") == "results/tiny/cam/vit/seed3/1-of-2.npz"
    assert cams.cam_shard(plan, "own", 3, "1-of-2") == "results/tiny/cam/own/imported/1-of-2.npz"
    assert cams.cam_shard(plan, "ours", 0, "2-of-2") == "results/tiny/orandnet/ours/seed0/cam/2-of-2.npz"
    assert cams.cam_shard(plan, "ours-or", 0, "2-of-2") == "results/tiny/fusion/ours/seed0/or/2-of-2.npz"
    assert cams.cam_shard(plan, "naive", 0, "2-of-2") == "results/tiny/fusion/naive/seed0/mean/2-of-2.npz"
    assert cams.cam_shard(plan, "mixed", 0, "2-of-2") == "results/tiny/fusion/mixed/seed0/and/2-of-2.npz"
    assert cams.cam_shards(plan, "ours+irn", 1) == [f"results/tiny/irn/ours/seed1/walk/{i}-of-2.npz" for i in (1, 2)]


def test_a_refined_method_has_a_store_and_a_place_in_tables_plots_and_panels():
    refinement = {"crf": {"cams": ["ours", "ours+irn", "ours-and"]}, "superpixels": {"cams": ["vit"]}}
    plan = config(sources=OWN, refinement=refinement, segmenter={"methods": {"crf": "ours+crf"}})
    assert cams.cam_shard(plan, "ours+irn+crf", 1, "1-of-2") == "results/tiny/refinement/ours+irn+crf/seed1/1-of-2.npz"
    assert cams.unrefined_shard(plan, "ours+crf", 1, "1-of-2") == "results/tiny/orandnet/ours/seed1/cam/1-of-2.npz"
    assert plan.table1_methods == [
        *("resnet50", "vit", "vit+superpixels", "own", "naive"),
        *("ours", "ours+crf", "ours+irn", "ours+irn+crf", "ours-and+crf"),
    ]
    assert cams.curve_methods(plan, "ours")[-4:] == ["ours", "ours+crf", "ours+irn", "ours+irn+crf"]
    assert cams.panel_methods(plan, "ours") == ["ours", "ours+crf", "ours+irn", "ours+irn+crf"]
    assert trainings.segmenter_masks(plan, "crf", 0)[0] == "results/tiny/pseudo_mask/ours+crf/seed0/1-of-2.csv"
    assert names.refined_by(plan, "crf") == ["ours+crf", "ours+irn+crf", "ours-and+crf"]
    assert page.page_settings(plan).segmentation_rows["crf"].naive == "naive"
    found = [path.removeprefix("results/tiny/") for path in jobs.made(plan)]
    assert found.index("pseudo_mask/ours/seed0/otsu.json") < found.index("refinement/ours+crf/seed0/1-of-2.npz")
    assert "evaluation/cam/vit+superpixels/seed0/summary.csv" in found
    own = config(sources=OWN, seeds=[0, 1], refinement={"crf": {"cams": ["own"]}})
    assert cams.seeds_of(own, "own+crf") == [0]
    known = re.compile("|".join(re.escape(pattern).replace(r"\*", "[^/]+") for pattern in artifacts.planned(plan)))
    made = {path for path in found if "manifest" not in path}
    assert {path for path in made if not known.fullmatch(path)} == set()


def test_rows_are_compared_with_rows_that_are_refined_alike():
    plan = config(refinement={"crf": {"cams": ["ours", "vit", "naive"]}})
    row = page.page_settings(plan).mask_rows["ours+crf"]
    assert (row.members, row.naive) == (("vit+crf",), "naive+crf")


def test_members_may_be_imported_or_trained_with_another_seed():
    plan = config(sources=OWN, ensembles={"mixed": {"members": ["own", "vit@2", "vit"]}})
    assert cams.member_shards(plan, "mixed", "1", "1-of-2") == [
        "results/tiny/cam/own/imported/1-of-2.npz",
        "results/tiny/cam/vit/seed3/1-of-2.npz",
        "results/tiny/cam/vit/seed1/1-of-2.npz",
    ]
    assert cams.curve_methods(plan, "mixed") == ["own", "vit", "mixed-or", "mixed-and", "mixed"]
    assert cams.curve_methods(plan, "ours")[:3] == ["resnet50", "vit", "naive"]
    assert cams.seeds_of(config(seeds=[4, 5], sources=OWN), "own") == [4]


def test_the_cams_of_a_clip_are_one_result_for_all_seeds_and_read_the_features_of_its_words():
    mixed = {"mixed": {"members": ["clip", "vit"], "output": "and"}}
    plan = config(seeds=[4, 5], sources={"clip": {"kind": "clip"}}, ensembles=mixed)
    shards = [f"results/tiny/cam/clip/clip/{i}-of-2.npz" for i in (1, 2)]
    words = "results/tiny/cam/clip/clip/text.npz"
    assert cams.cam_shards(plan, "clip", 4) == cams.cam_shards(plan, "clip", 5) == shards
    assert cams.seeds_of(plan, "clip") == [4]
    assert cams.word_features(plan, "clip") == words
    assert {words, *shards} <= {*jobs.made(plan)}
    assert not any("classifier/clip" in path for path in jobs.made(plan))
    assert names.trained_sources(plan, on_labels=False) == ["resnet50", "vit"]
    assert names.constraints(plan)["source"] == "resnet50|vit"
    assert origin_of(shards[0]).method == "clip"


def test_features_and_weights_of_a_clip_in_files_take_the_place_of_jobs():
    own = {"kind": "clip", "text": {"features": "f.npz"}, "backbone": {"weights": "w.safetensors"}}
    plan = config(sources={"clip": own})
    assert cams.word_features(plan, "clip") == "f.npz"
    assert changed_settings(plan)["sources.clip.text.features"] == "f.npz"
    assert not any(path.endswith("text.npz") for path in jobs.made(plan))
    assert trainings.pretrained_clip(plan, "clip") == ["w.safetensors"]
    assert trainings.pretrained_clip(config(sources={"clip": {"kind": "clip"}}), "clip") == []
    whole = config(sources={"clip": {"kind": "clip", "backbone": {"weights": "w.safetensors"}}})
    assert trainings.pretrained_clip_text(whole, "clip") == ["w.safetensors"]


def test_settings_of_a_clip_that_differ_from_its_kinds_are_shown():
    changes = {"prompts": {"square": "red box"}, "cam": {"box_threshold": 0.5}, "backbone": {"pretrained": False}}
    clip = {"kind": "clip", **changes}
    found = changed_settings(config(sources={"clip": clip}))
    assert {key: text for key, text in found.items() if key.startswith("sources.clip")} == {
        "sources.clip.kind": "clip",
        "sources.clip.prompts.square": "red box",
        "sources.clip.cam.box_threshold": "0.5",
        "sources.clip.backbone.pretrained": "false",
    }


def test_a_training_starts_and_learns_from_what_the_config_names():
    plan = config(shards=1)
    assert trainings.segmenter_masks(plan, "ours", 0) == ["results/tiny/pseudo_mask/ours+irn/seed0/1-of-1.csv"]
    assert trainings.segmenter_masks(plan, "fsss", 0) == []
    assert trainings.segmenter_ground_truth(plan, "fsss") == ["results/tiny/dataset/ground_truth/train_aug.json"]
    assert trainings.segmenter_ground_truth(plan, "ours") == []
    assert trainings.segmenter_weights(plan, 2) == ["results/tiny/classifier/resnet50/seed2/weights.safetensors"]
    assert trainings.boundary_weights(config(irn={"initial_source": None}), "ours", 0) == []
    alone = config(irn={"initial_source": None}, ensembles={"ours": {"irn": {"initial_source": "resnet50"}}})
    assert trainings.boundary_weights(alone, "ours", 1) == [
        "results/tiny/classifier/resnet50/seed1/weights.safetensors"
    ]
    local = config(segmenter={"backbone": {"pretrained": True, "weights": "w.safetensors"}})
    assert trainings.pretrained_segmenter(local) == ["w.safetensors"]
    assert trainings.pretrained_segmenter(plan) == trainings.pretrained_classifier(plan, "vit") == []


def test_a_source_of_kind_amn_learns_from_the_labels_of_its_seed_source():
    classifier = {"backbone": {"model": "test_resnet"}, "amn": {"start_from_seed": True}}
    amn = {"kind": "amn", "seed_source": "resnet50", "classifier": classifier}
    plan = config(sources={"amn": amn})
    assert trainings.seed_labels(plan, "amn", 0) == [
        f"results/tiny/irn/resnet50/seed0/labels/{shard}.csv" for shard in cams.shards(plan)
    ]
    assert trainings.seed_weights(plan, "amn", 0) == ["results/tiny/classifier/resnet50/seed0/weights.safetensors"]
    assert names.trained_sources(plan, on_labels=True) == ["amn"]
    assert names.trained_sources(plan, on_labels=False) == ["resnet50", "vit"]


def test_a_run_is_for_its_page_its_tables_and_panels_of_each_refined_ensemble():
    found = targets.tables_and_figures(config())
    assert [path.removeprefix("results/tiny/") for path in found] == [
        "report.html",
        "tables/table1_pseudo_masks.csv",
        "tables/table2_segmentation.csv",
        "tables/table2_variants.csv",
        "tables/table3_scale_scheduling.csv",
        "tables/ensembles_and_members.csv",
        "figures/panels_ours.png",
        "figures/panels_ours.pdf",
    ]


def test_the_test_split_ends_in_predictions_and_archives():
    plan = config(prediction={"splits": ["val", "test"], "shards": 1}, report={"segmentation_methods": ["ours"]})
    found = targets.tables_and_figures(plan)
    assert "results/tiny/prediction/ours/scale/seed0/test/1-of-1.csv" in found
    assert found[-1] == "results/tiny/submission/ours.tar.gz"
    assert not any("/val/" in path for path in found)
    assert targets.submitted_masks(plan, "ours") == ["results/tiny/prediction/ours/scale/seed0/test/1-of-1.csv"]


def test_data_with_other_ids_than_voc_s_has_no_archives():
    data = {"kind": "voc", "root": "own", "labels": "labels.csv", "classes": {"cat": 8, "kiwi": 21}}
    plan = config(prediction={"splits": ["val", "test"]}, dataset=data)
    assert targets.submissions(plan) == []
    assert any("/test/" in path for path in targets.tables_and_figures(plan))


def test_without_masks_nothing_is_scored_but_all_is_shown():
    plan = load(yaml.safe_load((ROOT / "config/custom.yaml").read_text()))
    assert targets.scored_parts(plan) == targets.scored_splits(plan) == targets.cam_summaries(plan) == []
    found = targets.tables_and_figures(plan)
    assert any("/figures/panels_ours" in path for path in found)
    assert targets.gallery_truth(plan) == []
    assert page.charts(plan) == ["trainings"]
    assert any("/prediction/" in path for path in found)
    assert targets.report_settings(plan).scored is False


def test_scored_are_all_cams_and_the_predictions_that_tables_show():
    plan = config(seeds=[0, 1], report={"segmentation_methods": ["ours"], "scale_scheduling_methods": ["naive"]})
    assert trainings.segmenters(plan) == [("naive", "baseline"), ("naive", "scale"), ("ours", "scale")]
    assert len(targets.cam_summaries(plan)) == 2 * len(plan.cam_methods)
    assert len(targets.prediction_summaries(plan)) == 2 * 3
    assert [targets.part_of(split) for split in ("train", "train_aug", "val")] == ["train_aug", "train_aug", "val"]


def test_predictions_of_other_programs_are_scored_once_for_all_seeds():
    given = {"weclip": {"path": "weclip", "format": "png"}}
    plan, without = config(seeds=[3, 4], predictions=given), config(seeds=[3, 4])
    made = "results/tiny/evaluation/prediction/weclip/imported/seed3/val/summary.csv"
    assert targets.prediction_summaries(plan) == [*targets.prediction_summaries(without), made]
    lists = [f"results/tiny/prediction/weclip/imported/seed3/val/{shard}.csv" for shard in ("1-of-2", "2-of-2")]
    assert [path for path in jobs.made(plan) if path not in jobs.made(without)] == [*lists, made]
    assert (origin_of(lists[0]).schedule, origin_of(made).seed) == ("imported", 3)
    assert page.charts(plan) == page.charts(without)
    kept = {path for path in artifacts.planned(plan) if "weclip" in path}
    assert len(kept) == 1 + len(artifacts.SCORES)
    assert changed_settings(plan)["predictions.weclip.format"] == "png"


def test_every_job_is_known_by_its_first_output():
    found = [path.removeprefix("results/tiny/") for path in jobs.made(config(seeds=[0, 1], shards=1))]
    assert len(found) == len(set(found))
    for path in (
        "dataset/index.csv",
        "classifier/vit/seed1/weights.safetensors",
        "fusion/ours/seed0/or/1-of-1.npz",
        "irn/ours/seed1/labels/1-of-1.csv",
        "prediction/fsss/baseline/seed1/val/1-of-1.csv",
        "evaluation/cam/ours-and/seed0/summary.csv",
    ):
        assert path in found
    assert not any("/and/" in path or "/mean/" in path for path in found)
    assert len(jobs.histories(config())) == 2 + 1 + 1 + 6


def test_a_row_is_compared_with_rows_in_the_same_form():
    settings = page.page_settings(config(irn={"cams": ["ours", "naive", "vit"]}))
    rows = {name: (row.members, row.naive) for name, row in settings.mask_rows.items()}
    assert rows == {"ours": (("resnet50", "vit"), "naive"), "ours+irn": (("vit+irn",), "naive+irn")}
    assert settings.segmentation_rows["ours"].naive == "naive"
    assert settings.masks == {"naive": "naive", "ours": "ours+irn"}
    assert not settings.on_voc


def test_published_numbers_are_compared_on_all_of_voc_only():
    for name, on_voc in (("voc2012", True), ("voc_subset", False), ("coco2014", False)):
        plan = load(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
        assert page.page_settings(plan).on_voc == on_voc
    assert page.page_settings(config(report={"published": True})).on_voc


def test_changed_settings_are_those_in_effect_however_they_are_spelled():
    changed = changed_settings(config(sources={"vit": {"cam": {"flip": False}}}))
    assert changed["sources.vit.cam.flip"] == "false"
    assert changed["irn.walk.radius"] == "3"
    assert changed["ensembles.naive.output"] == "mean"
    assert not any(key.startswith(("threads", "run", "sources.vit.cam.normalise")) for key in changed)
    assert changed_settings(load(config().model_dump(mode="json"))) == changed_settings(config())


def test_changed_settings_of_imported_files_are_shown():
    own = {"kind": "import", "path": "cams", "format": "irn", "cam": {"power": 3}, "irn": {"walk": {"radius": 4}}}
    changed = changed_settings(config(cam={"power": 3}, sources={"own": own}))
    assert changed["sources.own.cam.power"] == "3.0"
    assert changed["sources.own.irn.walk.radius"] == "4"
    assert "sources.own.cam.normalise" not in changed


def test_exports_are_listed_for_every_seed_and_none_is_an_error():
    plan = config(seeds=[0, 1], export={"irn": ["ours"], "voc": ["ours+irn"]})
    found = targets.exports(plan)
    assert len(found) == 2 * 2 + 2
    assert "results/tiny/export/voc/ours+irn/seed1/list.csv" in found
    with pytest.raises(ValueError, match=r"export: names no methods; list some under export\.irn"):
        targets.exports(config())


def test_names_that_are_in_the_config_fit_their_wildcards_and_no_others():
    plan = config(sources=OWN)
    allowed = names.constraints(plan)
    fits = {"source": "vit", "ensemble": "ours", "cam": "naive", "run": "tiny", "figure": "panels_ours"}
    assert all(re.fullmatch(allowed[name], text) for name, text in fits.items())
    misses = {"source": "own", "ensemble": "vit", "cam": "ours-or", "run": "tinY", "figure": "panels_naive"}
    assert not any(re.fullmatch(allowed[name], text) for name, text in misses.items())
    assert not re.fullmatch(names.any_of([]), "")
    assert {name for pattern in PLACES.values() for name in re.findall(r"{(\w+)}", pattern)} <= set(allowed)


@pytest.mark.parametrize("artifact", [name for name, path in PLACES.items() if "{seed}" in path])
def test_places_can_be_read_back(artifact):
    parts = dict(re.findall(r"{(\w+)}()", PLACES[artifact]))
    given = {name: {"seed": "3", "shard": "1-of-2"}.get(name, name) for name in parts}
    origin = origin_of(place(artifact, "tiny", **given))
    assert (origin.artifact, origin.seed) == (artifact, 3)
    assert origin.method in ("source", "ensemble", "cam", "method")


def test_an_unknown_artifact_or_part_is_named():
    assert place("cam", source="vit", shard="1-of-1") == "results/{run}/cam/vit/seed{seed}/1-of-1.npz"
    with pytest.raises(ValueError, match="'cams' is no artifact of a run; it is one of dataset"):
        place("cams")
    with pytest.raises(ValueError, match=r"cam: its place cam/.* has no part method"):
        place("cam", method="vit")


def test_an_ensemble_is_compared_with_its_members_alike_with_or_without_irn():
    (first, second) = targets.member_pairs(config(), "ours")
    assert (first.ensemble, first.member, second.member) == ("ours", "resnet50", "vit")  # the members are not refined
    assert (first.ensemble_row, first.member_row) == (None, None)
    refined = config(
        irn={"cams": ["ours", "resnet50", "vit"]},
        segmenter={"methods": {"irn": "resnet50+irn"}},
        pseudo_mask={"overrides": {"vit+irn": 0.3}},
    )
    (first, second) = targets.member_pairs(refined, "ours")
    assert (first.ensemble, first.member) == ("ours+irn", "resnet50+irn")
    assert (first.ensemble_row, first.member_row, second.member_row) == ("ours", "irn", None)
    assert (second.ensemble_rule, second.member_rule) == ("otsu", "fixed")


@pytest.mark.parametrize(("name", "overlay"), [("voc2012", "rehearsal"), ("voc2012_clip", "rehearsal_clip")])
def test_a_rehearsal_has_the_networks_of_its_file_at_their_size_and_asks_no_hub_for_weights(name, overlay):
    files = (f"config/{name}.yaml", f"config/overlays/{overlay}.yaml")
    published, laid_over = (yaml.safe_load((ROOT / file).read_text()) for file in files)
    plan = load(deep_update(published, laid_over))
    whole = load(published)
    assert whole.sources.keys() == plan.sources.keys()
    for source in {*plan.sources} - {*plan.clips}:
        pair = plan.classifier_of(source), whole.classifier_of(source)
        for part in ("backbone.model", "crop_size", "kind"):
            assert len({attrgetter(part)(settings) for settings in pair}) == 1
    for part in ("segmenter.backbone.model", "segmenter.crop_size", "orandnet.architecture", "irn.boundary.crop_size"):
        assert attrgetter(part)(plan) == attrgetter(part)(whole)
    sections = [plan.orandnet, plan.segmenter.backbone]
    sections += [plan.irn_of(cam).boundary.backbone for cam in plan.irn.cams]
    for source in plan.sources:
        clip = source in plan.clips
        sections.append(plan.clip_text_of(source) if clip else plan.classifier_of(source).backbone)
    assert not any(section.pretrained for section in sections)


def test_the_overlay_of_members_fuses_two_three_and_four_by_both_ands():
    demo, overlay = (
        yaml.safe_load((ROOT / name).read_text()) for name in ("config.yaml", "config/overlays/members.yaml")
    )
    plan = load(deep_update(demo, overlay))
    for name, number in (("ours", 2), ("three", 3), ("four", 4)):
        assert len(cams.member_shards(plan, name, 0, "1-of-1")) == number
        assert thresholds.otsu_settings(plan, name).form == "product"
        assert plan.ensembles[f"{name}_geometric"].members == plan.ensembles[name].members
        assert thresholds.otsu_settings(plan, f"{name}_geometric").form == "single"
    assert {"ours+crf", "four+superpixels"} <= {*plan.table1_methods}
