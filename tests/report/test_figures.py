"""Figures: equal bytes from equal input, sizes, colours, and the stage from files to pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from orandnet.files.mask import write_mask, write_mask_list
from orandnet.files.store import Cam, write_shard
from orandnet.maps.pictures import heat_map, mask_colors
from orandnet.report import stage
from orandnet.report.figures import Panel, draw_curves, draw_panels
from orandnet.report.settings import Settings

THRESHOLDS = np.linspace(0, 1, 11)


def curve(height):
    hump = height * np.exp(-((THRESHOLDS - 0.3) ** 2) * 10)
    return np.stack([THRESHOLDS, hump, 20 + 70 * THRESHOLDS, 90 - 80 * THRESHOLDS])


def panel(label="image_1\ncat"):
    generator = np.random.default_rng(0)
    return Panel(label, [generator.integers(0, 255, (24, 32, 3), dtype=np.uint8) for _ in range(3)])


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_input_gives_the_same_bytes(tmp_path, suffix):
    for name in "ab":
        draw_curves(tmp_path / f"curves_{name}{suffix}", {"vit": [curve(40), curve(42)], "ours": [curve(50)]})
        draw_panels(tmp_path / f"panels_{name}{suffix}", ["image", "OR", "mask"], [panel()])
    for kind in ("curves", "panels"):
        first, second = (tmp_path / f"{kind}_{name}{suffix}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_pictures_stay_below_1600_pixels_in_height(tmp_path):
    tall = Panel("COCO_train2014_000000123456\ncat\ndog", [np.zeros((90, 30, 3), dtype=np.uint8)] * 12)
    draw_panels(tmp_path / "panels.png", [f"method {k}\nCAM" for k in range(12)], [tall] * 8)
    draw_curves(tmp_path / "curves.png", {f"method {k}": [curve(k)] for k in range(16)})
    for name in ("panels", "curves"):
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.height <= 1600


def test_undefined_points_leave_a_gap_and_no_warning(tmp_path):
    broken = curve(40)
    broken[1:, 8:] = np.nan
    nothing = np.full_like(broken, np.nan)
    nothing[0] = THRESHOLDS
    draw_curves(tmp_path / "curves.png", {"vit": [broken, curve(30)], "none": [nothing]})


def test_other_kinds_of_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"use \.png, \.svg or \.pdf"):
        draw_curves(tmp_path / "curves.jpg", {"vit": [curve(40)]})


def test_a_heat_map_is_warm_where_the_score_is_high():
    rgb = np.full((1, 2, 3), 128, dtype=np.uint8)
    cold, warm = heat_map(rgb, np.array([[0.0, 0.95]]))[0].astype(int)
    assert warm[0] > warm[2]
    assert cold[2] >= cold[0]
    np.testing.assert_array_equal(heat_map(rgb, np.array([[-1.0, 2.0]])), heat_map(rgb, np.array([[0.0, 1.0]])))


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
    files = {"curves": [], "cams": [], "masks": []}
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
        for method in ("vit", "ours-or"):
            path = tmp_path / f"evaluation/cam/{method}/seed{seed}/curve.csv"
            path.parent.mkdir(parents=True)
            path.write_text("background_threshold,miou,precision,recall\n0.0,10,20,30\n1.0,15,,5\n")
            files["curves"].append(path)
    return files | {"index": tmp_path / "index.csv", "ground_truth": tmp_path / "ground_truth.json"}


def test_the_stage_draws_both_figures_from_files(results, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(stage, "draw_curves", lambda path, curves: drawn.update(curves=curves))
    monkeypatch.setattr(
        stage, "draw_panels", lambda path, columns, panels: drawn.update(columns=columns, panels=panels)
    )
    outputs = {"curves_output": tmp_path / "curves.png", "panels_output": tmp_path / "panels.png"}
    stage.figures(**results, **outputs, settings=Settings(panels=2))
    assert {label: len(seeds) for label, seeds in drawn["curves"].items()} == {"vit": 2, "ours OR": 2}
    assert np.isnan(drawn["curves"]["vit"][0][2, 1])
    assert drawn["columns"] == ["image", "vit\nCAM", "ours\nOR", "ours\npseudo mask", "ground truth"]
    assert [panel.label for panel in drawn["panels"]] == ["a\ncat", "b\ncat"]
    for panel, size in zip(drawn["panels"], ((12, 16), (16, 12)), strict=True):
        assert [picture.shape for picture in panel.pictures] == [(*size, 3)] * 5
    np.testing.assert_array_equal(drawn["panels"][0].pictures[4][0, 0], [128, 0, 0])


def test_the_stage_writes_pictures(results, tmp_path):
    outputs = {"curves_output": tmp_path / "curves.svg", "panels_output": tmp_path / "panels.png"}
    stage.figures(**results, **outputs, settings=Settings(panels=1))
    assert all(path.stat().st_size > 1000 for path in outputs.values())
