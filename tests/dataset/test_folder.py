"""A folder of images with a CSV of labels, with and without masks."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orandnet.dataset.index import read_index
from orandnet.dataset.settings import Settings
from orandnet.dataset.stage import make_all
from orandnet.files.mask import write_mask
from whole_dataset import survey, true_masks

ROWS = {"p1": "owl;fox,train", "p2": "fox,train", "p3": "owl,train_aug", "q1": "fox,val", "t1": ",test"}


@pytest.fixture
def settings(tmp_path):
    root = tmp_path / "mine"
    for image_id in ROWS:
        folder = root / "images" / image_id[0]  # images may lie in folders
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 10, 3), 90, np.uint8)).save(folder / f"{image_id}.jpg")
    write_csv(root, *(f"{image_id},{rest}" for image_id, rest in ROWS.items()))
    return Settings(kind="folder", root=root, labels="labels.csv")


def write_csv(root, *rows, head="image_id,labels,split"):
    (root / "labels.csv").write_text("".join(f"{row}\n" for row in (head, *rows)))


def with_masks(settings, *image_ids):
    folder = settings.root / "masks"
    folder.mkdir()
    for image_id in image_ids:
        write_mask(folder / f"{image_id}.png", np.eye(8, 10, dtype=np.uint8))
    return changed(settings, masks="masks")


def changed(settings, **changes):
    return Settings(**{**settings.model_dump(), **changes})


def refused(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        survey(settings)
    assert "; " in str(error.value)


def test_classes_and_splits_come_from_the_csv(settings, tmp_path):
    make_all(tmp_path / "out", settings)
    index = read_index(tmp_path / "out" / "index.csv")
    assert index.class_names == ("fox", "owl")
    assert [(r.image_id, r.split, r.classes) for r in index.records] == [
        ("p1", "train", (1, 2)),
        ("p2", "train", (1,)),
        ("p3", "train_aug", (2,)),
        ("q1", "val", (1,)),
        ("t1", "test", ()),
    ]
    assert not (tmp_path / "out" / "ground_truth").exists()


def test_an_image_without_a_mask_is_named_when_its_mask_is_asked_for(settings, tmp_path):
    make_all(tmp_path / "out", with_masks(settings, "p1", "p2", "q1"))
    truth = true_masks(tmp_path / "out")
    assert truth.read("p1").shape == (8, 10)
    with pytest.raises(ValueError, match="p3: has no true mask"):
        truth.read("p3")


def test_a_class_list_fixes_the_order_and_refuses_other_names(settings):
    assert survey(changed(settings, classes=["owl", "fox"])).manifest["classes"] == ["owl", "fox"]
    refused(changed(settings, classes=["owl"]), "labels p1 with fox, outside dataset.classes")


def test_masks_are_optional_for_train_aug_and_lie_in_a_folder_of_the_root_or_elsewhere(settings, tmp_path):
    given = with_masks(settings, "p1", "p2", "q1")
    assert survey(given).num_masks == 3
    assert survey(changed(given, masks=str(settings.root / "images" / ".." / "masks"))).num_masks == 3
    (settings.root / "masks").rename(tmp_path / "elsewhere")
    assert survey(changed(settings, masks=str(tmp_path / "elsewhere"))).num_masks == 3


def test_a_train_or_val_image_without_mask_is_named(settings):
    refused(with_masks(settings, "p1", "p2"), "has no mask q1.png, which val is evaluated with")


def test_without_a_column_split_every_fifth_image_is_val(settings):
    write_csv(settings.root, "t1,owl", "q1,fox", "p3,owl", "p2,fox", "p1,owl;fox", head="image_id,labels")
    rows = survey(settings).rows
    assert [(row["image_id"], row["split"]) for row in rows] == [
        ("q1", "train"),
        ("p3", "train"),
        ("p2", "train"),
        ("p1", "train"),
        ("t1", "val"),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["p1,owl,train", "q1,fox,validation"], "q1 has the split 'validation'; write one of train"),
        (["p1,owl,train", "p2,fox,train"], "no image has the split val"),
        (
            ["p1.jpg,owl,train", "q1,owl,val"],
            "p1.jpg has no image under dataset.root; add the image, or correct the id",
        ),
        (["p1,owl,train", "p1,fox,train", "q1,owl,val"], "p1 has two rows"),
        (["../p1,owl,train", "q1,owl,val"], "line 2 has '../p1', which is no image id"),
        (["p1,,train", "q1,owl,val"], "gives the training image p1 no label"),
        (["p1,,train", "q1,,val"], "names no class"),
        (["p1,owl,fox,train", "q1,owl,val"], "line 2 has 4 cells, 'p1,owl,fox,train', the header 3; write one comma"),
        (["p1,owl,train", "p2,Owl,train", "q1,owl,val"], "labels.csv: line 3: the class 'Owl' is "),
        (
            ["p1,owl,train", "p2,nan,train", "q1,owl,val"],
            "line 3: 'nan' reads as a missing label; leave the cell empty",
        ),
        (["p1,owl,train", "p2,fox,train", "q1,owl fox,val"], "line 4: 'owl fox' looks like the classes owl, fox"),
        (["p1,background,train", "q1,owl,val"], "'background' cannot be a class name"),
    ],
)
def test_faulty_rows_are_named(settings, rows, message):
    write_csv(settings.root, *rows)
    refused(settings, message)


def test_expected_sizes_count_the_rows(settings):
    survey(changed(settings, expected_sizes={"train": 2, "train_aug": 3, "val": 1, "test": 1}))
    refused(changed(settings, expected_sizes={"train_aug": 4}), "labels.csv has 3 images, not the expected 4")


def test_an_image_in_two_folders_is_named(settings):
    Image.new("RGB", (10, 8)).save(settings.root / "p1.png")
    refused(settings, "p1.png: lies beside")


def test_missing_folders_are_named(settings, tmp_path):
    refused(changed(settings, masks="none"), "dataset.masks: there is no folder none")
    (tmp_path / "labels.csv").write_text("image_id,labels,split\na,owl,train\nb,owl,val\n")
    refused(changed(settings, root=tmp_path / "none", labels=str(tmp_path / "labels.csv")), "dataset.root: there is no")


@pytest.mark.parametrize(
    "names",
    [
        ("IMG 1", "cat (1)"),
        ("50%", "o'b"),
        ("a+1%20#2", "a{b}"),
        ("\u0e2a\u0e38\u0e19", "\u0939\u093f"),
        ("-rf", "$(x)"),
    ],
)
def test_a_file_may_have_any_name(settings, names):
    for name in names:
        (settings.root / f"{name}.jpg").write_bytes((settings.root / "images" / "q" / "q1.jpg").read_bytes())
    write_csv(settings.root, *(f"{name},owl,{split}" for name, split in zip(names, ("train", "val"), strict=True)))
    assert [row["image_id"] for row in survey(settings).rows] == list(names)


def test_an_accent_is_one_character_or_two(settings):
    image = settings.root / "images" / "p" / "p1.jpg"
    image.rename(image.with_stem("caf\u00e9"))
    write_csv(settings.root, "cafe\u0301,owl,train", "q1,owl,val")
    assert survey(settings).rows[0]["image"] == str(image.with_stem("caf\u00e9"))
    write_csv(settings.root, "cafe\u0301,owl,train", "caf\u00e9,owl,train", "q1,owl,val")
    refused(settings, "keep one id")


def test_a_column_image_says_where_the_files_lie(settings):
    write_csv(
        settings.root,
        "one,owl,train,images/p/p1.jpg",
        "two,owl,val,images/q/q1.jpg",
        head="image_id,labels,split,image",
    )
    assert [Path(row["image"]).name for row in survey(settings).rows] == ["p1.jpg", "q1.jpg"]
    write_csv(settings.root, "one,owl,train,p1.jpg", "two,owl,val,images/q/q1.jpg", head="image_id,labels,split,image")
    refused(settings, "one has no image under dataset.root")


def test_classes_that_are_numbers_have_the_masks_ids(settings):
    for name in [str(number) for number in range(1, 13)]:
        (settings.root / f"m{name}.jpg").write_bytes((settings.root / "images" / "q" / "q1.jpg").read_bytes())
    rows = [f"m{number},{number},train" for number in range(1, 13)]
    write_csv(settings.root, *rows, "q1,3;10,val")
    assert survey(settings).manifest["classes"] == [str(number) for number in range(1, 13)]
    write_csv(settings.root, "m1,3,train", "m2,7,train", "q1,3;7,val")
    assert survey(settings).manifest["classes"] == ["3", "7"]  # without masks any number is a name
    (settings.root / "masks").mkdir()
    refused(changed(settings, masks="masks"), 'write the ids that are meant, {"3": 3, "7": 7, ...}, or other names')
