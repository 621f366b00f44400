"""The command `predict`: the pipeline's own bytes, what is kept and what is made again, and what is refused."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import orandnet
from new_images import photograph, run, write_classifier, write_images, write_segmenter
from orandnet.dataset.image import read_rgb
from orandnet.files.mask import MaskList, read_mask, write_mask
from orandnet.prediction import folder as predicting
from orandnet.prediction.model import Segmenter

NAMES = ("a.jpg", "sub/a.JPEG", "b.tiff")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("weights") / "weights.safetensors")


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images", *NAMES)


def predict(weights, images, output, *options):
    return run("predict", "--weights", weights, "--images", images, "--output", output, "--device", "cpu", *options)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def dates_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}


def test_each_image_has_its_mask_its_overlay_and_its_probabilities(weights, images, tmp_path):
    (images / "notes.txt").write_text("no image")
    (images / ".hidden.png").write_bytes(b"no image")
    output = tmp_path / "out"
    assert predict(weights, images, output, "--overlay", "--probabilities", "--variant", "ms") == 0
    made = files_of(output)
    stems = ("a", "sub/a", "b")
    expected = {f"{folder}{stem}.png" for folder in ("", "overlay/") for stem in stems}
    expected |= {f"probabilities/{stem}.npz" for stem in stems} | {"made_with.json", "images.csv"}
    assert made.keys() == expected
    for number, stem in enumerate(stems):
        rgb, mask = photograph(number), read_mask(output / f"{stem}.png")
        overlay = read_rgb(output / "overlay" / f"{stem}.png")
        probabilities = np.load(output / "probabilities" / f"{stem}.npz", allow_pickle=False)["probabilities"]
        assert (probabilities.shape, probabilities.dtype) == ((3, *rgb.shape[:2]), np.float16)
        assert (probabilities.argmax(axis=0) == mask).mean() > 0.98  # but where two are equal after rounding
        assert overlay.shape[0] > rgb.shape[0]  # the names of the classes stand below
        overlay = overlay[: rgb.shape[0], : rgb.shape[1]]
        np.testing.assert_array_equal(overlay[mask == 0], rgb[mask == 0])
        assert (overlay[mask == 1].astype(int) - rgb[mask == 1]).any()
    about = json.loads(made["made_with.json"])
    assert about["classes"] == ["background", "cat", "dog"]
    assert (about["variant"], about["weights"]) == ("ms", str(weights))


@pytest.fixture
def in_a_run(weights, images, tmp_path):
    """The weights and predictions of a run with settings of its own, made by the pipeline's command."""
    folder = tmp_path / "results/r"
    place = "segmenter/ours/scale/seed0/weights.safetensors"
    (folder / place).parent.mkdir(parents=True)
    shutil.copy(weights, folder / place)
    (folder / "dataset").mkdir()
    sizes = [photograph(number).shape[:2] for number in range(len(NAMES))]
    rows = [f"i{n},{images}/{name},,val,{h},{w}," for n, (name, (h, w)) in enumerate(zip(NAMES, sizes, strict=True))]
    header = "image_id,image,mask,split,height,width,labels"
    (folder / "dataset/val.csv").write_text("".join(f"{row}\n" for row in (header, *rows)))
    (folder / "dataset/classes.json").write_text('{"classes": ["cat", "dog"], "file_ids": [1, 2]}')
    masks = folder / "prediction/ours/scale/seed0/val/1-of-1.csv"
    index = ("--index", folder / "dataset/val.csv", "--split", "val", "--device", "cpu")
    settings = ("--settings", '{"scales": [1.0, 1.3], "fusion": "mean", "crf": {"iterations": 3}}')
    assert run("prediction", *index, "--weights", folder / place, "--output", masks, *settings) == 0
    return folder / place, masks


@pytest.mark.parametrize("variant", ["ss", "ms", "ss_crf", "ms_crf"])
def test_masks_have_the_bytes_of_the_run_that_the_weights_lie_in(in_a_run, images, tmp_path, variant):
    place, masks = in_a_run
    assert predict(place, images, tmp_path / "out", "--variant", variant) == 0
    for number, name in enumerate(NAMES):
        mine = (tmp_path / "out" / name).with_suffix(".png").read_bytes()
        assert mine == MaskList([masks]).path(f"i{number}", variant).read_bytes()


def test_a_key_within_a_section_leaves_the_others_as_the_run_had_them(in_a_run):
    model = orandnet.load(in_a_run[0], settings={"crf": {"bilateral_sxy": 40.0}}, device="cpu")
    assert (model.settings.crf.iterations, model.settings.crf.bilateral_sxy) == (3, 40.0)
    assert model.settings_from == "with crf.bilateral_sxy as given, else the run's settings"


