"""The example for one's own data, run as it is: images and a CSV, no masks, and with masks."""

import csv
import re

import pytest
import yaml
from PIL import Image

from orandnet.dataset.scenes.images import draw
from orandnet.dataset.settings import Scenes
from orandnet.files.mask import read_mask, write_mask

pytestmark = pytest.mark.pipeline

CUSTOM = "config/custom.yaml"
TRAIN, VAL = range(18), range(18, 24)
SCENES = Scenes(size=64)


def write_data(checkout):
    """Write images, labels.csv and masks into the folders that the example names."""
    folder = checkout.folder / "data" / "my_data"
    (folder / "images").mkdir(parents=True)
    rows = ["image_id,labels,split"]
    for number in (*TRAIN, *VAL):
        scene = draw("train", number, SCENES)
        name = f"{number:04d}"
        Image.fromarray(scene.rgb).save(folder / "images" / f"{name}.jpg")
        write_mask(folder / "masks" / f"{name}.png", scene.mask)
        rows.append(f"{name},{';'.join(scene.labels)},{'train' if number in TRAIN else 'val'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def table(checkout, name):
    with (checkout.folder / "results" / "custom" / "tables" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_without_masks_the_example_gives_pseudo_masks_and_predictions_and_says_that_nothing_was_scored(fresh):
    folder = write_data(fresh)
    fresh.run("--cores", 2, "--configfile", CUSTOM)
    results = fresh.folder / "results" / "custom"
    pseudo = sorted(path.stem for path in (results / "pseudo_mask/ours+irn/seed0").glob("*.png"))
    assert pseudo == [f"{number:04d}" for number in TRAIN]
    for variant in ("ss", "ms_crf"):
        predicted = results / "prediction/ours/scale/seed0/val" / variant
        assert sorted(path.stem for path in predicted.glob("*.png")) == [f"{number:04d}" for number in VAL]
    with Image.open(folder / "images" / "0020.jpg") as image:
        assert read_mask(predicted / "0020.png").shape == image.size[::-1]
    assert not (results / "evaluation").exists()
    for name in ("table1_pseudo_masks", "table2_segmentation"):
        rows = table(fresh, name)
        assert rows
        assert {row["num_seeds"] for row in rows} == {"0"}
        assert {value for row in rows for key, value in row.items() if key not in ("method", "num_seeds")} == {""}
    page = (results / "report.html").read_text()
    assert "nothing was scored" in page
    assert page.count("<img ") > 50
    assert "ground truth" not in re.findall(r"<figcaption>([^<]+)", page)
    assert (results / "figures/panels_ours.png").is_file()
    assert (results / "figures/trainings.pdf").is_file()
    assert fresh.planned("--configfile", CUSTOM) == {}


def test_with_masks_the_example_is_scored(fresh):
    content = yaml.safe_load((fresh.folder / CUSTOM).read_text())
    content["dataset"]["masks"] = "data/my_data/masks"
    jobs = fresh.planned("--configfile", fresh.write_config(content))
    assert jobs["evaluation_cam"] == 6
    assert jobs["evaluation_prediction"] == jobs["figures"] == 1
