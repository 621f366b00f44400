"""The example of the README, run as it stands there."""

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from checkout import ROOT, Checkout, started
from orandnet.files.mask import write_mask

pytestmark = pytest.mark.pipeline

HEADING = "## With the CAMs of your own method"
SIZE = (36, 44)
# the published ORANDNet starts from weights that a test must not fetch; a small one takes its place
SMALL = 'orandnet={"architecture": "unet", "width": 8, "crop_size": 8, "training": {"epochs": 1, "batch_size": 8}}'


def block(language: str) -> str:
    """Return the first block of a language under the heading."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split(HEADING)[1].split("\n## ")[0]
    return re.search(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)[1]


def write_image(root: Path, image_id: str, class_id: int, name: str) -> None:
    """Write an image with one object, its mask and its annotation."""
    mask = np.zeros(SIZE, np.uint8)
    mask[8:24, 8:32] = class_id
    noise = np.random.default_rng(class_id).integers(0, 200, (*SIZE, 3))
    rgb = noise + 50 * (mask > 0)[..., None]
    Image.fromarray(rgb.astype(np.uint8)).save(root / "JPEGImages" / f"{image_id}.jpg")
    write_mask(root / "SegmentationClassAug" / f"{image_id}.png", mask)
    xml = f"<annotation><object><name>{name}</name></object></annotation>"
    (root / "Annotations" / f"{image_id}.xml").write_text(xml)


def write_data(root: Path, names: list[str]) -> list[str]:
    """Write a folder in VOC layout, one image per class in train_aug and one in val; return the ids of train_aug."""
    for folder in ("JPEGImages", "SegmentationClassAug", "Annotations", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    ids = [f"2007_{number:06}" for number in range(1, len(names) + 2)]
    for number, image_id in enumerate(ids):
        class_id = number % len(names) + 1
        write_image(root, image_id, class_id, names[class_id - 1])
    for split, members in {"train": ids[:10], "train_aug": ids[:-1], "val": ids[-1:]}.items():
        (root / "ImageSets/Segmentation" / f"{split}.txt").write_text("\n".join(members) + "\n")
    return ids[:-1]


def write_cams(folder: Path, image_ids: list[str], *, is_amn: bool) -> None:
    """Write maps that find the object, as AMN or as MCTformer does; image number k shows class k alone."""
    folder.mkdir(parents=True)
    for number, image_id in enumerate(image_ids):
        scores = np.random.default_rng(number + 100 * is_amn).random(SIZE, dtype=np.float32) * 0.2
        scores[8:24, 8:32] += 0.7
        content = {number: scores}
        if is_amn:
            content = {"keys": np.array([number]), "cam": None, "high_res": np.stack([1 - scores, scores])}
        np.save(folder / f"{image_id}.npy", content, allow_pickle=True)


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> tuple[Checkout, list[str]]:
    """Return a checkout with the README's config and the data it names, and the command's arguments."""
    checkout = Checkout(tmp_path_factory.mktemp("readme") / "checkout")
    config = yaml.safe_load(block("yaml"))
    (checkout.folder / "own.yaml").write_text(block("yaml"))
    ids = write_data(checkout.folder / config["dataset"]["root"], config["dataset"]["classes"])
    for source in config["sources"].values():
        write_cams(checkout.folder / source["path"], ids, is_amn=source["format"] == "amn")
    command = shlex.split(block("bash"), comments=True)
    assert command[:2] == ["snakemake", "--cores"]
    return checkout, [*command[1:], "--config", SMALL]


def test_a_missing_file_is_named_before_any_job_runs(example):
    checkout, command = example
    file = checkout.folder / "data/own_cams/2007_000003.npy"
    content = file.read_bytes()
    file.unlink()
    code, printed = checkout.snakemake(*command)
    file.write_bytes(content)
    assert code == 1
    assert "sources.own: data/own_cams: has 19 files <id>.npy, and none for 1 of 20 training images" in printed
    assert "2007_000003" in printed
    assert not (checkout.folder / "results/own").exists()


def test_the_example_fills_table_1_from_the_files_alone(example):
    checkout, command = example
    printed = checkout.run(*command)
    assert "classifier" not in started(printed)
    with (checkout.folder / "results/own/tables/table1_pseudo_masks.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["threshold_rule"] == "best_miou"]
    assert [row["method"] for row in rows] == ["own", "amn", "naive", "ours"]
    found = {row["method"]: float(row["miou"]) for row in rows}
    assert min(found["own"], found["amn"], found["naive"]) > 75  # the maps find the objects
    assert (checkout.folder / "results/own/figures/panels_ours.png").is_file()
    assert checkout.planned(*command) == {}
