"""The command `cam --images`: the pipeline's own maps, labels from a CSV, what is kept, and what is refused."""

import json
import shutil

import numpy as np
import pytest

from new_images import KINDS, photograph, run, write_classifier, write_images, write_segmenter
from orandnet.dataset.image import read_rgb
from orandnet.files.store import CamStore
from orandnet.maps.grid import grid_shape

NAMES = ("a.jpg", "sub/b.png", "c.tiff")
LABELS = ("cat", "cat;dog", "dog")
SETTINGS = {"scales": [1.0, 1.4], "power": 0.5, "normalise": "min_max", "batch_size": 1}


@pytest.fixture
def images(tmp_path):
    write_labels(tmp_path, *zip(("a", "b", "c"), LABELS, strict=True))
    return write_images(tmp_path / "images", *NAMES)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return {kind: write_classifier(folder / f"{kind}.safetensors", kind) for kind in KINDS}


def write_labels(folder, *rows, head="image_id,labels"):
    (folder / "labels.csv").write_text("".join(f"{line}\n" for line in (head, *map(",".join, rows))))


def cam(weights, images, *options):
    labels, output = images.parent / "labels.csv", images.parent / "out"
    fixed = ("--weights", weights, "--images", images, "--labels", labels, "--output", output, "--device", "cpu")
    return run("cam", *fixed, *options)


def arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("kind", KINDS)
def test_the_maps_are_those_of_the_run_that_the_weights_lie_in(kind, weights, images, tmp_path, capsys):
    folder = tmp_path / "results/r"
    place = folder / "classifier/source/seed0/weights.safetensors"
    place.parent.mkdir(parents=True)
    shutil.copy(weights[kind], place)
    (folder / "dataset").mkdir()
    sizes = [photograph(number).shape[:2] for number in range(len(NAMES))]
    rows = [
        f"i{n},{images}/{name},,train,{height},{width},{names}"
        for n, (name, (height, width), names) in enumerate(zip(NAMES, sizes, LABELS, strict=True))
    ]
    lines = ("image_id,image,mask,split,height,width,labels", *rows)
    (folder / "dataset/index.csv").write_text("".join(f"{line}\n" for line in lines))
    (folder / "dataset/classes.json").write_text('{"classes": ["cat", "dog"], "file_ids": [1, 2]}')
    shard = folder / "cam/source/seed0/1-of-1.npz"
    options = ("--index", folder / "dataset/index.csv", "--output", shard, "--settings", json.dumps(SETTINGS))
    assert run("cam", "--weights", place, "--device", "cpu", *options) == 0
    assert cam(place, images) == 0
    assert "with the run's settings" in capsys.readouterr().err
    for number, (name, (height, width)) in enumerate(zip(NAMES, sizes, strict=True)):
        mine = arrays((tmp_path / "out" / name).with_suffix(".npz"))
        its = CamStore([shard])[f"i{number}"]
        assert {key: value.dtype for key, value in mine.items()} == {
            "classes": np.int64,
            "scores": np.float16,
            "size": np.int64,
        }
        assert mine["size"].tolist() == [height, width]
        assert mine["scores"].shape[1:] == grid_shape((height, width))
        np.testing.assert_array_equal(mine["classes"], its.classes)
        np.testing.assert_array_equal(mine["scores"], its.scores)


def test_without_a_run_the_settings_are_those_of_the_kind_and_of_what_is_given(weights, images):
    assert cam(weights["vit"], images, "--settings", '{"start_block": 1}') == 0
    about = json.loads((images.parent / "out/made_with.json").read_text())
    assert (about["settings"]["normalise"], about["settings"]["start_block"]) == ("min_max", 1)
    assert about["classes"] == ["background", "cat", "dog"]


def test_an_amn_does_without_the_labels_of_its_seed(weights, images, capsys):
    assert cam(weights["amn"], images, "--settings", '{"scales": [1.0], "raw_background": true}') == 0
    assert "raw_background is left out" in capsys.readouterr().err


def test_the_maps_lie_side_by_side_over_the_image_to_be_looked_at(weights, images):
    assert cam(weights["cnn"], images, "--overlay", "--settings", '{"scales": [1.0]}') == 0
    for number, (name, labels) in enumerate(zip(NAMES, LABELS, strict=True)):
        height, width = photograph(number).shape[:2]
        picture = read_rgb((images.parent / "out/overlay" / name).with_suffix(".png"))
        assert picture.shape[0] > height  # the classes stand below
        assert picture.shape[1] >= width * len(labels.split(";"))


