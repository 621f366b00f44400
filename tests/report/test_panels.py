"""Panels: equal bytes from equal input, sizes, colours, and the stage from files to pictures."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from orandnet.files.mask import write_mask, write_mask_list
from orandnet.files.store import Cam, write_shard
from orandnet.maps.pictures import SCORE_COLORS, heat_map, mask_colors, save_figure
from orandnet.report import stage
from orandnet.report.panels import Panel, draw_panels
from orandnet.report.settings import Settings


def panel(label="image_1\ncat"):
    generator = np.random.default_rng(0)
    return Panel(label, [generator.integers(0, 255, (24, 32, 3), dtype=np.uint8) for _ in range(3)])


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_input_gives_the_same_bytes(tmp_path, suffix):
    for name in "ab":
        draw_panels(tmp_path / f"{name}{suffix}", ["image", "OR", "mask"], [panel()])
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_names_are_no_formulas(tmp_path):
    draw_panels(tmp_path / "a.png", ["image", "$x^$", "mask"], [panel("image_1\n$x^$")])
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0], [1], label="$y_$")
    axes.set_yticks([0, 1], ["$x^$", "b"])
    axes.legend()
    save_figure(figure, tmp_path / "b.svg")


def test_pictures_stay_below_1600_pixels_in_height(tmp_path):
    tall = Panel("COCO_train2014_000000123456\ncat\ndog", [np.zeros((90, 30, 3), dtype=np.uint8)] * 12)
    draw_panels(tmp_path / "panels.png", [f"method {k}\nCAM" for k in range(12)], [tall] * 8)
    with Image.open(tmp_path / "panels.png") as image:
        assert image.height <= 1600


def test_other_kinds_of_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"use \.png, \.svg or \.pdf"):
        draw_panels(tmp_path / "panels.jpg", ["image", "OR", "mask"], [panel()])


def test_a_heat_map_is_warm_where_the_score_is_high():
    rgb = np.full((1, 2, 3), 128, dtype=np.uint8)
    cold, warm = heat_map(rgb, np.array([[0.0, 0.95]]))[0].astype(int)
    assert warm[0] > warm[2]
    assert cold[2] >= cold[0]
    np.testing.assert_array_equal(heat_map(rgb, np.array([[-1.0, 2.0]])), heat_map(rgb, np.array([[0.0, 1.0]])))


def test_a_score_has_one_colour_whatever_the_score_beside_it():
    grey = np.full((1, 3, 3), 128, dtype=np.uint8)
    shown = heat_map(grey, np.array([[0.0, 0.5, 1.0]]))[0].sum(1)
    assert shown[0] < shown[1] < shown[2]
    assert SCORE_COLORS == "viridis"


def test_masks_have_the_colours_of_voc():
    mask = np.array([[0, 1, 15, 255]], dtype=np.uint8)
    np.testing.assert_array_equal(mask_colors(mask)[0], [[0, 0, 0], [128, 0, 0], [192, 128, 128], [224, 224, 192]])


@pytest.fixture
def results(tmp_path):
    """Two train images with true masks, one CAM and fusion store, masks and curves, in two seeds."""
    rows = ["image_id,image,mask,split,height,width,labels"]
    cams = []
    for name, size in (("a", (12, 16)), ("b", (16, 12))):
        Image.fromarray(np.full((*size, 3), 90, dtype=np.uint8)).save(tmp_path / f"{name}.png")
        write_mask(tmp_path / f"{name}_mask.png", np.eye(*size, dtype=np.uint8))
        rows.append(f"{name},{tmp_path}/{name}.png,{tmp_path}/{name}_mask.png,train,{size[0]},{size[1]},cat")
        scores = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, size[0] // 4, size[1] // 4)
        cams.append(Cam(name, np.array([1]), scores, size))
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "classes.json").write_text(json.dumps({"classes": ["cat"]}))
    masks = {name: f"{tmp_path}/{name}_mask.png" for name in "ab"}
    truth = {"ids": {"0": 0, "1": 1, "255": 255}, "other_ids": "error", "colors": None, "turned": {}, "masks": masks}
    (tmp_path / "ground_truth.json").write_text(json.dumps(truth))
    files = {"cams": [], "masks": []}
    for seed in (1, 0):
        for folder in (f"cam/vit/seed{seed}", f"fusion/ours/seed{seed}/or"):
            path = tmp_path / folder / "1-of-1.npz"
            write_shard(path, cams)
            files["cams"].append(path)
        masks = tmp_path / f"pseudo_mask/ours/seed{seed}"
        shas = [write_mask(masks / f"{cam.image_id}.png", np.ones(cam.size, dtype=np.uint8)) for cam in cams]
        listed = [{"image_id": cam.image_id, "sha256": sha} for cam, sha in zip(cams, shas, strict=True)]
        write_mask_list(masks / "1-of-1.csv", listed)
        files["masks"].append(masks / "1-of-1.csv")
    return files | {"index": tmp_path / "index.csv", "ground_truth": [tmp_path / "ground_truth.json"]}


def test_the_stage_draws_panels_from_files(results, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        stage, "draw_panels", lambda path, columns, panels: drawn.update({path: (columns, list(panels))})
    )
    outputs = {"panels_output": tmp_path / "panels.png", "pdf_output": tmp_path / "panels.pdf"}
    stage.figures(**results, **outputs, settings=Settings(panels=2))
    assert set(drawn) == set(outputs.values())
    columns, panels = drawn[tmp_path / "panels.png"]
    assert columns == ["image", "vit\nCAM", "ours\nOR", "ours\npseudo mask", "ground truth"]
    assert [panel.label for panel in panels] == ["a\ncat", "b\ncat"]
    for panel, size in zip(panels, ((12, 16), (16, 12)), strict=True):
        assert [picture.shape for picture in panel.pictures] == [(*size, 3)] * 5
    np.testing.assert_array_equal(panels[0].pictures[4][0, 0], [128, 0, 0])


def test_without_true_masks_the_column_is_left_out(results, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(stage, "draw_panels", lambda path, columns, panels: drawn.update(columns=columns))
    outputs = {"panels_output": tmp_path / "panels.png", "pdf_output": tmp_path / "panels.pdf"}
    stage.figures(**results | {"ground_truth": []}, **outputs, settings=Settings(panels=1))
    assert drawn["columns"][-1] == "ours\npseudo mask"


def test_the_stage_writes_pictures(results, tmp_path):
    outputs = {"panels_output": tmp_path / "panels.png", "pdf_output": tmp_path / "panels.pdf"}
    stage.figures(**results, **outputs, settings=Settings(panels=1))
    assert all(path.stat().st_size > 1000 for path in outputs.values())
