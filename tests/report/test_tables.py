"""The three tables from hand-made summaries, and what the screen shows of them."""

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from orandnet.dataset.index import PART_COLUMNS
from orandnet.files.places import Origin, origin_of
from orandnet.report.screen import print_tables
from orandnet.report.settings import Settings
from orandnet.report.stage import tables
from orandnet.report.tables import mean_and_sd

RULES = ("otsu", "fixed", "best_miou", "precision_ge_recall")


def write_csv(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read_csv(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def cam_summary(root, method, seed, miou):
    lines = [
        "threshold_rule,background_threshold,miou,precision,recall,legacy20_miou,legacy20_precision,legacy20_recall,tuned_on_ground_truth"
    ]
    lines += [
        f"{rule},{0.2 + 0.1 * seed},{miou + k},{miou + 10},,{miou + 5},60,61,true" for k, rule in enumerate(RULES)
    ]
    return write_csv(root / f"evaluation/cam/{method}/seed{seed}/summary.csv", "\n".join(lines) + "\n")


def prediction_summary(root, method, schedule, seed, split, miou):
    text = (
        "variant,miou,precision,recall,legacy20_miou,legacy20_precision,legacy20_recall\n"
        f"ss,{miou - 5},1,1,1,1,1\nms_crf,{miou},1,1,{miou + 1},1,1\n"
    )
    return write_csv(root / f"evaluation/prediction/{method}/{schedule}/seed{seed}/{split}/summary.csv", text)


@pytest.fixture
def results(tmp_path):
    """Two seeds of two CAM methods; three segmentation methods with both schedules."""
    summaries = [cam_summary(tmp_path, m, s, base + 2 * s) for m, base in (("vit", 40), ("ours", 50)) for s in (0, 1)]
    predictions = [
        prediction_summary(tmp_path, method, schedule, seed, "val", base + seed + (schedule == "scale"))
        for method, base in (("ours", 60), ("fsss", 70), ("irn", 55))
        for schedule in ("baseline", "scale")
        for seed in (0, 1)
    ]
    predictions.append(prediction_summary(tmp_path, "ours", "scale", 0, "test", 58.5))
    lists = {part: write_csv(tmp_path / f"{part}.csv", ",".join(PART_COLUMNS) + "\n") for part in ("train_aug", "val")}
    write_csv(tmp_path / "classes.json", '{"classes": ["cat"], "file_ids": [1]}')
    return {"summaries": summaries, "predictions": predictions, **lists}


@pytest.fixture
def make(results, tmp_path):
    def make(**settings):
        tables_made = ("table1_pseudo_masks", "table2_segmentation", "table3_scale_scheduling", "table2_variants")
        tables_made += ("ensembles_and_members",)
        outputs = [tmp_path / f"{name}.csv" for name in tables_made]
        names = ("pseudo_masks_output", "segmentation_output", "scale_scheduling_output", "variants_output")
        names += ("members_output",)
        tables(**results, **dict(zip(names, outputs, strict=True)), settings=Settings(**settings))
        return outputs

    return make


def test_paths_tell_what_a_result_belongs_to():
    cases = {
        "r/evaluation/cam/ours+irn/seed2/summary.csv": Origin("evaluation_cam", "ours+irn", 2),
        "r/evaluation/prediction/irn/scale/seed0/val/s.csv": Origin("evaluation_prediction", "irn", 0, "scale", "val"),
        "cam/vit/seed1/1-of-2.npz": Origin("cam", "vit", 1),
        "cam/own/imported/1-of-2.npz": Origin("cam_import", "own", 0),
        "r/fusion/ours/seed1/or/1-of-2.npz": Origin("fusion", "ours", 1, operator="or"),
        "r/orandnet/ours/seed1/cam/1-of-2.npz": Origin("orandnet_cam", "ours", 1),
        "r/irn/ours/seed1/walk/1-of-2.npz": Origin("irn_walk", "ours", 1),
        "r/segmenter/irn/scale/seed1/weights.safetensors": Origin("segmenter", "irn", 1, "scale"),
        "r/prediction/cam/scale/seed1/val/1-of-2.csv": Origin("prediction", "cam", 1, "scale", "val"),
        "r/pseudo_mask/ours+irn/seed1/1-of-2.csv": Origin("pseudo_mask", "ours+irn", 1),
    }
    assert {path: origin_of(Path(path)) for path in cases} == cases
    with pytest.raises(ValueError, match="lies in no known result folder"):
        origin_of(Path("somewhere/else.csv"))


def test_mean_and_deviation_leave_unknown_values_out():
    assert mean_and_sd(["1", 3.0, "", "nan"]) == (2.0, pytest.approx(2**0.5))
    assert mean_and_sd(["4"]) == (4.0, "")
    assert mean_and_sd([""]) == ("", "")


def test_table_1_has_three_rows_per_method_in_the_order_asked_for(make):
    rows = read_csv(make(pseudo_mask_methods=("ours", "vit"))[0])
    assert list(rows[0]) == [
        "method",
        "threshold_rule",
        "background_threshold",
        "miou",
        "miou_sd",
        "precision",
        "precision_sd",
        "recall",
        "recall_sd",
        "num_seeds",
        "published_miou",
        "published_precision",
        "published_recall",
    ]
    assert [(row["method"], row["threshold_rule"]) for row in rows] == [(m, r) for m in ("ours", "vit") for r in RULES]


def test_table_1_averages_over_seeds_beside_the_published_numbers(make):
    best = read_csv(make(pseudo_mask_methods=("vit",), published=True)[0])[2]
    assert float(best["miou"]) == 43
    assert float(best["miou_sd"]) == pytest.approx(2**0.5)
    assert float(best["background_threshold"]) == pytest.approx(0.25)
    assert best["recall"] == best["recall_sd"] == ""
    assert best["num_seeds"] == "2"
    assert [float(best[f"published_{name}"]) for name in ("miou", "precision", "recall")] == [53.4, 67.7, 72.4]


def test_predictions_of_other_programs_follow_the_measured_rows_of_table_2(make, results, tmp_path):
    text = "variant,miou,precision,recall,legacy20_miou,legacy20_precision,legacy20_recall\nss,74.9,1,2,75.5,1,1\n"
    for name in ("amn", "weclip"):
        path = tmp_path / f"evaluation/prediction/{name}/imported/seed0/val/summary.csv"
        results["predictions"].append(write_csv(path, text))
    outputs = make(segmentation_methods=("ours",), published=True, legacy20=True)
    rows = read_csv(outputs[1])
    assert [row["method"] for row in rows[:4]] == ["ours", "amn", "weclip", "EDAM (Wu et al. 2021)"]
    assert not any(row["method"].startswith("AMN") for row in rows)  # which was measured here
    assert [row["inference"] for row in rows[:4]] == ["ms_crf", "ss", "ss", ""]
    own = {"stage": "", "supervision": "", "val": "74.9", "val_sd": "", "test": "", "num_seeds": "1"}
    assert rows[2].items() >= (own | {"legacy20_val": "75.5", "published_val": ""}).items()
    assert rows[1]["published_val"] == "70.7"
    assert [row["schedule"] for row in read_csv(outputs[3])][-2:] == ["imported"] * 2
    screen = io.StringIO()
    print_tables([outputs[1]], Console(file=screen, width=200))
    assert "without a stage: predictions of other programs" in screen.getvalue()


def test_table_1_tells_how_much_masks_keep_where_some_ignore_pixels(make, results):
    for path in results["summaries"][2:]:  # of ours
        header, *lines = path.read_text().splitlines()
        path.write_text("\n".join([f"{header},kept", *(f"{line},80.5" for line in lines)]) + "\n")
    table = make(pseudo_mask_methods=("ours", "vit"))[0]
    rows = read_csv(table)
    assert ",recall_sd,kept,kept_sd,num_seeds," in ",".join(rows[0])
    assert {(row["method"], float(row["kept"])) for row in rows} == {("ours", 80.5), ("vit", 100)}
    screen = io.StringIO()
    print_tables([table], Console(file=screen, width=160))
    assert " kept " in screen.getvalue()
    assert "kept: share of the pixels that the masks do not ignore (pseudo_mask.ignore_below)" in screen.getvalue()


def test_another_csv_is_no_table_of_the_report(tmp_path):
    (tmp_path / "summary.csv").write_text("threshold_rule,miou\nfixed,50.0\n")
    with pytest.raises(ValueError, match=r"summary\.csv: is no table of the report, which has a column num_seeds"):
        print_tables([tmp_path / "summary.csv"])


def test_table_2_has_measured_rows_first_and_then_the_literature(make):
    rows = read_csv(make(segmentation_methods=("fsss", "irn", "ours"), published=True)[1])
    assert [row["method"] for row in rows[:4]] == ["fsss", "irn", "ours", "EDAM (Wu et al. 2021)"]
    assert list(rows[0]) == [
        "method",
        "stage",
        "supervision",
        "val",
        "val_sd",
        "test",
        "num_seeds",
        "published_val",
        "published_test",
    ]
    fsss, irn, ours = rows[:3]
    assert (fsss["supervision"], irn["supervision"], ours["supervision"]) == ("F", "I", "I")
    assert (ours["stage"], ours["val"], ours["test"], ours["num_seeds"]) == ("1+2", "61.5", "58.5", "2")
    assert (irn["test"], irn["published_val"], irn["published_test"]) == ("", "63.5", "64.8")
    assert [row["method"] for row in rows][-1] == "Ours*"
    assert not {"Ours", "IRN (Ahn, Cho, and Kwak 2019)"} & {row["method"] for row in rows}
    assert all(row["val"] == row["num_seeds"] == "" for row in rows[3:])


def test_table_2_marks_masks_whose_threshold_saw_ground_truth(make):
    rows = read_csv(make(segmentation_methods=("fsss", "ours"), tuned_on_ground_truth=True)[1])
    assert [row["supervision"] for row in rows[:2]] == ["F", "I+T"]


def test_table_2_shows_the_schedule_and_inference_asked_for(make):
    rows = read_csv(make(segmentation_methods=("ours",), segmentation_schedule="baseline", variant="ss")[1])
    assert (rows[0]["stage"], rows[0]["val"]) == ("1", "55.5")


def test_table_2_by_inference_has_one_row_per_training_split_and_variant(make):
    rows = read_csv(make()[3])
    assert ",".join(rows[0]) == (
        "method,schedule,split,scales,crf,miou,miou_sd,precision,precision_sd,recall,recall_sd,num_seeds"
    )
    assert len(rows) == 3 * 2 * 2 + 2  # methods, schedules, variants; and the test split of one training
    ours = [row for row in rows if (row["method"], row["schedule"], row["split"]) == ("ours", "scale", "val")]
    assert [(row["scales"], row["crf"], row["miou"]) for row in ours] == [("ss", "no", "56.5"), ("ms", "yes", "61.5")]
    assert float(ours[0]["miou_sd"]) == pytest.approx(0.5**0.5)
    assert ours[0]["num_seeds"] == "2"


def test_numbers_without_the_last_class_are_shown_where_they_are_asked_for(make):
    assert not any("legacy20" in path.read_text() for path in make())
    masks, segmentation, _, variants, _ = (read_csv(path) for path in make(legacy20=True, published=True))
    vit = next(row for row in masks if (row["method"], row["threshold_rule"]) == ("vit", "fixed"))
    assert (vit["legacy20_miou"], vit["legacy20_precision"], vit["legacy20_recall"]) == ("46.0", "60.0", "61.0")
    assert (segmentation[0]["method"], segmentation[0]["legacy20_val"]) == ("ours", "62.5")
    assert segmentation[-1]["legacy20_val"] == ""
    assert variants[1]["legacy20_miou"] == "61.5"


def test_table_3_sets_the_schedules_side_by_side(make):
    rows = read_csv(make(published=True)[2])
    assert [row["method"] for row in rows] == ["ours", "fsss", "irn"]
    assert rows[0] == {
        "method": "ours",
        "baseline": "60.5",
        "baseline_sd": str(0.5**0.5),
        "scale_scheduling": "61.5",
        "scale_scheduling_sd": str(0.5**0.5),
        "num_seeds": "2",
        "published_baseline": "70.1",
        "published_scale_scheduling": "70.3",
    }


def test_table_3_shows_the_training_on_the_same_pixels_where_there_is_one(results, make, tmp_path):
    results["predictions"] += [
        prediction_summary(tmp_path, "ours", "scale_same_pixels", seed, "val", 62 + seed) for seed in (0, 1)
    ]
    ours, fsss, _ = read_csv(make()[2])
    assert list(ours)[3:7] == ["scale_scheduling", "scale_scheduling_sd", "scale_same_pixels", "scale_same_pixels_sd"]
    assert (ours["scale_same_pixels"], fsss["scale_same_pixels"]) == ("62.5", "")
    results["predictions"].pop()
    with pytest.raises(ValueError, match="ours: the schedules baseline and scale_same_pixels were trained with diff"):
        make()


def test_schedules_trained_with_different_seeds_are_refused(results, make):
    results["predictions"].pop(0)
    with pytest.raises(ValueError, match="ours: the schedules baseline and scale were trained with different seeds"):
        make()


def test_a_method_without_results_is_named(make):
    with pytest.raises(ValueError, match="no result of method amn"):
        make(pseudo_mask_methods=("amn",))


def test_a_run_without_segmentation_still_makes_the_tables(results, make):
    results["predictions"].clear()
    table1, table2, table3, variants, _ = make()
    assert len(read_csv(table1)) == 8
    assert read_csv(table2) == read_csv(table3) == read_csv(variants) == []


def test_beside_other_data_than_voc_nothing_is_published(make):
    outputs = make(segmentation_methods=("ours",))
    for path, methods in zip(outputs, (["vit", "ours"], ["ours"], ["ours", "fsss", "irn"]), strict=False):
        found = read_csv(path)
        assert list(dict.fromkeys(row["method"] for row in found)) == methods
        assert {value for row in found for key, value in row.items() if key.startswith("published_")} == {""}
    assert "publ." not in printed(outputs)
    assert "publ." in printed(make(segmentation_methods=("ours",), published=True))


def printed(paths):
    text = io.StringIO()
    print_tables(paths, Console(file=text, width=120))
    return text.getvalue()


def test_the_screen_shows_one_decimal_and_marks_tuned_rows(make):
    text = printed(make())
    assert "43.0 ± 1.4" in text
    assert "61.5 ± 0.7" in text
    lines = [line for line in text.splitlines() if "best mIoU" in line]
    assert lines
    assert all("†" in line for line in lines)
    assert not any("†" in line for line in text.splitlines() if " fixed " in line or " Otsu " in line)
    assert "† the threshold was chosen on the ground truth" in text


def test_the_screen_has_no_footnote_where_nothing_was_tuned(make):
    assert "†" not in printed(make()[1:])


def test_without_true_masks_methods_have_rows_without_numbers_and_the_screen_says_why(make):
    outputs = make(scored=False, pseudo_mask_methods=["ours"], segmentation_methods=["ours", "naive"])
    rows = read_csv(outputs[1])
    assert [(row["method"], row["num_seeds"]) for row in rows] == [("ours", "0"), ("naive", "0")]
    assert {value for row in rows for key, value in row.items() if key not in ("method", "num_seeds")} == {""}
    assert read_csv(outputs[2]) == []
    text = printed(outputs)
    assert text.count("nothing was scored: the data set has no true masks") == 3  # tables 1, 2, and 2 by inference
    assert "†" not in text


OURS_AND_VIT = {"ensemble": "ours", "member": "vit", "ensemble_row": "ours", "member_row": "irn"}


def test_ensembles_are_above_their_members_by_more_than_the_spread_or_it_is_said(results, make):
    path = make(pairs=[OURS_AND_VIT])[4]
    rows = read_csv(path)
    assert [row["measure"] for row in rows] == ["masks, mIoU", "masks, precision", "segmentation, mIoU"]
    assert [float(row["difference"]) for row in rows] == [10, 10, 5]
    assert {row["above"] for row in rows} == {"yes"}
    assert "above all members, as in the paper" in printed([path])
    turned = OURS_AND_VIT | {"ensemble": "vit", "member": "ours", "ensemble_row": None}
    path = make(pairs=[turned])[4]
    assert [row["above"] for row in read_csv(path)] == ["no", "no"]
    assert "unlike in the paper: vit masks, mIoU (against ours); vit masks, precision (against ours)" in " ".join(
        printed([path]).split()
    )


def test_a_difference_within_the_spread_over_seeds_is_not_above(make):
    close = OURS_AND_VIT | {
        "member": "ours",
        "member_row": "ours",
        "member_rule": "fixed",
        "ensemble_rule": "best_miou",
    }
    masks = read_csv(make(pairs=[close])[4])[0]
    assert float(masks["difference"]) == 1
    assert float(masks["value_sd"]) == pytest.approx(2**0.5)
    assert masks["above"] == "no"


def test_settings_survive_canonical_json():
    settings = Settings(pseudo_mask_methods=("vit", "ours"), panels=2)
    assert Settings.model_validate_json(settings.canonical_json()) == settings
    assert json.loads(settings.canonical_json())["variant"] == "ms_crf"
