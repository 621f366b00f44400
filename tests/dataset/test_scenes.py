"""The generated scenes: the same bytes for the same seed, exact masks, no object on two sides."""

import csv
import hashlib

import numpy as np
import pytest

from orandnet.dataset.index import read_index
from orandnet.dataset.scenes.backgrounds import BACKGROUNDS, USUAL_BACKGROUND
from orandnet.dataset.scenes.colors import LOOKS, PART_PATTERNS, TEXTURES
from orandnet.dataset.scenes.drawing import CLASS_NAMES, MAX_TURN
from orandnet.dataset.scenes.images import draw, write_scenes
from orandnet.dataset.scenes.shapes import PARTS
from orandnet.dataset.settings import NUM_SCENE_CLASSES, Scenes, Settings
from orandnet.dataset.stage import make_all
from whole_dataset import true_masks

FEW = Scenes(num_train=6, num_train_aug=12, num_val=6, num_test=2)


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def make(folder, scenes=FEW):
    make_all(folder, Settings(scenes=scenes))
    return read_index(folder / "index.csv")


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_seed_is_a_data_set(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_scenes(tmp_path / name, FEW.model_copy(update={"seed": seed}))
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert hashes(tmp_path / "a") != hashes(tmp_path / "c")


def test_more_training_images_leave_the_others_as_they_are(tmp_path):
    write_scenes(tmp_path / "few", FEW)
    write_scenes(tmp_path / "more", FEW.model_copy(update={"num_train_aug": 14}))
    few, more = hashes(tmp_path / "few" / "JPEGImages"), hashes(tmp_path / "more" / "JPEGImages")
    assert few.items() < more.items()


def test_scenes_go_through_the_reading_path_of_voc(tmp_path):
    index = make(tmp_path)
    assert index.class_names == CLASS_NAMES
    assert [len(index.subset(split)) for split in ("train", "train_aug", "val", "test")] == [6, 12, 6, 2]
    assert all(record.classes for record in index.records)
    for part in ("train_aug", "val"):
        truth = true_masks(tmp_path, part)
        for record in index.subset(part):
            assert set(np.unique(truth.read(record.image_id))) - {0, 255} == set(record.classes)


def test_no_individual_is_on_two_sides(tmp_path):
    write_scenes(tmp_path / "scenes", FEW)
    sides = {"train": set(), "val": set(), "test": set()}
    for row in rows_of(tmp_path / "scenes" / "instances.csv"):
        sides[row["image_id"].split("_")[0]].add(row["instance"])
    assert all(sides.values())
    assert not sides["train"] & sides["val"]
    assert not sides["train"] & sides["test"]
    assert not sides["val"] & sides["test"]


def test_six_images_show_all_six_classes():
    labels = {name for number in range(6) for name in draw("train", number, FEW).labels}
    assert labels == set(CLASS_NAMES)
    assert len(CLASS_NAMES) == NUM_SCENE_CLASSES


def test_sizes_vary_around_the_asked_size_and_are_not_all_square():
    shapes = {draw("val", number, FEW).mask.shape for number in range(20)}
    assert all(80 <= side <= 112 for shape in shapes for side in shape)
    assert any(height != width for height, width in shapes)


def test_masks_have_ignored_outlines_and_both_object_and_background():
    for number in range(12):
        scene = draw("train", number, FEW)
        assert scene.rgb.shape == (*scene.mask.shape, 3)
        assert scene.rgb.dtype == scene.mask.dtype == np.uint8
        share = (scene.mask > 0).mean()
        assert 0.05 < share < 0.9
        assert 0 < (scene.mask == 255).mean() < 0.35


def test_an_object_that_can_hardly_be_seen_is_neither_labelled_nor_background():
    labelled = [(draw("train", number, FEW).labels, draw("train", number, FEW).mask) for number in range(30)]
    for labels, mask in labelled:
        ids = {CLASS_NAMES.index(name) + 1 for name in labels}
        assert set(np.unique(mask)) - {0, 255} == ids


def test_every_class_has_a_look_a_texture_a_part_and_a_usual_place():
    for table in (LOOKS, TEXTURES, PART_PATTERNS, PARTS, MAX_TURN, USUAL_BACKGROUND):
        assert set(table) == set(CLASS_NAMES)
    assert set(USUAL_BACKGROUND.values()) == set(BACKGROUNDS)


def test_scenes_are_made_anew_but_a_foreign_folder_is_left_alone(tmp_path):
    make(tmp_path)
    index = make(tmp_path, FEW.model_copy(update={"num_train_aug": 7}))
    assert len(index.subset("train_aug")) == 7
    assert len(list((tmp_path / "scenes" / "JPEGImages").iterdir())) == 15
    (tmp_path / "scenes" / "scenes.json").unlink()
    with pytest.raises(ValueError, match="holds no generated scenes; move it away"):
        make(tmp_path)