def test_what_is_there_is_kept_unless_its_image_or_labels_have_changed(weights, images, capsys):
    out, fast = images.parent / "out", ("--settings", '{"scales": [1.0]}')
    (images / "bad.png").write_bytes(b"\x89PNG")
    rows = [("a", "cat"), ("b", "dog"), ("c", "dog"), ("bad", "cat"), ("other", "dog")]
    write_labels(images.parent, *rows)
    assert cam(weights["cnn"], images, *fast) == 1
    told = capsys.readouterr().err
    assert f"1 of 4 images without a CAM, the others have one: {images}/bad.png: the image cannot be decoded" in told
    assert f"{images.parent}/labels.csv: 1 rows are of other images, and left out" in told
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}
    assert len(before) == 3
    (images / "bad.png").unlink()
    write_labels(images.parent, ("a", "dog"), *rows[1:])
    assert cam(weights["cnn"], images, *fast) == 0
    assert "cam: 2 of 3 images have their files, and are kept" in capsys.readouterr().err
    changed = {path.name for path, date in before.items() if path.stat().st_mtime_ns != date}
    assert changed == {"a.npz"}
    assert arrays(out / "a.npz")["classes"].tolist() == [2]


@pytest.mark.parametrize(
    ("rows", "head"),
    [
        ([("a.jpg", "cat"), ("sub/b", "cat"), ("c.tiff", "cat")], "image_id,labels"),
        ([("a", "cat"), ("sub/b.png", "cat"), ("sub/../c", "dog"), ("c", "cat")], "image_id,labels"),
        ([("1", "cat", "a.jpg"), ("2", "cat", "sub/b.png"), ("3", "cat", "c.tiff")], "image_id,labels,image"),
    ],
)
def test_a_row_may_name_its_image_in_several_ways(weights, images, rows, head):
    write_labels(images.parent, *rows, head=head)
    assert cam(weights["cnn"], images, "--settings", '{"scales": [1.0]}') == 0
    assert all(arrays(path)["classes"].tolist() == [1] for path in (images.parent / "out").rglob("*.npz"))


ROWS = [("a", "cat"), ("b", "cat"), ("c", "dog")]


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (ROWS[:2], [], "labels.csv: has no row for c.tiff; add one"),
        ([*ROWS[:2], ("c", "")], [], "labels.csv: line 4 has no label, and a CAM is made for each label"),
        ([*ROWS[:2], ("c", "Dog")], [], "line 4 has the label 'Dog', no class of the classifier; write 'dog'"),
        ([*ROWS[:2], ("c", "cow")], [], "label 'cow', no class of the classifier; it knows cat, dog"),
        ([*ROWS, ("c", "cat")], [], "c has two rows, the second in line 5; join its labels"),
        (ROWS, ["--labels", "none.csv"], "--labels: no file none.csv; make it first"),
        (ROWS, ["--output", "images/out"], "lies in the folder of the images"),
        (ROWS, ["--device", "cuda:99"], "device: 'cuda:99'"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_made(weights, images, capsys, monkeypatch, rows, options, words):
    monkeypatch.chdir(images.parent)
    write_labels(images.parent, *rows)
    assert cam(weights["cnn"], images, *options) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("orandnet cam: ")]
    assert words in line
    assert not (images.parent / "out").exists()


def test_one_row_is_not_for_two_images(weights, images, capsys):
    write_images(images, "other/a.jpg")
    assert cam(weights["cnn"], images) == 1
    assert "line 2 stands for a.jpg and other/a.jpg; write their paths as ids" in capsys.readouterr().err


def test_a_segmenters_weights_make_no_cams(images, tmp_path, capsys):
    assert cam(write_segmenter(tmp_path / "w"), images) == 1
    assert "w: holds no classifier" in capsys.readouterr().err


def test_the_command_of_the_pipeline_and_that_of_new_images_have_their_own_help(capsys):
    assert run("cam", "--help") == 0
    assert "--index" in capsys.readouterr().out
    for asked in (["--images", "--help"], ["--images=x", "-h"]):
        assert run("cam", *asked) == 0
        told = capsys.readouterr().out
        assert "--images" in told
        assert "--index" not in told
