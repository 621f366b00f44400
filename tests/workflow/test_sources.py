"""The example of docs/sources.md, run as it stands there, with small files in the form of CLIP-ES."""

import csv
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

from checkout import ROOT, Checkout, started
from orandnet.cam.settings import PRESETS
from orandnet.config.sections import Config, load
from orandnet.files.mask import write_mask

PAGE = (ROOT / "docs/sources.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.split('## From "I ran CLIP-ES"')[1].split("\n## ")[0]
SIZE = (36, 44)
# image -> ids of its objects, left and right
TRAIN = {f"2007_0000{32 + number}": (2 * number + 1, 2 * number + 2) for number in range(10)}
VAL = {"2007_000061": (1,)}
# networks that start from weights which a test must not fetch
SMALL = {
    "classifier": {
        "backbone": {"model": "test_resnet", "pretrained": False},
        "resize_long": [44, 44],
        "crop_size": 32,
        "training": {"epochs": 1, "batch_size": 4},
    },
    "cam": {"scales": [1.0]},
    "orandnet": {"architecture": "unet", "width": 8, "crop_size": 8, "training": {"epochs": 1, "batch_size": 4}},
}


def block(text: str, language: str) -> str:
    return re.search(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)[1]


def sources_of_the_table():
    lines = re.findall(r"`(\w+: \{kind: import.*?\})`", PAGE)
    return {line: yaml.safe_load(line) for line in lines}


def test_the_lines_of_the_table_are_sources_and_every_preset_stands_in_it():
    found = sources_of_the_table()
    assert len(found) >= 12
    for source in found.values():
        assert Config(sources=source).imported == list(source)
    formats = {given["format"] for source in found.values() for given in source.values()}
    assert formats >= {*PRESETS, "class_maps", "hard_png", "dict"}


def test_the_other_blocks_of_the_page_are_parts_of_a_config():
    parts = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(parts) == 3
    merged = {key: value for part in parts for key, value in yaml.safe_load(part).items()}
    config = load(merged | {"ensembles": {}})
    assert list(config.predictions) == ["weclip", "fma"]


def write_data(root):
    """Write a folder in VOC layout with one or two objects in each image."""
    names = yaml.safe_load(block(EXAMPLE, "yaml"))["dataset"]["classes"]
    for folder in ("JPEGImages", "SegmentationClassAug", "Annotations", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for image_id, ids in {**TRAIN, **VAL}.items():
        mask = true_mask(ids)
        rgb = np.random.default_rng(ids[0]).integers(0, 200, (*SIZE, 3)) + 50 * (mask > 0)[..., None]
        Image.fromarray(rgb.astype(np.uint8)).save(root / f"JPEGImages/{image_id}.jpg")
        write_mask(root / f"SegmentationClassAug/{image_id}.png", mask)
        objects = "".join(f"<object><name>{names[class_id - 1]}</name></object>" for class_id in ids)
        (root / f"Annotations/{image_id}.xml").write_text(f"<annotation>{objects}</annotation>")
    for split, ids in {"train": [*TRAIN], "train_aug": TRAIN, "val": VAL}.items():
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(ids) + "\n")


def true_mask(ids):
    mask = np.zeros(SIZE, np.uint8)
    for number, class_id in enumerate(ids):
        mask[8:28, 4 + 20 * number : 20 + 20 * number] = class_id
    return mask


def write_clip_es(folder):
    """Write maps at the images' size in half precision, each from 0 to 1, which find the objects."""
    folder.mkdir(parents=True)
    for number, (image_id, ids) in enumerate(TRAIN.items()):
        noise = np.random.default_rng(number).random((len(ids), *SIZE)) * 0.3
        maps = np.stack([noise[row] + 0.7 * (true_mask(ids) == class_id) for row, class_id in enumerate(ids)])
        low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
        content = {"keys": np.array(ids) - 1, "attn_highres": ((maps - low) / (high - low)).astype(np.float16)}
        np.save(folder / f"{image_id}.npy", content, allow_pickle=True)


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> dict[str, str]:
    """Return what each of the five commands printed, run in order in a checkout with the data and files they name."""
    checkout = Checkout(tmp_path_factory.mktemp("sources") / "checkout")
    config = block(EXAMPLE, "yaml")
    (checkout.folder / "clip_es.yaml").write_text(config)
    (checkout.folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    write_data(checkout.folder / yaml.safe_load(config)["dataset"]["root"])
    write_clip_es(checkout.folder / yaml.safe_load(config)["sources"]["clip_es"]["path"])
    found = {}
    for line in block(EXAMPLE, "bash").splitlines():
        program, *arguments = shlex.split(line.replace("clip_es.yaml", "clip_es.yaml small.yaml"), comments=True)
        if program == "snakemake":
            found[line] = checkout.run(*arguments)
        else:
            command = [sys.executable, checkout.folder / "workflow/orandnet", *arguments]
            done = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            found[line] = done.stdout
    found["rows"] = (checkout.folder / "results/clip_es/tables/table1_pseudo_masks.csv").read_text()
    return found


@pytest.mark.pipeline
def test_five_commands_lead_from_the_files_of_clip_es_to_table_1(printed):
    rows = [row for row in csv.DictReader(printed.pop("rows").splitlines()) if row["threshold_rule"] == "otsu"]
    assert [row["method"] for row in rows] == ["clip_es", "resnet50", "ours"]
    assert float(rows[0]["miou"]) > 75  # the maps find the objects
    formats, checked, made, shown, masks = printed.values()
    assert "format: clip_es reads it" in formats
    assert "  clip_es: {kind: import, path: data/clip_es, format: clip_es}" in formats.splitlines()
    assert "nothing is wrong" in checked
    assert "cam_import" in started(made)
    assert "Table 1" in shown
    assert "pseudo_mask" in started(masks)
