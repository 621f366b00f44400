"""COCO's annotations become labels and masks."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as rle

from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import read_index
from orandnet.dataset.layouts.coco import convert_coco
from orandnet.dataset.layouts.coco_annotations import Instance, Picture, read_annotations
from orandnet.dataset.layouts.coco_masks import draw_mask
from orandnet.dataset.settings import Settings
from orandnet.dataset.stage import run
from orandnet.files.mask import read_mask

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
    outputs = [tmp_path / "out" / name for name in ("index.csv", "manifest.json", "ground_truth.json")]
    sizes = {"train": 2, "train_aug": 2, "val": 1}
    checked = Settings(**{**settings.model_dump(), "expected_sizes": sizes})
    run(output=outputs[0], manifest_output=outputs[1], ground_truth_output=outputs[2], settings=checked, threads=2)
    index = read_index(outputs[0])
    assert index.class_names == ("person", "dog", "toothbrush")
    assert [(record.image_id, record.split, record.classes) for record in index.records] == [
        ("COCO_train2014_000000000009", "train", (PERSON, DOG)),
        ("COCO_train2014_000000000012", "train", (DOG, BRUSH)),
        ("COCO_val2014_000000000042", "val", (PERSON, BRUSH)),
    ]
    truth = GroundTruth(outputs[0], outputs[2])
    true = truth.read("COCO_val2014_000000000042")
    assert true.shape == SIZE
    assert set(np.unique(true)) == {BRUSH, 255}
    assert "masks" not in outputs[1].read_text()


def drawn(settings, number, **options):
    picture = read_annotations(path_of(settings.root, "train")).pictures[number]
    return draw_mask(picture, {1: PERSON, 18: DOG, 90: BRUSH}, **{"boxes": "error", **options})


def test_small_lies_over_large_and_both_over_crowds(settings):
    mask = drawn(settings, 0)
    assert mask[4, 4] == DOG
    assert mask[1, 1] == mask[9, 15] == PERSON
    assert mask[15, 2] == 255  # the crowd, where no instance is
    assert mask[15, 10] == 0
    assert (mask == DOG).sum() == 36


def test_polygons_and_both_kinds_of_run_lengths_are_read(settings):
    mask = drawn(settings, 1)
    expected = np.zeros(SIZE, np.uint8)
    expected[:, :3], expected[:, 10:] = BRUSH, DOG
    np.testing.assert_array_equal(mask, expected)


def test_masks_of_another_maker_are_taken_instead(settings, tmp_path):
    given = Settings(**{**settings.model_dump(), "masks": "SegmentationClass"})
    converted = convert_coco(tmp_path / "out", given, threads=1)
    assert converted.masks == str(given.root / "SegmentationClass")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["labels.csv"]


def test_a_limit_takes_the_first_images_of_each_split(settings, tmp_path):
    convert_coco(tmp_path / "out", Settings(**{**settings.model_dump(), "limit": 1}), threads=1)
    names = sorted(path.stem for path in (tmp_path / "out" / "masks").iterdir())
    assert names == ["COCO_train2014_000000000009", "COCO_val2014_000000000042"]
    assert read_mask(tmp_path / "out" / "masks" / f"{names[0]}.png")[4, 4] == DOG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("categories"), "is no file of COCO instances (there is no 'categories')"),
        (
            lambda content: content["categories"].pop(1),
            "annotation 1: it is of the category 1, which `categories` lacks",
        ),
        (
            lambda content: content["categories"][0].update(name="brush"),
            "calls the category 90 'brush', and another split",
        ),
        (lambda content: content["images"][0].update(height="tall"), "height is 'tall', no number"),
        (lambda content: content["images"][0].update(height=480.5), "height is 480.5, no whole number"),
        (lambda content: content["images"][0].update(height=10**7, width=10**7), "10000000 x 10000000 pixels"),
        (lambda content: content["images"][1].update(id=42), "two images have the id 42"),
        (lambda content: content["annotations"][0].pop("category_id"), "annotation 1: there is no 'category_id'"),
        (lambda content: content["annotations"][0].update(segmentation=[["a"] * 6]), "a corner is 'a', no number"),
        (lambda content: content["annotations"][0].update(segmentation=[[1e9] * 6]), "a corner lies far outside"),
        (lambda content: content["annotations"][0].update(segmentation=[[float("nan")] * 6]), "a corner is 'nan', no"),
        (lambda content: content["annotations"].insert(0, "text"), "annotation number 0: "),
    ],
)
def test_faulty_annotations_are_named(settings, tmp_path, change, message):
    edit(settings, "val", change)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        convert_coco(tmp_path / "out", settings, threads=1)
    assert str(error.value).startswith(str(path_of(settings.root, "val")))
    assert "download" in str(error.value) or "release" in str(error.value)


@pytest.mark.parametrize(
    "content", ["", "{", "[" * 10**5, "3", "[]", '{"images": 3, "annotations": 3, "categories": 3}']
)
def test_what_is_no_file_of_coco_is_named(settings, content):
    path = path_of(settings.root, "val")
    path.write_text(content)
    with pytest.raises(ValueError, match=re.escape(f"{path}: is no ")):
        read_annotations(path)


RUNS = {
    "of another size": {"counts": [3, 4], "size": [1, 7]},
    "turned": {"counts": [600], "size": [30, 20]},
    "too few": {"counts": [3, 4], "size": list(SIZE)},
    "too many": {"counts": [0, 10**12], "size": list(SIZE)},
    "negative": {"counts": [700, -100], "size": list(SIZE)},
    "compressed, too many": {"counts": "0oooo0", "size": list(SIZE)},
    "compressed, cut off": {"counts": "oo", "size": list(SIZE)},
    "compressed, no such character": {"counts": "\x01", "size": list(SIZE)},
    "no counts": {"size": list(SIZE)},
    "text": "text",
}


@pytest.mark.parametrize("runs", RUNS)
def test_run_lengths_that_do_not_cover_the_image_are_refused_undrawn(settings, runs):
    edit(settings, "train", lambda content: content["annotations"][0].update(segmentation=RUNS[runs]))
    with pytest.raises(ValueError, match=r"COCO_train2014_000000000009.jpg: the annotation 5 cannot be drawn"):
        drawn(settings, 0)


def as_floats(content):
    for image in content["images"]:
        image.update(height=float(image["height"]), width=str(image["width"]))
    for one in content["annotations"]:
        one.update(id=float(one["id"]), category_id=str(one["category_id"]), area=None)
        one.pop("area" if one["id"] % 2 else "iscrowd", None)


def test_numbers_as_tools_write_them_are_read_and_areas_are_counted(settings, tmp_path):
    convert_coco(tmp_path / "plain", settings, threads=1)
    for split in IMAGES:
        edit(
            settings,
            split,
            lambda content: [one.pop("iscrowd") for one in content["annotations"] if not one["iscrowd"]],
        )
        edit(settings, split, as_floats) if split == "train" else None
    edit(settings, "train", lambda content: [one.update(iscrowd=int(one["id"] == 7)) for one in content["annotations"]])
    convert_coco(tmp_path / "tools", settings, threads=1)
    for path in (tmp_path / "plain/masks").iterdir():
        np.testing.assert_array_equal(read_mask(path), read_mask(tmp_path / "tools/masks" / path.name))


def test_polygons_without_an_area_are_left_out_and_counted(settings, tmp_path, capsys):
    edit(settings, "train", lambda content: content["annotations"][0]["segmentation"].append([1, 1, 2, 2]))
    convert_coco(tmp_path / "out", settings, threads=1)
    assert "instances_train2014.json: 1 polygons of fewer than three corners are not drawn" in capsys.readouterr().err
    assert (drawn(settings, 0) == DOG).sum() == 36


@pytest.mark.parametrize("outline", [None, [], {}, "absent"])
def test_an_object_with_a_box_alone_is_refused_where_the_mask_would_lack_its_class(settings, tmp_path, capsys, outline):
    def bare(content):
        one = content["annotations"][0]
        one.update(bbox=[2.5, 2, 6, 6], segmentation=outline)
        if outline == "absent":
            del one["segmentation"]

    edit(settings, "train", bare)
    with pytest.raises(ValueError, match=r"000009.jpg: the annotation 5 has no outline, .* dataset.boxes: ignore"):
        drawn(settings, 0)
    mask = drawn(settings, 0, boxes="ignore")
    assert (mask == PERSON).sum() == 200  # what is drawn lies over the box
    assert "1 objects without an outline are not drawn" not in capsys.readouterr().err
    convert_coco(tmp_path / "out", Settings(**{**settings.model_dump(), "boxes": "ignore"}), threads=1)
    assert "1 objects without an outline are not drawn; the images keep their labels" in capsys.readouterr().err
    assert "person;dog" in (tmp_path / "out/labels.csv").read_text()
    edit(settings, "train", lambda content: content["annotations"][1].update(category_id=18))  # another dog, outlined
    assert (drawn(settings, 0) == DOG).sum() == 200


def test_a_category_that_nothing_shows_is_no_class_and_said(settings, tmp_path, capsys):
    for split in IMAGES:
        edit(settings, split, lambda content: content["categories"].append({"id": 0, "name": "animals"}))
    edit(settings, "train", lambda content: content["annotations"].pop(3))  # brushes are left in val alone
    converted = convert_coco(tmp_path / "out", settings, threads=1)
    assert converted.classes == ["person", "dog"]
    assert "no training image shows animals, toothbrush: no class of this run" in capsys.readouterr().err
    assert set(np.unique(read_mask(tmp_path / "out/masks/COCO_val2014_000000000042.png"))) == {255}


def own(tmp_path, layout):
    """Write annotations as tools name them: `layout` is split -> (annotation file, folder of the images)."""
    for number, (file, folder) in enumerate(layout.values()):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        images = []
        for image in range(5):
            name = f"{image:04}.png"
            grey = np.full((*SIZE, 3), 20 * image + number, np.uint8)
            Image.fromarray(grey).save(tmp_path / folder / name)
            images.append({"id": image, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
        cats = [instance(image, image, 3 + image % 2, box(2, 2, 9, 9), 49) for image in range(5)]
        content = {
            "images": images,
            "annotations": cats,
            "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog"}],
        }
        (tmp_path / file).write_text(json.dumps(content))


LAYOUTS = {
    "beside the images": (
        {"train": ("train/_annotations.coco.json", "train"), "val": ("valid/_annotations.coco.json", "valid")},
        {"annotations": {"train": "train/_annotations.coco.json", "val": "valid/_annotations.coco.json"}},
    ),
    "in folders of their own": (
        {"train": ("labels/a.json", "pictures/a"), "val": ("labels/b.json", "pictures/b")},
        {
            "annotations": {"train": "labels/a.json", "val": "labels/b.json"},
            "images": {"train": "pictures/a", "val": "pictures/b"},
        },
    ),
    "one file": ({"all": ("annotations.json", "images")}, {"annotations": "annotations.json"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_annotations_of_one_s_own_are_read_wherever_they_lie(tmp_path, layout):
    files, keys = LAYOUTS[layout]
    own(tmp_path / "own", files)
    outputs = [tmp_path / "out" / name for name in ("index.csv", "manifest.json", "ground_truth.json")]
    settings = Settings(kind="coco", root=tmp_path / "own", **keys)
    run(output=outputs[0], manifest_output=outputs[1], ground_truth_output=outputs[2], settings=settings, threads=1)
    index = read_index(outputs[0])
    assert index.class_names == ("cat", "dog")
    train, val = index.subset("train"), index.subset("val")
    if layout == "one file":
        assert [record.image_id for record in val] == ["0004"]
        assert len(train) == 4
    else:  # the same names in both splits
        assert [record.image_id for record in train] == [f"train_{number:04}" for number in range(5)]
        assert [record.image_id for record in val] == [f"val_{number:04}" for number in range(5)]
        assert [read_rgb(record.image)[0, 0, 0] for record in val] == [1, 21, 41, 61, 81]
    assert GroundTruth(outputs[0], outputs[2]).read(val[0].image_id)[4, 4] == val[0].classes[0]


def test_an_image_that_is_not_there_is_named_with_the_key(tmp_path):
    own(tmp_path, {"all": ("a.json", "elsewhere")})
    with pytest.raises(ValueError, match=r"5 problems:.*\n.*a.json: its image 0000.png is not at .*dataset.images"):
        convert_coco(tmp_path / "out", Settings(kind="coco", root=tmp_path, annotations="a.json"), threads=1)


def test_a_file_name_cannot_lead_out_of_the_folder(tmp_path):
    own(tmp_path / "in", {"all": ("a.json", "images")})
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "0000x.png")
    content = json.loads((tmp_path / "in/a.json").read_text())
    content["images"][0]["file_name"] = "../0000x.png"
    (tmp_path / "in/a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"its image ../0000x.png is not at \S*in/0000x.png"):
        convert_coco(tmp_path / "out", Settings(kind="coco", root=tmp_path / "in", annotations="a.json"), threads=1)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kind": "folder", "labels": "a.csv", "boxes": "ignore"}, "go with kind: coco"),
        ({"kind": "coco", "images": "images"}, "images: goes with annotations"),
        ({"kind": "coco", "annotations": "a.json", "download": True}, "fetches COCO 2014"),
    ],
)
def test_keys_that_have_no_meaning_together_are_refused(keys, words):
    with pytest.raises(ValueError, match=words):
        Settings(root="data", **keys)


colors = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 19), st.integers(1, 9), st.integers(1, 9)), max_size=4)


@given(colors)
def test_compressed_run_lengths_are_those_of_pycocotools(boxes):
    expected = np.zeros(SIZE, np.uint8, order="F")
    for left, top, width, height in boxes:
        expected[top : top + height, left : left + width] = 1
    runs = rle.encode(expected)
    one = Instance(1, 1, 1.0, False, {"size": list(SIZE), "counts": runs["counts"].decode()}, None)
    np.testing.assert_array_equal(draw_mask(Picture("a", SIZE, (one,)), {1: 1}, boxes="error"), expected)


def test_missing_annotations_are_named(settings, tmp_path):
    path_of(settings.root, "val").unlink()
    with pytest.raises(
        ValueError, match=r"instances_val2014\.json: there is no such annotation file needed for dataset\.kind"
    ):
        convert_coco(tmp_path / "out", settings, threads=1)
