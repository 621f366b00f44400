"""COCO's annotations become labels and masks."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as rle

from orandnet.dataset.index import read_index
from orandnet.dataset.layouts.coco import draw_coco_masks, read_coco_names, write_coco_labels
from orandnet.dataset.layouts.coco_annotations import Instance, Picture, read_annotations
from orandnet.dataset.layouts.coco_masks import draw_mask, run_lengths
from orandnet.dataset.settings import MaskSettings, Settings
from orandnet.dataset.stage import make_all
from orandnet.files.mask import read_mask, write_mask
from whole_dataset import survey, true_masks, whole

SIZE = (20, 30)
# ids have gaps, as in COCO, and stand in no order
CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
PERSON, DOG, BRUSH = 1, 2, 3
CLASS_IDS = {1: PERSON, 18: DOG, 90: BRUSH}


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
    mask = draw_mask(read_annotations(path_of(settings.root, "train")).pictures[0], CLASS_IDS)
    assert mask[4, 4] == DOG
    assert mask[1, 1] == mask[9, 15] == PERSON
    assert mask[15, 2] == 255  # the crowd, where no instance is
    assert mask[15, 10] == 0
    assert (mask == DOG).sum() == 36


def test_polygons_and_both_kinds_of_run_lengths_are_read(settings):
    mask = draw_mask(read_annotations(path_of(settings.root, "train")).pictures[1], CLASS_IDS)
    expected = np.zeros(SIZE, np.uint8)
    expected[:, :3], expected[:, 10:] = BRUSH, DOG
    np.testing.assert_array_equal(mask, expected)


def test_masks_of_another_maker_are_taken_instead(settings, tmp_path):
    given = Settings(**{**settings.model_dump(), "masks": "SegmentationClass"})
    for row in survey(settings).rows:
        write_mask(settings.root / "SegmentationClass" / f"{row['image_id']}.png", np.full(SIZE, BRUSH, np.uint8))
    make_all(tmp_path / "out", given)
    assert sorted(path.name for path in (tmp_path / "out" / "coco").iterdir()) == ["categories.json", "labels.csv"]
    assert whole(tmp_path / "out").num_masks == 3
    assert (true_masks(tmp_path / "out").read("COCO_train2014_000000000009") == BRUSH).all()


def test_a_limit_takes_the_first_images_of_each_split(settings, tmp_path):
    make_all(tmp_path / "out", Settings(**{**settings.model_dump(), "limit": 1}))
    masks = tmp_path / "out" / "coco" / "masks"
    names = sorted(path.stem for path in masks.iterdir())
    assert names == ["COCO_train2014_000000000009", "COCO_val2014_000000000042"]
    assert read_mask(masks / f"{names[0]}.png")[4, 4] == DOG


def convert(folder, settings):
    """Write labels and all masks, and return the class names."""
    labels = folder / "labels.csv"
    write_coco_labels(labels, settings)
    its = settings.narrowed_to(MaskSettings)
    ids = {row[0] for row in rows_of(folder)}
    for part in ("train_aug", "val"):
        draw_coco_masks(folder / "masks", its, labels, part=part, image_ids=ids, threads=1)
    return read_coco_names(labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda its: its.pop("categories"), "has no list 'categories' of objects"),
        (lambda its: its.update(images=3), "has no list 'images' of objects"),
        (lambda its: its["categories"].pop(), "the annotation 5 has the category 18, which `categories` lacks"),
        (lambda its: its["categories"][0].update(id=1), "two categories have one id"),
        (lambda its: its["images"][0].update(id=9), "two images have one id"),
        (lambda its: its["images"][0].update(id=True), "images: has the id True; write an integer"),
        (lambda its: its["images"][1].update(height="high"), "has the height 'high', which is no number"),
        (lambda its: its["images"][1].update(height=float("inf")), "has the height inf, which is no number"),
        (lambda its: its["images"][1].update(width=1e9), "has height and width (20.0, 1000000000.0)"),
        (lambda its: its["images"][1].update(file_name=None), "has the file_name None; write the name"),
        (lambda its: its["annotations"][0].update(area="large"), "annotation 5 has the area 'large'"),
        (lambda its: its["annotations"][0].update(bbox=[1, 2]), "has the bbox [1, 2]; write [x, y, width, height]"),
        (lambda its: its["annotations"][0].pop("image_id"), "annotation 5: has the image_id None"),
        (
            lambda its: its["annotations"][0].pop("segmentation"),
            "annotation 5 cannot be drawn (has neither outline nor",
        ),
        (
            lambda its: its["annotations"][0].update(segmentation=[], bbox=[2, 2, 6, 6]),
            "has a box and no outline; dataset.coco.boxes: ignore",
        ),
        (lambda its: its["annotations"][0].update(segmentation=[[1, 2, 3, 4, 5, "x"]]), "annotation 5 cannot be drawn"),
        (
            lambda its: its["annotations"][0].update(segmentation=[[1, 2, 3, 4, 5, 1e30]]),
            "no list of x and y in pixels",
        ),
        (
            lambda its: its["annotations"][0].update(segmentation=[[1, 2, 3, 4, 5, 6, 7]]),
            "no list of x and y in pixels",
        ),
        (
            lambda its: its["annotations"][0].update(segmentation={"counts": [3, 4], "size": [1, 1]}),
            "of the size [1, 1]",
        ),
        (
            lambda its: its["annotations"][0].update(segmentation={"counts": [3], "size": [20, 30]}),
            "add up to 3, not to",
        ),
        (lambda its: its["annotations"][0].update(segmentation={"counts": "~~~", "size": [20, 30]}), "are damaged"),
        (lambda its: its["images"].append({**its["images"][0], "id": 99}), None),  # not annotated: no image of ours
        (lambda its: its["annotations"].append({**its["annotations"][0], "image_id": 77}), None),  # said
    ],
)
def test_faulty_annotations_are_named(settings, tmp_path, change, message):
    edit(settings, "train", change)
    if message is None:
        convert(tmp_path / "out", settings)
        return
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        convert(tmp_path / "out", settings)
    assert "; " in str(error.value)
    assert "train2014" in str(error.value)


def test_two_files_with_other_categories_are_refused(settings, tmp_path):
    edit(settings, "val", lambda content: content["categories"][0].update(name="brush"))
    with pytest.raises(ValueError, match=r"val2014\.json: calls the category 90 'brush', another file 'toothbrush'; "):
        convert(tmp_path / "out", settings)


def rows_of(folder):
    return [line.split(",") for line in (folder / "labels.csv").read_text().splitlines()[1:]]


def as_written_by_other_tools(content):
    """Numbers as text or with a fraction, no areas and crowds, an empty root category, a stroke of two points."""
    for image in content["images"]:
        image.update(height=float(SIZE[0]), width=str(SIZE[1]), id=str(image["id"]))
    for one in content["annotations"]:
        one["category_id"] = float(one["category_id"])
        one["area"] = None
        if not one["iscrowd"]:
            del one["iscrowd"]
    content["categories"].append({"id": 0, "name": "objects", "supercategory": "none"})
    content["annotations"].append(instance(99, 9, 90, [[1, 1, 5, 5]], 0))


def test_files_of_other_tools_mean_the_same(settings, tmp_path, capsys):
    before = convert(tmp_path / "first", settings)
    edit(settings, "train", as_written_by_other_tools)
    after = convert(tmp_path / "second", settings)
    assert before == after == ["person", "dog", "toothbrush"]
    for name in ("COCO_train2014_000000000009", "COCO_train2014_000000000012"):
        first, second = (read_mask(tmp_path / folder / "masks" / f"{name}.png") for folder in ("first", "second"))
        np.testing.assert_array_equal(first, second)
    assert rows_of(tmp_path / "second")[0][1] == "person;dog;toothbrush"  # the stroke is a label all the same
    said = capsys.readouterr().err
    assert "1 categories without annotations are no classes: objects" in said
    assert "1 outlines of fewer than three points are left out of the masks; their labels are kept" in said


def test_boxes_without_outlines_are_ignored_pixels_if_asked(settings, tmp_path):
    edit(settings, "train", lambda its: its["annotations"][0].update(segmentation=[], bbox=[25.5, 15, 9, 9]))
    given = Settings(**{**settings.model_dump(), "coco": {"boxes": "ignore"}})
    convert(tmp_path / "out", given)
    mask = read_mask(tmp_path / "out" / "masks" / "COCO_train2014_000000000009.png")
    assert (mask[15:, 25:] == 255).all()
    assert mask[4, 4] == PERSON  # the dog's outline is gone
    assert rows_of(tmp_path / "out")[0][1] == "person;dog"


def write_own(root, layout):
    """One JSON per split, images in folders of their own, some names twice; return the settings that read them."""
    parts = {}
    for split, (folder, names) in layout.items():
        for name in names:
            path = root / folder / name.replace("\\", "/").rsplit("/", 1)[-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((*SIZE, 3), len(parts), np.uint8)).save(path)
        images = [{"id": n, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for n, name in enumerate(names)]
        annotations = [instance(n, n, 1 + n % 2, box(2, 2, 8, 8), 36) for n in range(len(names))]
        categories = [{"id": 1, "name": "cup"}, {"id": 2, "name": "jug"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / folder / "_annotations.coco.json").write_text(json.dumps(content))
        parts[split] = {"annotations": f"{folder}/_annotations.coco.json", "images": folder}
    return Settings(kind="coco", root=root, coco={"val": None, **parts})


def test_own_files_of_any_name_are_splits(tmp_path):
    layout = {
        "train": ("Train set", ["1.jpg", "IMG (2).jpg", "https://host/upload/3.jpg"]),
        "val": ("valid", ["1.jpg", "C:\\data\\9.jpg"]),
    }
    settings = write_own(tmp_path / "own", layout)
    convert(tmp_path / "out", settings)
    assert [(row[0], row[2], row[3]) for row in rows_of(tmp_path / "out")] == [
        ("Train set_1", "train", "Train set/1.jpg"),  # there are two 1.jpg
        ("IMG (2)", "train", "Train set/IMG (2).jpg"),
        ("3", "train", "Train set/3.jpg"),
        ("valid_1", "val", "valid/1.jpg"),
        ("9", "val", "valid/9.jpg"),
    ]
    assert [(row["image_id"], row["split"]) for row in survey(settings).rows] == [
        ("Train set_1", "train"),
        ("IMG (2)", "train"),
        ("3", "train"),
        ("valid_1", "val"),
        ("9", "val"),
    ]


def test_one_file_is_split_where_there_is_no_other(tmp_path):
    settings = write_own(tmp_path / "own", {"train": ("all", [f"{n}.jpg" for n in range(1, 7)])})
    convert(tmp_path / "out", settings)
    assert [row[0] for row in rows_of(tmp_path / "out") if row[2] == "val"] == ["5"]


def test_a_category_that_no_training_image_shows_is_refused_or_left_out(settings, tmp_path):
    edit(
        settings, "train", lambda its: its.update(annotations=[a for a in its["annotations"] if a["category_id"] < 90])
    )
    with pytest.raises(ValueError, match="no training image shows toothbrush, which another split does; "):
        convert(tmp_path / "out", settings)
    given = Settings(**{**settings.model_dump(), "other_mask_ids": "ignore"})
    assert convert(tmp_path / "out", given) == ["person", "dog"]
    assert set(np.unique(read_mask(tmp_path / "out" / "masks" / "COCO_val2014_000000000042.png"))) == {255}


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12))
def test_compressed_run_lengths_are_those_of_cocos_own_code(lengths):
    total = sum(lengths)
    runs = rle.frPyObjects({"size": [1, max(total, 1)], "counts": lengths}, 1, max(total, 1))
    assert run_lengths(runs["counts"].decode()) == lengths


@given(st.text(max_size=12))
def test_no_text_of_run_lengths_reaches_cocos_code_unchecked(text):
    segmentation = {"size": list(SIZE), "counts": text}
    picture = Picture("a.jpg", SIZE, (Instance(1, 1, None, False, segmentation, None),))
    try:
        mask = draw_mask(picture, {1: 1})
    except ValueError as error:
        mask, said = None, str(error)
    assert "the annotation 1 cannot be drawn" in said if mask is None else mask.shape == SIZE


def test_missing_annotations_are_named(settings, tmp_path):
    path_of(settings.root, "val").unlink()
    with pytest.raises(ValueError, match=r"instances_val2014\.json: there is no such file, needed for dataset\.kind"):
        make_all(tmp_path / "out", settings)
