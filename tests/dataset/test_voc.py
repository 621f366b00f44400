"""A VOC folder becomes an index, and every fault in it is named before anything is written."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import COLUMNS, read_index, read_rows
from orandnet.dataset.layouts.voc import read_list
from orandnet.dataset.mask_ids import translated, unknown_ids
from orandnet.dataset.settings import Lists, Settings
from orandnet.dataset.stage import make_all
from orandnet.files.mask import read_mask, write_mask
from voc_folder import SIZE, write_image, write_list, write_voc
from whole_dataset import survey, true_masks


@pytest.fixture
def settings(tmp_path):
    return write_voc(tmp_path / "voc")


def changed(settings, **changes):
    return Settings(**{**settings.model_dump(), **changes})


def index_of(settings, folder):
    make_all(folder, settings)
    return read_index(folder / "index.csv")


def refused(settings, *words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as error:
        survey(settings)
    message = str(error.value)
    assert "\n" not in message
    assert "; " in message  # what is wrong; what to do
    for word in words:
        assert word in message


def test_the_index_has_every_image_once_and_train_is_part_of_train_aug(settings, tmp_path):
    index = index_of(settings, tmp_path / "out")
    assert [record.image_id for record in index.records] == ["a1", "a2", "a3", "b1", "c1"]
    assert [record.image_id for record in index.subset("train")] == ["a1", "a2"]
    assert [record.image_id for record in index.subset("train_aug")] == ["a1", "a2", "a3"]
    assert [record.split for record in index.records] == ["train", "train", "train_aug", "val", "test"]


def test_records_hold_size_and_ascending_classes_but_no_mask(settings, tmp_path):
    index = index_of(settings, tmp_path / "out")
    assert index.class_names == ("cat", "dog")
    assert index.num_classes == 3
    assert [record.classes for record in index.records] == [(1,), (2,), (1, 2), (2,), ()]
    assert {record.size for record in index.records} == {SIZE}
    assert not any("SegmentationClass" in repr(record) for record in index.records)
    assert tuple(read_rows(tmp_path / "out" / "index.csv")[0]) == COLUMNS


def test_the_manifest_counts_images(settings, tmp_path):
    index_of(settings, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["num_images"] == {"train": 2, "train_aug": 3, "val": 1, "test": 1}
    assert manifest["training_images"] == {"cat": 2, "dog": 2}
    assert manifest["file_ids"] == [1, 2]


def test_the_same_data_gives_the_same_bytes_and_a_changed_image_or_mask_another_hash(settings, tmp_path):
    before = survey(settings)
    assert survey(settings, threads=3) == before
    write_mask(settings.root / "SegmentationClass" / "b1.png", np.ones(SIZE, np.uint8))
    masked = survey(settings)
    assert masked.ground_truth["val"]["sha256"] != before.ground_truth["val"]["sha256"]
    assert masked.ground_truth["train_aug"]["sha256"] == before.ground_truth["train_aug"]["sha256"]
    assert masked.manifest == before.manifest
    write_image(settings.root, "b1", np.zeros((*SIZE, 3), np.uint8))
    assert survey(settings).manifest["images_sha256"] != before.manifest["images_sha256"]


def test_an_unknown_split_is_refused(settings, tmp_path):
    with pytest.raises(ValueError, match="'trainval' is unknown"):
        index_of(settings, tmp_path / "out").subset("trainval")


def test_ground_truth_speaks_the_ids_of_the_class_list(settings, tmp_path):
    for image_id in ("a1", "a2", "a3", "b1"):
        mask = np.zeros(SIZE, np.uint8)
        mask[0], mask[1], mask[2], mask[3] = 12, 8, 15, 255
        write_mask(settings.root / "SegmentationClass" / f"{image_id}.png", mask)
    subset = changed(settings, classes={"dog": 12, "cat": 8}, other_mask_ids="ignore")
    index = index_of(subset, tmp_path / "out")
    assert index.class_names == ("cat", "dog")
    truth = true_masks(tmp_path / "out")
    assert truth.read("a1")[:5, 0].tolist() == [2, 1, 255, 255, 0]
    with pytest.raises(ValueError, match="zz: is not in the index"):
        truth.read("zz")


def test_masks_that_changed_since_the_index_are_refused(settings, tmp_path):
    index_of(settings, tmp_path / "out")
    truth = true_masks(tmp_path / "out")
    write_mask(settings.root / "SegmentationClass" / "a1.png", np.full(SIZE, 9, np.uint8))
    write_mask(settings.root / "SegmentationClass" / "a2.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match=r"ids outside dataset\.classes: 9"):
        truth.read("a1")
    with pytest.raises(ValueError, match="the index says 12 x 16"):
        truth.read("a2")


@pytest.mark.parametrize(
    "line",
    ["2007_000032", "/JPEGImages/2007_000032.jpg", "/JPEGImages/2007_000032.jpg /SegmentationClassAug/x.png"],
)
def test_lists_hold_bare_ids_or_paths(tmp_path, line):
    (tmp_path / "train.txt").write_text(f"{line}\r\n\n")
    assert read_list(tmp_path / "train.txt") == ["2007_000032"]


def test_a_list_with_other_lines_is_refused(tmp_path):
    (tmp_path / "cat_train.txt").write_text("2007_000032 -1\n")
    with pytest.raises(ValueError, match=r"cat_train.txt: line 1 is '2007_000032 -1'; write an id"):
        read_list(tmp_path / "cat_train.txt")


def test_train_stands_for_train_aug_and_test_may_be_absent(settings):
    for split in ("train_aug", "test"):
        (settings.root / "ImageSets" / "Segmentation" / f"{split}.txt").unlink()
    assert survey(settings).manifest["num_images"] == {"train": 2, "train_aug": 2, "val": 1, "test": 0}


def test_a_list_may_be_given_as_a_path(settings, tmp_path):
    (tmp_path / "few.txt").write_text("a2\na1\n")
    rows = survey(changed(settings, lists=Lists(train=str(tmp_path / "few.txt")))).rows
    assert [row["image_id"] for row in rows if row["split"] == "train"] == ["a2", "a1"]


def test_a_limit_takes_the_first_images_of_every_list_and_forgives_a_missing_class(settings):
    manifest = survey(changed(settings, limit=1)).manifest
    assert manifest["num_images"] == {"train": 1, "train_aug": 1, "val": 1, "test": 1}
    assert manifest["training_images"] == {"cat": 1, "dog": 0}


@pytest.mark.parametrize(("split", "count"), [("train", 2), ("train_aug", 3), ("val", 1), ("test", 1)])
def test_a_list_of_another_length_than_expected_is_named_with_both_numbers(settings, split, count):
    survey(changed(settings, expected_sizes={split: count}))
    wrong = changed(settings, expected_sizes={split: 1464})
    refused(wrong, f"dataset.expected_sizes.{split}: the list {split} has {count} images", "expected 1464")
    assert survey(changed(settings, expected_sizes={split: 1464}, limit=1)).rows


def test_a_missing_train_aug_list_shows_in_its_expected_size(settings):
    (settings.root / "ImageSets" / "Segmentation" / "train_aug.txt").unlink()
    refused(changed(settings, expected_sizes={"train_aug": 3}), "the list train_aug has 2 images", "expected 3")


def test_augmented_masks_are_preferred(settings):
    (settings.root / "SegmentationClass").rename(settings.root / "SegmentationClassAug")
    assert "SegmentationClassAug" in str(survey(settings).rows[0]["mask"])


def test_what_trainings_wait_for_is_not_written_when_the_parts_contradict_each_other(settings, tmp_path):
    write_list(settings.root, "val", ["b1", "a1"])
    with pytest.raises(ValueError, match="a1: is in the lists of both train_aug and val"):
        index_of(settings, tmp_path / "out")
    assert not (tmp_path / "out" / "index.csv").exists()
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_missing_root_list_or_mask_folder_is_named(settings, tmp_path):
    refused(changed(settings, root=tmp_path / "none"), "dataset.root", "none", "VOCdevkit")
    refused(changed(settings, masks="Masks"), "dataset.masks", "Masks")
    refused(changed(settings, lists=Lists(test="test2")), "dataset.lists.test", "test2")
    (settings.root / "ImageSets" / "Segmentation" / "val.txt").unlink()
    refused(settings, "dataset.lists.val")


def test_an_empty_list_is_named(settings):
    refused_list = write_list(settings.root, "val", [])
    refused(settings, str(refused_list), "empty")


def test_an_id_without_image_is_named(settings):
    write_list(settings.root, "val", ["b1", "b9"])
    refused(settings, "b9", "JPEGImages")


def test_an_id_that_is_listed_twice_is_named(settings):
    write_list(settings.root, "train", ["a1", "a2", "a1"])
    refused(settings, "train.txt", "a1 is listed twice")


def test_an_id_in_val_and_test_is_named(settings):
    write_list(settings.root, "test", ["b1"])
    refused(settings, "b1", "val and test")


def test_a_train_or_val_image_without_mask_is_named_but_train_aug_may_lack_it(settings):
    (settings.root / "SegmentationClass" / "a3.png").unlink()
    assert survey(settings).num_masks == 3
    (settings.root / "SegmentationClass" / "b1.png").unlink()
    refused(settings, "b1.png", "val is evaluated with")


def test_two_files_of_one_image_are_named(settings):
    Image.new("RGB", SIZE[::-1]).save(settings.root / "JPEGImages" / "a1.png")
    refused(settings, "a1.png", "beside a1.jpg")


def test_a_truncated_image_is_named(settings):
    path = settings.root / "JPEGImages" / "a3.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    refused(settings, "a3.jpg", "cannot be decoded")


def turn(settings, image_id, orientation, rgb=None):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return write_image(settings.root, image_id, np.zeros((*SIZE, 3), np.uint8) if rgb is None else rgb, exif=exif)


def test_a_mask_tells_whether_its_image_was_turned_by_exif(settings, tmp_path, capsys):
    turn(settings, "a1", 6)  # its mask has the size of the file, as a tool makes it that ignores EXIF
    turn(settings, "a2", 8)
    write_mask(settings.root / "SegmentationClass/a2.png", np.zeros(SIZE[::-1], np.uint8))  # as of a viewer
    turn(settings, "c1", 5)  # no mask
    index = index_of(settings, tmp_path / "out")
    sizes = {record.image_id: record.size for record in index.records}
    assert sizes == {"a1": SIZE[::-1], "a2": SIZE[::-1], "a3": SIZE, "b1": SIZE, "c1": SIZE[::-1]}
    truth = true_masks(tmp_path / "out")
    as_stored = truth.read("a3")  # of the same pixels as the mask of a1, whose image EXIF turns clockwise
    np.testing.assert_array_equal(truth.read("a1"), np.rot90(as_stored, -1))
    assert not truth.read("a2").any()
    assert all(read_rgb(record.image, record.size).shape[:2] == record.size for record in index.records)
    assert "a1.jpg: is turned as its EXIF orientation says, as are 1 further images." in capsys.readouterr().err


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_an_image_that_exif_turns_within_its_size_is_refused_beside_a_mask(settings, orientation):
    turn(settings, "a2", orientation)
    refused(settings, "a2.jpg", f"EXIF orientation is {orientation}", "exiftran -ai")


def test_a_square_beside_a_mask_leaves_open_whether_it_is_turned(settings):
    turn(settings, "a2", 6, np.zeros((12, 12, 3), np.uint8))
    write_mask(settings.root / "SegmentationClass/a2.png", np.zeros((12, 12), np.uint8))
    refused(settings, "a2.jpg", "EXIF orientation is 6", "exiftran -ai")


def test_a_mask_that_is_turned_by_a_tag_of_its_own_belongs_to_the_turned_image(settings, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    turn(settings, "a2", 3)
    mask = settings.root / "SegmentationClass/a2.png"
    ids = read_mask(mask)
    mask.unlink()
    Image.fromarray(ids).save(mask.with_suffix(".tif"), exif=exif)
    index_of(settings, tmp_path / "out")
    np.testing.assert_array_equal(true_masks(tmp_path / "out").read("a2"), ids[::-1, ::-1])


@pytest.mark.parametrize("suffix", ["tif", "bmp", "webp", "TIFF"])
def test_other_formats_of_photographs_are_read(settings, suffix):
    path = settings.root / "JPEGImages/a2.jpg"
    Image.open(path).save(path.with_suffix(f".{suffix}"))
    path.unlink()
    assert survey(settings).rows[1]["image"].endswith(f".{suffix}")


def test_an_image_of_a_format_that_is_not_read_is_named_with_those_that_are(settings):
    path = settings.root / "JPEGImages/a2.jpg"
    path.rename(path.with_suffix(".heic"))
    refused(settings, "a2.heic", "format that is not read", ".webp")


def color(settings, image_id, table, mode="RGB"):
    """Put a mask in colours in the place of one of ids."""
    path = settings.root / f"SegmentationClass/{image_id}.png"
    ids = np.array(Image.open(path))
    rgb = np.zeros((*ids.shape, 3), np.uint8)
    for index, its in table.items():
        rgb[ids == index] = its
    Image.fromarray(rgb).convert(mode).save(path)
    return ids


VOC = {1: (128, 0, 0), 2: (0, 128, 0), 255: (224, 224, 192)}
OWN = {0: (9, 9, 9), 1: (250, 0, 0), 2: (0, 0, 250), 255: (255, 255, 255)}
OWN_NAMES = {"background": (9, 9, 9), "cat": (250, 0, 0), "dog": (0, 0, 250), "ignore": (255, 255, 255)}


@pytest.mark.parametrize(("table", "key"), [(VOC, "voc"), (OWN, OWN_NAMES)])
def test_masks_in_colours_are_read_by_voc_s_table_or_one_s_own(settings, tmp_path, table, key):
    ids = {"a1": color(settings, "a1", table)}
    refused(settings, "a1.png", "mode RGB", "dataset.mask_colors")
    ids |= {image_id: color(settings, image_id, table) for image_id in ("a2", "a3", "b1")}
    index_of(changed(settings, mask_colors=key), tmp_path / "out")
    for image_id, expected in ids.items():
        part = "val" if image_id == "b1" else "train_aug"
        np.testing.assert_array_equal(true_masks(tmp_path / "out", part).read(image_id), expected)


def test_a_colour_outside_the_table_is_refused_with_its_place(settings):
    color(settings, "a1", VOC)
    path = settings.root / "SegmentationClass/a1.png"
    image = Image.open(path)
    image.putpixel((7, 3), (1, 2, 3))
    image.save(path)
    refused(changed(settings, mask_colors="voc"), "a1.png", "(1, 2, 3)", "x 7, y 3", "mask_colors")
    image.convert("RGBA").save(path)
    refused(changed(settings, mask_colors="voc"), "a1.png", "(1, 2, 3)", "x 7, y 3")


@pytest.mark.parametrize(
    ("colors", "words"),
    [
        ({"cat": (1, 1, 1), "dog": (2, 2, 2)}, "has no colour of background"),
        ({**OWN_NAMES, "cow": (3, 3, 3)}, "names cow, no class"),
        ({**OWN_NAMES, "dog": (9, 9, 9)}, "[9, 9, 9] stands for two classes"),
    ],
)
def test_a_table_of_colours_has_to_be_one_of_the_classes(settings, colors, words):
    refused(changed(settings, mask_colors=colors), "dataset.mask_colors", words)


def test_a_palette_that_an_editor_reordered_is_refused_or_read_by_colour(settings, tmp_path):
    for image_id in ("a1", "a2", "a3", "b1"):
        ids = color(settings, image_id, VOC)
        path = settings.root / f"SegmentationClass/{image_id}.png"
        Image.open(path).quantize(4).save(path)
        if image_id == "a1":
            refused(settings, "a1.png", "VOC's colours at other ids", "mask_colors: voc")
    index_of(changed(settings, mask_colors="voc"), tmp_path / "out")
    np.testing.assert_array_equal(true_masks(tmp_path / "out", "val").read("b1"), ids)
    moved = survey(changed(settings, mask_colors="indices", other_mask_ids="ignore"))  # the user's word counts
    assert moved.ground_truth["val"]["colors"] == "indices"


def test_a_mask_of_another_size_is_named_with_both_sizes(settings):
    write_mask(settings.root / "SegmentationClass" / "b1.png", np.zeros((5, 7), np.uint8))
    refused(settings, "b1.png", "7 x 5", "16 x 12")


def test_a_mask_with_an_unknown_id_is_refused_unless_others_are_ignored(settings):
    write_mask(settings.root / "SegmentationClass" / "b1.png", np.full(SIZE, 3, np.uint8))
    refused(settings, "b1.png", "ids outside dataset.classes: 3", "other_mask_ids")
    assert survey(changed(settings, other_mask_ids="ignore")).ground_truth["val"]["other_ids"] == "ignore"


def test_a_class_without_training_image_is_named(settings):
    refused(changed(settings, classes=["cat", "dog", "cow"]), "no training image shows the class cow")


def test_several_faults_are_told_at_once(settings):
    for image_id in ("a1", "a2"):
        (settings.root / "JPEGImages" / f"{image_id}.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"2 problems:\n.*a1.jpg.*\n.*a2.jpg"):
        survey(settings)


def test_ids_are_translated_and_unknown_ones_named_whatever_they_are():
    generator = np.random.default_rng(0)
    mask, table = (
        generator.integers(0, 256, (2, 30, 40), dtype=np.uint8)[0],
        generator.permutation(256).astype(np.uint8),
    )
    np.testing.assert_array_equal(translated(mask, table), table[mask])
    known = np.ones(256, dtype=bool)
    assert unknown_ids(mask, known) is None
    known[mask[[0, 1], 0]] = False
    assert unknown_ids(mask, known).endswith(", ".join(map(str, sorted({*mask[[0, 1], 0].tolist()}))))


@pytest.mark.parametrize(("ids", "unknown"), [([0, 2, 255], None), ([0, 3, 255], "3"), ([254], "254"), ([], None)])
def test_ids_without_gaps_are_known_up_to_the_highest(ids, unknown):
    known = np.isin(np.arange(256), [0, 1, 2, 255])
    found = unknown_ids(np.array([ids], dtype=np.uint8), known)
    assert found is None if unknown is None else found.endswith(f": {unknown}")


def test_the_ignored_id_is_unknown_where_the_table_says_so():
    assert unknown_ids(np.array([[0, 255]], dtype=np.uint8), np.arange(256) < 3).endswith(": 255")
