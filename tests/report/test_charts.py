"""Charts: what they show of a run, that looks can be told apart, and the files for papers."""

import json
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
import vl_convert
from small_run import CLASSES, SmallRun, config

from orandnet.maps.pictures import SCORE_COLORS
from orandnet.plan import jobs, page
from orandnet.report import stage
from orandnet.report.charts import COLORS, INK, Axis, Bars, Chart, Line, Matrix, Plot, Point, marked, over_seeds, styles
from orandnet.report.mask_charts import whole_range
from orandnet.report.measured import Measured, read_measured
from orandnet.report.page.vega import specifications
from orandnet.report.paper import draw_chart
from orandnet.report.run_charts import charts_of
from orandnet.report.segmentation_charts import masks_chart

SEEDS = (0, 1)
# Machado, Oliveira & Fernandes (2009): what remains of linear RGB for eyes that lack one kind of cone, and on paper
VISIONS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    "greyscale": [[0.2126, 0.7152, 0.0722]] * 3,
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def seen(colors, vision):
    """Return CIE Lab values (n, 3) of colours as eyes of a kind see them."""
    rgb = np.array([mpl.colors.to_rgb("black" if color == INK else color) for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ np.array(VISIONS[vision]).T, 0, 1) @ TO_XYZ.T / TO_XYZ.sum(1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("vision", ["protanopia", "deuteranopia", "tritanopia"])
def test_colours_can_be_told_apart_by_colour_blind_readers(vision):
    lab = seen(COLORS, vision)
    assert min(np.linalg.norm(first - second) for first, second in combinations(lab, 2)) > 15  # 2.3 is just noticeable


def test_lines_can_be_told_apart_without_any_colour():
    looks = styles(8)
    assert len({look.dashes for look in looks}) == len({look.marker for look in looks}) == 8
    assert len({look.paper_marker for look in looks}) == 8
    assert len(set(styles(56))) == 56


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", [SCORE_COLORS, "cividis"])
def test_a_higher_score_is_lighter_for_all_eyes_and_on_grey_paper(name, vision):
    lightness = seen([mpl.colors.to_hex(color) for color in mpl.colormaps[name](np.linspace(0, 1, 16))], vision)[:, 0]
    assert (np.diff(lightness) > 0).all()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return SmallRun(tmp_path_factory.mktemp("charts"), config(seeds=SEEDS))


@pytest.fixture(scope="module")
def charts(run):
    settings = page.chart_settings(run.plan)
    measured = read_measured(**run.measured(), schedule=settings.segmentation_schedule, variant=settings.variant)
    return charts_of(measured, settings)


def test_the_plan_knows_which_charts_a_run_has(run, charts):
    assert sorted(charts) == sorted(page.charts(run.plan))


def test_the_curves_show_members_naive_or_and_orandnet_and_irn_with_their_fixed_points(charts):
    miou, trade = charts["curves_ours"].panels
    names = ["resnet50", "vit", "naive", "OR", "AND", "ORANDNet", "ORANDNet + IRN"]
    assert [line.label for line in miou.lines] == [line.label for line in trade.lines] == names
    assert [point.label for point in miou.points] == [name for name in names for _ in SEEDS]
    assert {point.x for point in miou.points} == {0.3}
    assert all(len(line.low) == len(line.high) == 21 for line in miou.lines)
    assert all(len(line.x) < 21 for line in trade.lines)  # at the ends a class is predicted no more


def test_charts_show_each_method_at_the_threshold_that_its_masks_are_made_with(run):
    settings = page.chart_settings(run.plan).model_copy(update={"rules": {"vit": "fixed", "ours+irn": "fixed"}})
    measured = read_measured(**run.measured(), schedule=settings.segmentation_schedule, variant=settings.variant)
    found = charts_of(measured, settings)

    def scores(method, rule, column="miou"):
        wanted = (method, rule)
        return [float(row[column]) for row in measured.cams if (row["method"], row["threshold_rule"]) == wanted]

    points = found["curves_ours"].panels[0].points
    for label, method, rule in (("vit", "vit", "fixed"), ("ORANDNet + IRN", "ours+irn", "fixed")):
        assert [point.x for point in points if point.label == label] == scores(method, rule, "background_threshold")
    assert [point.x for point in points if point.label == "resnet50"] == [0.3] * len(SEEDS)
    seeds = [point.x for point in found["seeds"].panels[0].points if point.y == "vit"]
    assert seeds == scores("vit", "fixed") != scores("vit", "otsu")
    ious = [row for row in measured.classes if (row["method"], row["threshold_rule"]) == ("vit", "fixed")]
    shown = {point.y: point.x for point in found["per_class_ours"].panels[0].points if point.label == "vit"}
    for name, value in shown.items():
        assert value == pytest.approx(np.mean([float(row["iou"]) for row in ious if row["class"] == name]))
    masks = [point.x for point in found["masks_and_segmentation"].panels[0].points if point.label == "ours"]
    assert masks == scores(settings.masks["ours"], settings.rule_of(settings.masks["ours"]))


def test_lines_end_where_any_seed_no_longer_predicts_a_class_that_it_predicts_elsewhere():
    def curve(*predicted):
        return np.stack([np.zeros(len(predicted))] * 4 + [np.array(predicted)])

    found = whole_range([curve(1, 3, 3, 2), curve(2, 2, 2, 2), curve(4, 4, 3, 3)])
    np.testing.assert_array_equal(found, [False, True, False, False])


def test_ious_by_class_are_means_over_seeds(charts):
    (plot,) = charts["per_class_ours"].panels
    assert plot.y.names == ("background", *CLASSES)
    assert {point.label for point in plot.points} == {"resnet50", "vit", "naive", "ORANDNet", "ORANDNet + IRN"}
    assert len(plot.points) == 5 * 4
    assert all(point.note.startswith("±") for point in plot.points)


def test_masks_are_set_against_what_is_learnt_from_them_a_point_per_method_and_seed(charts):
    for plot in charts["masks_and_segmentation"].panels:
        assert sorted((point.label, point.note) for point in plot.points) == [
            (method, f"seed {seed}") for method in ("naive", "ours") for seed in SEEDS
        ]
        assert len({point.x for point in plot.points}) == 4


def test_masks_that_are_the_same_for_every_seed_are_set_against_each():
    settings = page.chart_settings(config(seeds=(5, 6))).model_copy(update={"masks": {"ours": "ours"}})
    score = {"method": "ours", "miou": "40", "precision": "50"}
    where = {"schedule": settings.segmentation_schedule, "split": "val", "variant": settings.variant}
    predictions = [{**score, **where, "seed": seed} for seed in (5, 6)]
    masks = {**score, "threshold_rule": settings.rule_of("ours"), "seed": 5}
    chart = masks_chart(Measured([masks], [], {}, predictions, {}, (), []), settings)
    assert [[point.note for point in plot.points] for plot in chart.panels] == [["seed 5", "seed 6"]] * 2


def test_every_seed_is_a_point(charts):
    masks, segmenters = charts["seeds"].panels
    assert masks.y.names == ("resnet50", "vit", "naive", "ours", "ours+irn")
    assert segmenters.y.names == ("fsss", "naive", "ours")
    assert len(segmenters.points) == 3 * len(SEEDS)


def test_confusions_are_shares_of_the_true_pixels(charts):
    panels = charts["confusion"].panels
    assert [panel.title for panel in panels] == ["fsss", "naive", "ours"]
    np.testing.assert_allclose(np.nansum(panels[0].rows, axis=1), 100)
    assert min(panels[0].rows[position][position] for position in range(3)) > 80


def test_losses_are_shown_of_every_network(charts):
    shown = {panel.title: [line.label for line in panel.lines] for panel in charts["trainings"].panels}
    assert shown == {
        "classifiers": ["resnet50", "vit"],
        "ORANDNet": ["ours"],
        "boundary networks": ["ours"],
        "segmenters": ["fsss", "naive", "ours"],
    }
    schedules = charts["scale_scheduling"].panels
    assert [panel.title for panel in schedules] == ["fsss", "naive", "ours"]
    assert {line.label for panel in schedules for line in panel.lines} == {"baseline", "scale scheduling"}
    assert [list(line.x) for line in schedules[0].lines] == [[1, 2, 3, 4, 5]] * 2


def test_means_have_bounds_where_there_are_seeds():
    assert over_seeds("a", [0, 1], [[1, 2]]) == Line("a", [0, 1], [1, 2])
    assert over_seeds("a", [0, 1], [[1, 2], [3, 2]]) == Line("a", [0, 1], [2, 2], [1, 2], [3, 2])


def test_markers_of_two_lines_stand_at_different_places():
    lines = [Line("a", range(100), range(100))] * 2
    places = [marked(line, position) for position, line in enumerate(lines)]
    assert not set(places[0]) & set(places[1])
    assert marked(Line("a", range(5), range(5)), 3) == [0, 1, 2, 3, 4]


def test_the_same_charts_give_the_same_files(charts, tmp_path):
    for turn in "ab":
        draw_chart([tmp_path / f"{turn}{suffix}" for suffix in (".svg", ".pdf")], charts["curves_ours"])
    for suffix in (".svg", ".pdf"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_files_of_one_chart_share_their_layout(charts, tmp_path):
    pair = [tmp_path / "first.png", tmp_path / "second.png"]
    draw_chart(pair, charts["per_class_ours"])
    draw_chart([tmp_path / "alone.png"], charts["per_class_ours"])
    assert len({path.read_bytes() for path in (*pair, tmp_path / "alone.png")}) == 1


def test_the_stage_writes_the_charts_it_is_asked_for_and_names_those_it_has_no_numbers_for(run, tmp_path):
    outputs = [tmp_path / f"{name}.svg" for name in ("seeds", "trainings")]
    settings = page.chart_settings(run.plan)
    stage.charts(**run.measured(), charts_output=outputs, settings=settings)
    assert all("</svg>" in path.read_text() for path in outputs)
    nothing = {"summaries": [], "predictions": [], "histories": run.measured()["histories"]}
    unscored = settings.model_copy(update={"scored": False})
    with pytest.raises(ValueError, match=r"seeds\.svg: the run has no numbers for it, but for trainings, scale_sch"):
        stage.charts(**nothing, charts_output=outputs, settings=unscored)


def test_a_chart_without_panels_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there are no numbers for the chart empty"):
        draw_chart([tmp_path / "empty.svg"], Chart("empty", "", "", ()))


def test_every_chart_is_a_specification_that_vega_lite_takes(charts):
    for chart in charts.values():
        for specification in specifications(chart):
            assert "currentColor" in json.dumps(specification)
            vl_convert.vegalite_to_vega(specification | {"width": 300})


def test_values_that_are_no_numbers_are_left_out_of_the_page_and_large_matrices_too():
    nan = float("nan")
    plot = Plot("", Axis("x"), Axis("y"), (Line("a", [0, 1], [nan, 1]),), (Point("a", 0, nan), Point("a", 1, 1)))
    huge = Matrix("big", tuple(map(str, range(120))), ((nan,) * 120,) * 120)
    (lines, small, wide, points) = specifications(Chart("c", "", "", (plot,)))[0]["layer"]
    assert [len(layer["data"]["values"]) for layer in (lines, small, wide, points)] == [1, 1, 1, 1]
    assert len(specifications(Chart("c", "", "", (huge, huge)))) == 1
    (bars,) = specifications(Chart("c", "", "", (Bars("time", "s", (("cam", 1.0), ("irn", 2.0))),)))
    assert bars["data"]["values"] == [{"name": "cam", "value": 1.0}, {"name": "irn", "value": 2.0}]


def test_what_the_charts_read_is_what_the_plan_makes(run):
    assert len(jobs.histories(run.plan)) == len(SEEDS) * (2 + 1 + 1 + 3 * 2)
