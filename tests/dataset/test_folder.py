"""A folder of images with a CSV of labels, with and without masks."""

import re

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
        (["../p1,owl,train", "q1,owl,val"], "'../p1' is no image id"),
        (["p1,,train", "q1,owl,val"], "gives the training image p1 no label"),
        (["p1,,train", "q1,,val"], "names no class"),
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