def test_weights_that_a_run_did_not_predict_with_have_the_default_settings(in_a_run, weights, images, tmp_path, capsys):
    place, _ = in_a_run
    write_segmenter(place, ("cow", "dog"))  # trained anew since
    for file in (place, weights):
        output = tmp_path / f"out{file == place}"
        assert predict(file, images, output, "--variant", "ss") == 0
        assert json.loads((output / "made_with.json").read_text())["settings"]["fusion"] == "max"
        assert "the default settings (the weights lie in no run that used them)" in capsys.readouterr().err


def test_a_second_run_keeps_what_is_there_and_makes_what_has_changed(weights, images, tmp_path, capsys):
    output = tmp_path / "out"
    assert predict(weights, images, output, "--variant", "ss") == 0
    first, before = files_of(output), dates_of(output)
    capsys.readouterr()
    assert predict(weights, images, output, "--variant", "ss", "--threads", 2) == 0
    assert "predict: 3 of 3 images have their files, and are kept" in capsys.readouterr().err
    assert (files_of(output), dates_of(output)) == (first, before)
    shutil.copy(images / "b.tiff", images / "a.jpg")
    assert predict(weights, images, output, "--variant", "ss") == 0
    assert read_mask(output / "a.png").shape == photograph(2).shape[:2]
    assert dates_of(output)["b.png"] == before["b.png"]
    # what is asked for besides is made for all
    assert predict(weights, images, output, "--variant", "ss", "--overlay") == 0
    assert len(list((output / "overlay").rglob("*.png"))) == 3


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(weights, images, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert predict(weights, images, whole, "--variant", "ss") == 0
    write, seen = predicting.write_outputs, []

    def interrupted(outputs, *arguments, **options):
        seen.append(outputs.mask)
        if len(seen) == 2:
            raise KeyboardInterrupt
        write(outputs, *arguments, **options)

    monkeypatch.setattr(predicting, "write_outputs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict(weights, images, stopped, "--variant", "ss")
    monkeypatch.undo()
    with (stopped / "images.csv").open("a") as file:
        file.write("sub/a.JPEG,,9f8")  # as a kill in the middle of a row leaves it
    assert len(dates_of(stopped)) == 1
    assert predict(weights, images, stopped, "--variant", "ss") == 0
    assert files_of(stopped) == files_of(whole)


def test_work_in_other_processes_has_the_same_bytes(weights, images, tmp_path):
    options = ("--variant", "ss_crf", "--probabilities")
    for threads in (1, 2):
        assert predict(weights, images, tmp_path / str(threads), "--threads", threads, *options) == 0
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


def test_what_cannot_be_read_is_named_and_the_rest_is_made(weights, images, tmp_path, capsys):
    (images / "bad.jpg").write_bytes((images / "a.jpg").read_bytes()[:200])
    (images / "sub/empty.png").touch()
    for _ in range(2):
        assert predict(weights, images, tmp_path / "out", "--variant", "ss") == 1
        told = capsys.readouterr().err
        assert f"predict: left out: {images}/bad.jpg: the image cannot be decoded" in told
        last = told[told.index("orandnet predict: ") :]
        assert last.startswith("orandnet predict: 2 of 5 images without a mask, the others have one:\n")
        assert f"{images}/bad.jpg" in last
        assert f"{images}/sub/empty.png" in last
    assert {*dates_of(tmp_path / "out")} == {"a.png", "b.png"}


def test_an_image_that_is_too_large_for_the_memory_is_left_out_with_its_name(
    weights, images, tmp_path, capsys, monkeypatch
):
    before_crf = Segmenter.before_crf

    def small_memory(self, rgb):
        if rgb.shape[0] == photograph(1).shape[0]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        return before_crf(self, rgb)

    monkeypatch.setattr(Segmenter, "before_crf", small_memory)
    assert predict(weights, images, tmp_path / "out", "--variant", "ss") == 1
    assert f"{images}/sub/a.JPEG: its 30 x 21 pixels need more memory than there is on cpu" in capsys.readouterr().err
    assert len(dates_of(tmp_path / "out")) == 2


def test_names_of_any_characters_are_kept(weights, tmp_path):
    names = ['it\'s a "$HOME" {x}.jpg', "new\nline;,.png", "über/ a .png", "a.b.png", "-x.bmp"]
    images = write_images(tmp_path / "images", *names)
    raw = os.fsencode(images) + b"/\xff.png"
    Path(os.fsdecode(raw)).write_bytes((images / "a.b.png").read_bytes())
    for _ in range(2):
        assert predict(weights, images, tmp_path / "out", "--variant", "ss") == 0
    for name in [*names, os.fsdecode(b"\xff.png")]:
        assert (tmp_path / "out" / name).with_suffix(".png").is_file()
    with (tmp_path / "out/images.csv").open(newline="", errors="surrogateescape") as file:
        assert {row["image"] for row in csv.DictReader(file)} == {*names, os.fsdecode(b"\xff.png")}


def other_file(folder):
    write_mask(folder / "out/mine.png", np.ones((2, 2), np.uint8))


def of_cams(folder):
    (folder / "out").mkdir()
    (folder / "out/made_with.json").write_text('{"command": "cam"}')


def damaged(folder):
    (folder / "out").mkdir()
    (folder / "out/made_with.json").write_text("{")


REFUSED = {
    "no folder": (lambda f: shutil.rmtree(f / "images"), [], "images: there is no such folder"),
    "a file": (lambda f: (shutil.rmtree(f / "images"), (f / "images").touch()), [], "images: is a file; give its"),
    "no image": (
        lambda f: [p.unlink() for p in (f / "images").rglob("*.*")],
        [],
        "images holds no file; give a folder",
    ),
    "texts": (
        lambda f: [p.rename(p.with_suffix(".gif")) for p in (f / "images").rglob("*.*")],
        [],
        "images holds only files that end otherwise (3 of .gif)",
    ),
    "one stem": (lambda f: shutil.copy(f / "images/a.jpg", f / "images/a.png"), [], "a.png: has the name of a.jpg but"),
    "a folder like a mask": (
        lambda f: write_images(f / "images", "a.png/c.jpg"),
        [],
        "out/a.png: would be written for",
    ),
    "a folder like the overlays": (
        lambda f: write_images(f / "images", "overlay/a.jpg"),
        ["--overlay"],
        "out/overlay/a.png: would be written for",
    ),
    "a long name": (lambda f: write_images(f / "images", "x" * 210 + ".png"), [], "name of more than 200 bytes"),
    "a loop": (lambda f: (f / "images/sub/loop").symlink_to(f / "images"), [], "once more, by a link; remove the link"),
    "output in the images": (lambda f: None, ["--output", "images/out"], "lies in the folder of the images"),
    "output is the images": (lambda f: None, ["--output", "images"], "lies in the folder of the images"),
    "output by a link": (lambda f: (f / "o").symlink_to(f / "images/sub"), ["--output", "o"], "lies in the folder of"),
    "output is a file": (lambda f: (f / "out").touch(), [], "out is a file; give a folder"),
    "other files": (other_file, [], "out holds other files, mine.png among them, and no made_with.json"),
    "files of a CAM": (of_cams, [], 'out was made with command "cam", now "predict"'),
    "a damaged record": (damaged, [], "made_with.json: cannot be read"),
    "no such variant": (lambda f: None, ["--variant", "mss"], "variant: 'mss' is unknown; choose one of ss, ms,"),
    "no GPU": (lambda f: None, ["--device", "cuda"], "device: 'cuda' was asked for, but torch sees no GPU; use cpu"),
    "no weights": (lambda f: None, ["--weights", "none"], "--weights: no file none; make it first"),
    "a classifier's weights": (
        lambda f: write_classifier(f / "w", "cnn"),
        ["--weights", "w"],
        "w: holds a classifier, which makes CAMs",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_told_before_anything_is_made(case, weights, images, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    prepare, options, words = REFUSED[case]
    prepare(tmp_path)
    before = files_of(tmp_path)
    assert predict(weights, "images", "out", *options) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("orandnet predict: ")]
    assert words in line
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--variant", "ms"], 'out was made with variant "ss", now "ms"; give another folder'),
        (["--settings", '{"scales": [1.0]}'], "out was made with scales [0.5, 0.75, 1.0, 1.25, 1.5], now [1.0]"),
        (["--weights", "other"], "out was made with weights_sha256"),
        (["--images", "moved"], "out was made with images"),
    ],
)
def test_another_variant_setting_or_network_or_other_images_need_another_folder(
    weights, images, tmp_path, capsys, monkeypatch, change, words
):
    monkeypatch.chdir(tmp_path)
    assert predict(weights, "images", "out", "--variant", "ss") == 0
    shutil.copytree("images", "moved")
    write_segmenter(tmp_path / "other", ("cow", "dog"))
    before = files_of(tmp_path)
    assert predict(weights, "images", "out", "--variant", "ss", *change) == 1
    assert words in capsys.readouterr().err
    assert files_of(tmp_path) == before
