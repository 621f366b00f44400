"""The page: what it says of a run, what it never does, and how it picks images."""

import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_run import CLASSES, SmallRun, config

from checkout import ROOT
from orandnet.dataset.index import Record
from orandnet.files.places import all_shards, first_shards
from orandnet.job.fingerprint import _data
from orandnet.plan import page as plan_page
from orandnet.report import stage
from orandnet.report.page import gallery, writing
from orandnet.report.page.answer import sentences
from orandnet.report.page.gallery import choose, image_iou
from orandnet.report.page.jobs import costs, read_jobs, versions_used, warned
from orandnet.report.page.score_table import Cell, signed, table_view

LARGEST_PAGE = 10_000_000  # bytes
NO_MASKS = {"dataset": {"kind": "folder", "root": "data", "scenes": {}}}


def no_script(monkeypatch):
    monkeypatch.setattr(writing, "_vega", lambda: "/* vega */")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = SmallRun(tmp_path_factory.mktemp("page"), config(seeds=[0, 1], report={"gallery": 3}))
    stage.tables(**made.tables())
    stage.page(**made.page())
    return made


@pytest.fixture(scope="module")
def text(run):
    return run.at("page").read_text()


def test_the_page_is_one_file_that_asks_for_nothing(run, text):
    assert len(text.encode()) < LARGEST_PAGE
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", text, flags=re.DOTALL)
    assert not re.search(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?!data:)""", markup)
    assert "default-src 'none'" in text
    assert str(run.folder) not in text  # no folder of this machine
    links = re.findall(r'<a href="([^"#]+)"', markup)
    assert "tables/table1_pseudo_masks.csv" in links
    assert "classifier/vit/seed0/weights.safetensors" in links
    assert not any(link.startswith(("/", "http")) for link in links)


def test_names_of_the_users_own_cannot_end_a_script_or_become_markup(text):
    assert "<b>" not in text
    assert "flat &lt;map&gt; of 3 images" in text
    start = text.index('id="specifications">') + len('id="specifications">')
    specifications = json.loads(text[start : text.index("</script>", start)])
    assert "confusion" in specifications
    assert CLASSES[2] in json.dumps(specifications)


def test_the_page_opens_with_what_was_run_and_the_answer(text):
    opening = text[: text.index('id="tables"')]
    for said in ("<h1>tiny</h1>", "scenes: 3 classes; images: 6 train", "0, 1", "cpu", "Best pseudo masks"):
        assert said in opening
    order = ["answer", "tables", "figures", "gallery", "warnings", "costs", "settings", "versions", "data", "files"]
    assert re.findall(r'<section id="(\w+)"', text) == order


def test_settings_that_differ_from_the_defaults_are_listed(text):
    listed = text[text.index('<section id="settings"') : text.index('<section id="versions"')]
    assert "<code>irn.walk.radius</code>" in listed
    assert "<code>sources.vit.kind</code>" in listed
    assert "cam.flip" not in listed
    assert "threads" not in listed


def test_the_gallery_has_the_pictures_of_train_and_val_with_their_classes(text):
    shown = text[text.index('<section id="gallery"') : text.index('<section id="warnings"')]
    slides = re.findall(r'<article class="slide" data-part="(\w+)" data-rank="(\w*)"', shown)
    assert [part for part, _ in slides] == sorted(part for part, _ in slides)
    assert {rank for _, rank in slides} >= {"worst", "middle", "best"}
    titles = ["image", "resnet50 CAM", "vit CAM", "naive MEAN", "ours OR", "ours AND", "ours ORANDNet"]
    titles += ["ours random walk", "naive pseudo mask", "ours pseudo mask", "ours+irn pseudo mask", "ground truth"]
    first = shown[: shown.index("</article>")]
    assert re.findall(r"<figcaption>([^<]+)", first) == titles
    last = shown[shown.rindex("<article") :]
    assert re.findall(r"<figcaption>([^<]+)", last) == [
        "image",
        *(f"{method} prediction" for method in ("fsss", "naive", "ours")),
        "ground truth",
    ]
    assert "linear-gradient" in shown
    assert re.search(r"<li><span style=\"background: #800000\"></span>cat</li>", shown)


def test_every_table_is_a_page_of_its_own(run):
    table = run.at("tables", table="table1_pseudo_masks").with_suffix(".html").read_text()
    assert "<strong>" in table
    assert "vs. best member" in table


def test_the_same_run_gives_the_same_page(run, text, monkeypatch, tmp_path):
    no_script(monkeypatch)
    for name in "ab":
        stage.page(**run.page() | {"output": tmp_path / f"{name}.html"})
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_without_true_masks_the_page_has_the_pictures_without_the_truth(run, monkeypatch, tmp_path):
    no_script(monkeypatch)
    arguments = run.page()
    settings = arguments["settings"].model_copy(update={"scored": False})
    unscored = {"summaries": [], "predictions": [], "ground_truth": [], "settings": settings}
    stage.page(**arguments | unscored | {"output": tmp_path / "report.html"})
    text = (tmp_path / "report.html").read_text()
    assert "nothing was scored" in text
    assert "ground truth</fig" not in text
    assert "ours+irn pseudo mask" in text
    assert "Images spread evenly" in text
    assert 'data-chart="trainings"' in text
    assert 'data-chart="curves_ours"' not in text


def view_of(run, table):
    arguments = run.page()
    measured = stage._read_measured(
        arguments["summaries"], arguments["predictions"], arguments["histories"], arguments["settings"]
    )
    return table_view(run.at("tables", table=table), measured, arguments["settings"]), measured


def column(view, name):
    place = [header.text for header in view.headers].index(name)
    return [row[place] for row in view.rows]


def test_tables_have_one_decimal_and_the_best_of_each_kind_in_bold(run):
    view, _ = view_of(run, "table1_pseudo_masks")
    assert all(re.fullmatch(r"\d+\.\d ± \d+\.\d", cell.text) for cell in column(view, "mIoU"))
    rules, mious = column(view, "threshold by"), column(view, "mIoU")
    for rule in ("fixed", "best mIoU"):
        kind = [cell for cell, of in zip(mious, rules, strict=True) if of.text == rule]
        bold = {round(cell.value, 1) for cell in kind if cell.best}
        assert bold == {max(round(cell.value, 1) for cell in kind)}
    assert [cell.text.endswith("†") for cell in column(view, "method")][:4] == [False, False, True, True]


def test_tables_name_the_difference_to_the_rows_they_are_compared_with(run):
    view, measured = view_of(run, "table1_pseudo_masks")

    def mean(method):
        wanted = (method, "otsu")
        found = [float(row["miou"]) for row in measured.cams if (row["method"], row["threshold_rule"]) == wanted]
        return sum(found) / len(found)

    row = [cell.text for cell in column(view, "method")].index("ours")
    members, naive = column(view, "vs. best member")[row], column(view, "vs. naive")[row]
    best = max(("resnet50", "vit"), key=mean)
    assert members.value == pytest.approx(mean("ours") - mean(best))
    assert members.note == f"{best}: {mean(best):.1f}"
    assert naive.value == pytest.approx(mean("ours") - mean("naive"))
    assert column(view, "vs. best member")[0] == Cell("")  # a member is compared with none


def test_published_numbers_stand_beside_voc_only(run, tmp_path):
    view, measured = view_of(run, "table2_segmentation")
    assert not any("publ" in header.text for header in view.headers)
    assert [row[0].text for row in view.rows] == ["fsss", "naive", "ours"]
    on_voc = run.page()["settings"].model_copy(update={"on_voc": True})
    arguments = run.tables()
    arguments |= {name: tmp_path / path.name for name, path in arguments.items() if name.endswith("_output")}
    arguments["settings"] = arguments["settings"].model_copy(update={"published": True})
    stage.tables(**arguments)
    view = table_view(tmp_path / "table2_segmentation.csv", measured, on_voc)
    assert "publ. val" in [header.text for header in view.headers]
    row = [cell.text for cell in column(view, "method")].index("ours")
    assert column(view, "vs. published")[row].value == pytest.approx(column(view, "val")[row].value - 70.3)
    assert column(view, "val")[0].best is False  # full supervision is no competitor


def test_the_fully_supervised_row_is_never_the_best(run):
    view, _ = view_of(run, "table2_variants")
    assert not any(cell.best for row in view.rows if row[0].text == "fsss" for cell in row)
    assert any(cell.best for row in view.rows for cell in row)


def test_what_speaks_against_an_ensemble_is_said_first():
    rows = [
        {"method": method, "threshold_rule": "otsu", "miou": miou}
        for method, miou in (("vit", "50"), ("naive", "40"), ("ours", "45"), ("other", "60"))
    ]
    comparison = {"members": ["vit"], "naive": "naive"}
    settings = plan_page.page_settings(config()).model_copy(
        update={
            "mask_rows": {
                "other": plan_page.Comparison(**comparison),
                "ours": plan_page.Comparison(**comparison),
            }
        }
    )
    found = sentences(SimpleNamespace(cams=rows, predictions=[]), settings)
    assert found[0] == "Best pseudo masks at a threshold that saw no true mask: other, 60.0 mIoU."
    assert found[1] == (
        "ours, pseudo masks, mIoU: 45.0; \N{MINUS SIGN}5.0 against its best member (vit), "
        "+5.0 against the naive ensemble (naive)."
    )
    assert found[2].startswith("other, pseudo masks, mIoU: 60.0; +10.0")
    assert found[3].startswith("One seed:")


def test_the_page_answers_for_the_thresholds_that_masks_are_made_with_and_names_those_that_differ():
    own = {"pseudo_mask": {"threshold_rule": "best_miou", "overrides": {"vit": 0.4}}}
    settings = plan_page.page_settings(config(**own))
    rows = [
        {"method": method, "threshold_rule": rule, "miou": miou}
        for method in ("vit", "ours")
        for rule, miou in (("otsu", "10"), ("fixed", "30"), ("best_miou", "20"))
    ]
    assert [row["miou"] for row in settings.made(rows)] == ["30", "20"]
    found = sentences(SimpleNamespace(cams=rows, predictions=[]), settings)
    assert found[:3] == [
        "Best pseudo masks at a threshold that saw no true mask: vit, 30.0 mIoU.",
        "Best pseudo masks at a threshold that was chosen on true masks: ours, 20.0 mIoU.",
        "ours, pseudo masks, mIoU: 20.0 (best_miou); \N{MINUS SIGN}10.0 against its best member (vit, fixed).",
    ]
    power = plan_page.page_settings(config(pseudo_mask={"background": "power"}))
    assert {power.rule_of(method) for method in ("vit", "ours", "ours+irn")} == {"fixed"}
    otsu = plan_page.page_settings(config())
    assert otsu.rules == {}
    assert {row["miou"] for row in otsu.made(rows)} == {"10"}


def test_differences_have_a_sign():
    assert [signed(value) for value in (1.26, -0.31, 0.04, -0.04)] == ["+1.3", "\N{MINUS SIGN}0.3", "±0.0", "±0.0"]


def test_manifests_give_costs_versions_and_each_warning_once(run):
    read = read_jobs(run.page()["manifests"])
    by_stage = {cost.stage: cost for cost in costs(read)}
    assert by_stage["segmenter"].jobs == 3 * 2 * 2
    assert by_stage["cam"].memory > 0
    (warning,) = warned(read)
    assert (warning.code, warning.stage, len(warning.artifacts)) == ("flat_cam", "cam", 4)
    assert all(len(found) == 1 for found in versions_used(read).values())


def test_the_first_shard_stands_for_all(tmp_path):
    first = tmp_path / "cam/vit/1-of-3.manifest.json"
    assert [path.name for path in all_shards(first)] == [f"{i}-of-3.manifest.json" for i in (1, 2, 3)]
    assert all_shards(tmp_path / "weights.manifest.json") == [tmp_path / "weights.manifest.json"]
    assert first_shards(["a/1-of-2.npz", "a/2-of-2.npz", "a/11-of-12.npz", "b/weights.safetensors"]) == [
        "a/1-of-2.npz",
        "b/weights.safetensors",
    ]


def test_a_damaged_manifest_is_named(tmp_path):
    path = tmp_path / "weights.manifest.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"weights\.manifest\.json: not a readable manifest .* run the job beside it"):
        read_jobs([path])


def test_an_installed_package_has_the_parts_of_the_page():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    parts = [path for path in writing.TEMPLATES.iterdir() if path.is_file() and path.suffix != ".py"]
    assert len(parts) == 5
    assert all(any(path.match(pattern) for pattern in patterns["orandnet.report.page"]) for path in parts)


def test_an_edit_of_a_part_of_the_page_makes_the_page_anew():
    assert {"page.html", "macros.html", "page.css", "page.js"} <= {path.name for path in _data(Path(writing.__file__))}


def record(name, *classes):
    return Record(name, f"{name}.jpg", "train", (4, 4), classes)


def test_the_gallery_takes_the_worst_the_middle_the_best_and_every_class():
    records = [record(f"i{k}", 2 if k == 3 else 1) for k in range(10)]
    ious = {f"i{k}": float(k) for k in range(10)}
    chosen = [(found.image_id, rank) for found, rank in choose(records, ious, 3)]
    assert chosen == [("i0", "worst"), ("i3", ""), ("i4", "middle"), ("i9", "best")]
    assert [found.image_id for found, _ in choose(records, {}, 4)] == ["i0", "i3", "i6", "i9"]
    assert choose(records, ious, 0) == choose([], {}, 5) == []
    assert len(choose(records[:2], ious, 18)) == 2


def test_the_iou_of_an_image_is_the_mean_over_its_classes_and_those_of_its_mask():
    truth = np.array([[0, 0, 1, 255]], dtype=np.uint8)
    assert image_iou(truth, truth) == 1
    assert image_iou(np.array([[0, 2, 1, 1]], dtype=np.uint8), truth) == pytest.approx((0.5 + 1 + 0) / 3)
    assert image_iou(np.array([[255, 0, 1, 1]], dtype=np.uint8), truth) == 1
    assert image_iou(truth, np.full_like(truth, 255)) == 0


def test_images_that_have_no_room_are_left_out_and_counted(run, monkeypatch, tmp_path):
    no_script(monkeypatch)
    monkeypatch.setattr(gallery, "BUDGET", 40_000)
    stage.page(**run.page() | {"output": tmp_path / "report.html"})
    assert re.search(r"\d+ further images had no room", (tmp_path / "report.html").read_text())
