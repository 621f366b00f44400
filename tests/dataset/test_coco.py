"""COCO's annotations become labels and masks."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle

from orandnet.dataset.index import read_index
from orandnet.dataset.layouts.coco import draw_mask
from orandnet.dataset.layouts.coco_annotations import read_instances
from orandnet.dataset.settings import Settings
from orandnet.dataset.stage import make_all
from orandnet.files.mask import read_mask, write_mask
from whole_dataset import survey, true_masks, whole

SIZE = (20, 30)
# ids have gaps, as in COCO, and stand in no order
CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
PERSON, DOG, BRUSH = 1, 2, 3


def box(top, left, bottom, right):
    return [[left, top, right, top, right, bottom, left, bottom]]


def crowd(columns):
    """Run lengths, column by column, of the first columns."""
    return {"size": list(SIZE), "counts": [0, columns * SIZE[0], (SIZE[1] - columns) * SIZE[0]]}


def instance(number, image, category, segmentation, area, iscrowd=0):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "area": area,
        "iscrowd": iscrowd,
    }


def compressed(segmentation):
    runs = rle.frPyObjects(segmentation, *SIZE)
    return {"size": runs["size"], "counts": runs["counts"].decode()}


ANNOTATIONS = {
    "train": [
        instance(5, 9, 18, box(2, 2, 8, 8), 36),  # a dog on a person
        instance(6, 9, 1, box(0, 0, 10, 20), 200),
        instance(7, 9, 1, crowd(5), 100, iscrowd=1),
        instance(8, 12, 90, compressed(crowd(3)), 60),
        instance(9, 12, 18, box(0, 10, 20, 30), 400),
    ],
    "val": [instance(1, 42, 1, crowd(30), 600, iscrowd=1), instance(2, 42, 90, box(5, 5, 10, 10), 25)],
}
IMAGES = {"train": (12, 9, 25), "val": (42, 73)}  # 25 and 73 are not annotated


@pytest.fixture
def settings(tmp_path):
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    for split, numbers in IMAGES.items():
        (root / f"{split}2014").mkdir()
        names = {number: f"COCO_{split}2014_{number:012d}.jpg" for number in numbers}
        for name in names.values():
            Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(root / f"{split}2014" / name)
        images = [{"id": n, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for n, name in names.items()]
        write(root, split, {"images": images, "annotations": ANNOTATIONS[split], "categories": CATEGORIES})
    return Settings(kind="coco", root=root)


def path_of(root, split):
    return root / "annotations" / f"instances_{split}2014.json"


def write(root, split, content):
    path_of(root, split).write_text(json.dumps(content))


def edit(settings, split, change):
    content = json.loads(path_of(settings.root, split).read_text())
    change(content)
    write(settings.root, split, content)


def test_the_index_has_the_annotated_images_with_all_their_categories(settings, tmp_path):
    out = tmp_path / "out"
    sizes = {"train": 2, "train_aug": 2, "val": 1}
    checked = Settings(**{**settings.model_dump(), "expected_sizes": sizes})
    make_all(out, checked, threads=2)
    index = read_index(out / "index.csv")
    assert index.class_names == ("person", "dog", "toothbrush")
    assert [(record.image_id, record.split, record.classes) for record in index.records] == [
        ("COCO_train2014_000000000009", "train", (PERSON, DOG)),
        ("COCO_train2014_000000000012", "train", (DOG, BRUSH)),
        ("COCO_val2014_000000000042", "val", (PERSON, BRUSH)),
    ]
    true = true_masks(out, "val").read("COCO_val2014_000000000042")
    assert true.shape == SIZE
    assert set(np.unique(true)) == {BRUSH, 255}
    assert "masks" not in (out / "manifest.json").read_text()


def test_small_lies_over_large_and_both_over_crowds(settings):
    _, pictures = read_instances(path_of(settings.root, "train"))
    mask = draw_mask(pictures[0])
    assert mask[4, 4] == DOG
    assert mask[1, 1] == mask[9, 15] == PERSON
    assert mask[15, 2] == 255  # the crowd, where no instance is
    assert mask[15, 10] == 0
    assert (mask == DOG).sum() == 36


def test_polygons_and_both_kinds_of_run_lengths_are_read(settings):
    _, pictures = read_instances(path_of(settings.root, "train"))
    mask = draw_mask(pictures[1])
    expected = np.zeros(SIZE, np.uint8)
    expected[:, :3], expected[:, 10:] = BRUSH, DOG
    np.testing.assert_array_equal(mask, expected)


def test_masks_of_another_maker_are_taken_instead(settings, tmp_path):
    given = Settings(**{**settings.model_dump(), "masks": "SegmentationClass"})
    for row in survey(settings).rows:
        write_mask(settings.root / "SegmentationClass" / f"{row['image_id']}.png", np.full(SIZE, 255, np.uint8))
    make_all(tmp_path / "out", given)
    assert sorted(path.name for path in (tmp_path / "out" / "coco").iterdir()) == ["categories.json", "labels.csv"]
    assert whole(tmp_path / "out").num_masks == 3
    assert (true_masks(tmp_path / "out").read("COCO_train2014_000000000009") == 255).all()


def test_a_limit_takes_the_first_images_of_each_split(settings, tmp_path):
    make_all(tmp_path / "out", Settings(**{**settings.model_dump(), "limit": 1}))
    masks = tmp_path / "out" / "coco" / "masks"
    names = sorted(path.stem for path in masks.iterdir())
    assert names == ["COCO_train2014_000000000009", "COCO_val2014_000000000042"]
    assert read_mask(masks / f"{names[0]}.png")[4, 4] == DOG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("categories"), "is no file of COCO instances (KeyError('categories'))"),
        (lambda content: content["categories"].pop(), "is no file of COCO instances (KeyError(18))"),
        (lambda content: content["categories"][0].update(name="brush"), "has other categories than that of train"),
        (
            lambda content: content["annotations"][0].update(segmentation={"counts": [3, 4], "size": [1, 1]}),
            "COCO_val2014_000000000042: the annotation 1 cannot be drawn",
        ),
    ],
)
def test_faulty_annotations_are_named(settings, tmp_path, change, message):
    edit(settings, "val" if "train" in message or "val" in message else "train", change)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        make_all(tmp_path / "out", settings)
    assert "download" in str(error.value) or "release" in str(error.value)


def test_missing_annotations_are_named(settings, tmp_path):
    path_of(settings.root, "val").unlink()
    with pytest.raises(ValueError, match=r"instances_val2014\.json: there is no such file, needed for dataset\.kind"):
        make_all(tmp_path / "out", settings)
