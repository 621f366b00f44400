"""Exports: files that programs for other formats read, and the trail of one image, packed and shown."""

import csv
import hashlib
import io
import json
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from orandnet import cli
from orandnet.dataset.image import read_rgb
from orandnet.dataset.settings import Settings
from orandnet.dataset.stage import make_all
from orandnet.export import archive
from orandnet.export.trail import without_folders
from orandnet.files.mask import MaskList, read_mask, write_mask, write_mask_list
from orandnet.files.store import CamStore, write_shard
from orandnet.maps.grid import resize_scores
from orandnet.pseudo_mask.threshold import pseudo_mask
from random_cams import random_cam
from voc_folder import SIZE, write_voc
from whole_dataset import survey

VOC_IDS = {"cat": 8, "dog": 12}  # a part of VOC: ids 1 and 2 in the run, 8 and 12 in the data set's files
CLASSES = {"a1": (1,), "a2": (2,), "a3": (1, 2)}
METHOD = "pseudo_mask/ours/seed0"


def run(*arguments):
    """Run the command line in this process; return its exit code."""
    try:
        cli.main(["export", *map(str, arguments)])
    except SystemExit as stopped:
        return stopped.code
    return 0


@pytest.fixture
def results(tmp_path) -> Path:
    """Return the folder of a run on two classes of VOC, in which one source's CAMs and one method's masks lie."""
    folder = tmp_path / "results" / "part"
    plain = write_voc(tmp_path / "voc")
    for path in (plain.root / "SegmentationClass").iterdir():
        write_mask(path, np.array([0, *VOC_IDS.values()], np.uint8).take(read_mask(path), mode="clip"))
    settings = Settings(**plain.model_dump() | {"classes": VOC_IDS, "other_mask_ids": "ignore"})
    make_all(folder / "dataset", settings)
    cams = [random_cam(name, classes, SIZE) for name, classes in CLASSES.items()]
    write_shard(folder / "cam/cnn/seed0/1-of-1.npz", cams)
    write_mask_list(folder / METHOD / "1-of-1.csv", (write_pseudo_mask(folder / METHOD, cam) for cam in cams))
    return folder


def write_pseudo_mask(folder, cam):
    mask = pseudo_mask(resize_scores(cam.scores, cam.size), cam.classes, background_threshold=0.5)
    mask[0, 0] = 255
    return {"image_id": cam.image_id, "sha256": write_mask(folder / f"{cam.image_id}.png", mask)}


def cam_export(results, kind):
    output = results / "export" / kind / "1-of-1.csv"
    shard = results / "cam/cnn/seed0/1-of-1.npz"
    assert run(kind, "--index", results / "dataset/index.csv", "--cams", shard, "--output", output) == 0
    return output


def stored(results):
    return CamStore([results / "cam/cnn/seed0/1-of-1.npz"])


def test_irn_files_do_what_the_programs_of_irn_ask_of_them(results):
    output = cam_export(results, "irn")
    content = np.load(output.with_name("a3.npy"), allow_pickle=True).item()
    assert content.keys() == {"keys", "cam", "high_res"}
    keys = np.pad(content["keys"] + 1, (1, 0), mode="constant")
    assert keys.tolist() == [0, 8, 12]  # the ids of the data set's files
    cam = stored(results)["a3"]
    assert isinstance(content["keys"], torch.Tensor)
    assert content["cam"].dtype == torch.float32
    np.testing.assert_array_equal(content["cam"].to("cpu").numpy(), cam.scores)
    padded = np.pad(content["high_res"], ((1, 0), (0, 0), (0, 0)), mode="constant", constant_values=0.5)
    ours = pseudo_mask(resize_scores(cam.scores, SIZE), cam.classes, background_threshold=0.5)
    np.testing.assert_array_equal(keys[padded.argmax(0)], np.array([0, 8, 12])[ours])
    content["cam"] += 1  # nothing is read-only
    content["high_res"] += 1


def test_irn_files_of_a_cam_at_another_size_hold_it_on_the_grid(results):
    cams = [random_cam(name, classes, SIZE) for name, classes in CLASSES.items()]
    full = [cam._replace(scores=resize_scores(cam.scores, SIZE)) for cam in cams]  # as the stage refinement writes them
    write_shard(results / "cam/cnn/seed0/1-of-1.npz", full)
    content = np.load(cam_export(results, "irn").with_name("a3.npy"), allow_pickle=True).item()
    assert content["cam"].shape == (2, 3, 4)
    assert content["cam"].dtype == torch.float32
    np.testing.assert_allclose(content["cam"].numpy(), full[2].scores.reshape(2, 3, 4, 4, 4).mean((2, 4)), atol=1e-3)
    assert content["high_res"].shape == (2, *SIZE)


def test_irn_files_are_readable_with_numpy_1_and_their_bytes_depend_on_the_content_alone(results):
    first = cam_export(results, "irn")
    before = {path.name: path.read_bytes() for path in first.parent.glob("*.npy")}
    assert len(before) == 3
    assert not any(b"numpy._core" in content for content in before.values())
    keep = [torch.zeros(n) for n in range(1, 50)]  # other addresses in memory
    cam_export(results, "irn")
    assert {path.name: path.read_bytes() for path in first.parent.glob("*.npy")} == before
    with first.open(newline="") as file:
        assert {f"{row['image_id']}.npy": row["sha256"] for row in csv.DictReader(file)} == {
            name: hashlib.sha256(content).hexdigest() for name, content in before.items()
        }
    del keep


def test_plain_files_are_read_without_pickles(results):
    output = cam_export(results, "npz")
    with np.load(output.with_name("a3.npz"), allow_pickle=False) as arrays:
        assert arrays["classes"].tolist() == [8, 12]
        assert arrays["scores"].dtype == np.float32
        np.testing.assert_array_equal(arrays["scores"], stored(results)["a3"].scores)
        assert tuple(arrays["size"]) == SIZE


def test_class_lists_without_the_ids_of_the_files_are_refused(results, capsys):
    classes = results / "dataset/classes.json"
    content = json.loads(classes.read_text())
    del content["file_ids"]
    classes.write_text(json.dumps(content))
    shard = results / "cam/cnn/seed0/1-of-1.npz"
    assert run("npz", "--index", results / "dataset/index.csv", "--cams", shard, "--output", results / "x.csv") == 1
    assert "classes.json: does not tell the classes ('file_ids')" in capsys.readouterr().err


def voc_export(results, images):
    output = results / "export/voc/ours/seed0/list.csv"
    settings = json.dumps({"images": images})
    masks = results / METHOD / "1-of-1.csv"
    index = results / "dataset/index.csv"
    assert run("voc", "--index", index, "--masks", masks, "--output", output, "--settings", settings) == 0
    return output.parent


@pytest.mark.parametrize("images", ["link", "copy"])
def test_the_voc_folder_is_a_data_set_that_this_package_reads(results, images):
    folder = voc_export(results, images)
    (folder / "ImageSets/Segmentation/rest.txt").write_text("a3\n")
    lists = {"train": "train", "train_aug": "train", "val": "rest"}
    found = survey(Settings(kind="voc", root=folder, classes=VOC_IDS, lists=lists, labels=str(folder / "labels.csv")))
    assert [(row["image_id"], row["labels"]) for row in found.rows] == [("a1", "cat"), ("a2", "dog"), ("a3", "cat;dog")]
    assert found.num_masks == 3


def test_exported_masks_have_the_ids_of_the_files_and_the_list_and_names_fit(results):
    folder = voc_export(results, "copy")
    ours, theirs = MaskList([results / METHOD / "1-of-1.csv"]), MaskList([folder / "list.csv"])
    table = {0: 0, 1: 8, 2: 12, 255: 255}
    for image_id in CLASSES:
        expected = np.vectorize(table.get)(ours.read(image_id))
        np.testing.assert_array_equal(theirs.read(image_id, "SegmentationClass"), expected)
    assert (folder / "ImageSets/Segmentation/train_aug.txt").read_text() == "a1\na2\na3\n"
    names = (folder / "classes.txt").read_text().splitlines()
    assert [names[number] for number in (0, 8, 12)] == ["background", "cat", "dog"]
    assert names[1] == "unused_1"
    assert f"classes={tuple(names)}" in (folder / "README.md").read_text()


def test_links_hold_when_the_project_moves_and_a_new_export_replaces_them(results, tmp_path):
    image = voc_export(results, "link") / "JPEGImages/a1.jpg"
    assert image.is_symlink()
    assert not os.path.isabs(os.readlink(image))
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert (moved / image.relative_to(tmp_path)).read_bytes() == (moved / "voc/JPEGImages/a1.jpg").read_bytes()
    moved.rename(tmp_path)
    voc_export(results, "copy")
    assert not image.is_symlink()


def test_an_image_that_exif_turns_is_exported_as_the_masks_have_it(results, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    noise = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "voc/JPEGImages/a1.jpg", exif=exif, quality=95)
    with Image.open(voc_export(results, "link") / "JPEGImages/a1.jpg") as image:
        assert image.format == "PNG"
        assert not image.getexif()
        np.testing.assert_array_equal(np.array(image), read_rgb(tmp_path / "voc/JPEGImages/a1.jpg", SIZE))


def test_a_missing_image_is_named_before_anything_points_to_it(results, tmp_path, capsys):
    (tmp_path / "voc/JPEGImages/a2.jpg").unlink()
    arguments = (
        "--index",
        results / "dataset/index.csv",
        "--masks",
        results / METHOD / "1-of-1.csv",
        "--settings",
        "{}",
    )
    assert run("voc", *arguments, "--output", tmp_path / "out/list.csv") == 1
    assert "a2.jpg: there is no such image" in capsys.readouterr().err


def packed(results, image_id="a3", **options):
    output = results / "export/pack" / f"{image_id}.zip"
    more = [text for name, value in options.items() for text in (f"--{name}", value)]
    index = results / "dataset/index.csv"
    assert run("pack", "--index", index, "--image-id", image_id, "--results", results, "--output", output, *more) == 0
    return output


def test_a_trail_comes_back_whole_and_is_shown(results, tmp_path, capsys):
    trail = packed(results, config=json.dumps({"run": "part"}))
    folder = tmp_path / "shown"
    assert run("show", "--pack", trail, "--output", folder, "--background-threshold", 0.4) == 0
    ours, theirs = stored(results)["a3"], CamStore([folder / "cam/cnn/seed0/1-of-1.npz"])
    assert theirs.image_ids == ["a3"]
    np.testing.assert_array_equal(theirs["a3"].scores, ours.scores)
    assert (folder / METHOD / "a3.png").read_bytes() == (results / METHOD / "a3.png").read_bytes()
    assert (folder / "image/a3.jpg").read_bytes() == (tmp_path / "voc/JPEGImages/a3.jpg").read_bytes()
    about = json.loads((folder / "trail.json").read_text())
    assert (about["labels"], about["split"], about["config"]) == (["cat", "dog"], "train_aug", {"run": "part"})
    printed = capsys.readouterr().out
    for scores in ours.scores:
        assert f"{scores.mean():.3f}" in printed
        assert f"{(scores > 0.4).mean():.1%}" in printed
    with Image.open(folder / "contact_sheet.png") as sheet:
        assert sheet.width > 700  # the image, two maps and a mask beside each other
        assert len(np.unique(np.asarray(sheet.convert("L")))) > 20


def test_a_trail_names_no_folder_of_the_machine_holds_no_true_mask_and_has_fixed_bytes(results, tmp_path):
    manifest = {"stage": "cam", "settings": {"weights": str(tmp_path / "w.safetensors")}, "code": "0123"}
    (results / "cam/cnn/seed0/1-of-1.manifest.json").write_text(json.dumps(manifest))
    config = json.dumps({"dataset": {"root": str(tmp_path / "voc")}})
    trail = packed(results, config=config)
    before = trail.read_bytes()
    assert packed(results, config=config).read_bytes() == before
    members = archive.read_archive(trail)
    truth = (tmp_path / "voc/SegmentationClass/a3.png").read_bytes()
    assert truth not in members.values()
    assert not any(str(tmp_path).encode() in content for content in members.values())
    about = json.loads(members["trail.json"])
    assert about["artifacts"]["cam/cnn/seed0/1-of-1.npz"] == {
        "stage": "cam",
        "settings": {"weights": "w.safetensors"},
        "code": "0123",
    }
    assert about["config"] == {"dataset": {"root": "voc"}}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/alice/VOC2012", "VOC2012"),
        ("~/weights.safetensors", "weights.safetensors"),
        ("../../alice/data", "data"),
        (r"C:\Users\alice\data", "data"),
        ("data/VOCdevkit/VOC2012", "data/VOCdevkit/VOC2012"),
        ("hf_hub:timm/resnet50", "hf_hub:timm/resnet50"),
        (0.25, 0.25),
    ],
)
def test_paths_that_lead_out_of_the_project_are_cut_to_their_last_name(text, left):
    assert without_folders({"a": [text]}) == {"a": [left]}


def test_an_image_without_artifacts_and_a_damaged_shard_are_packed_all_the_same(results, tmp_path, capsys):
    assert run("show", "--pack", packed(results, "c1"), "--output", tmp_path / "bare") == 0
    assert "c1: test, 16 x 12 pixels" in capsys.readouterr().out
    (results / "cam/cnn/seed0/1-of-1.npz").write_bytes(b"PK damaged")
    assert run("show", "--pack", packed(results), "--output", tmp_path / "damaged") == 0
    assert "left out, since it could not be read: cam/cnn/seed0/1-of-1.npz" in capsys.readouterr().out


def test_an_unknown_image_and_a_used_folder_are_refused(results, tmp_path, capsys):
    arguments = ("--index", results / "dataset/index.csv", "--output", tmp_path / "x.zip", "--results", results)
    assert run("pack", *arguments, "--image-id", "a4") == 1
    assert "--image-id: 'a4' is not in the index of 5 images; is it 'a" in capsys.readouterr().err
    assert run("show", "--pack", packed(results), "--output", tmp_path) == 1
    assert "is not empty; give a new folder" in capsys.readouterr().err


def hostile(path, members, *, mode=0o100644, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, compression
            file.writestr(info, content)
    return path


def compressed_shard():
    shard = io.BytesIO()
    with zipfile.ZipFile(shard, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a3/scores.npy", bytes(1000))
    return shard.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([("../evil", b"x")], {}, "'../evil' is no plain file inside"),
        ([("a/../../evil", b"x")], {}, "no plain file inside"),
        ([("/tmp/evil", b"x")], {}, "no plain file inside"),
        ([("..\\evil", b"x")], {}, "no plain file inside"),
        ([("C:evil", b"x")], {}, "no plain file inside"),
        ([("folder/", b"")], {}, "no plain file inside"),
        ([("a/.hidden", b"x")], {}, "no plain file inside"),
        ([("a\nb", b"x")], {}, "no plain file inside"),
        ([("link", b"/etc/passwd")], {"mode": stat.S_IFLNK | 0o777}, "no plain file inside"),
        ([("a", b"x"), ("a", b"y")], {}, "holds a file twice"),
        ([("bomb", bytes(2**12))], {"compression": zipfile.ZIP_DEFLATED}, "more than a trail takes"),
        ([("cam/1-of-1.npz", compressed_shard())], {}, "is compressed, which no CAM shard is"),
        ([("readme.txt", b"a foreign archive")], {}, "is no trail of an image"),
        ([("trail.json", b'{"format": "orandnet trail 1"}')], {}, "is no trail of an image"),
    ],
)
def test_a_hostile_or_foreign_archive_is_refused_before_anything_is_written(
    tmp_path, capsys, monkeypatch, members, options, message
):
    monkeypatch.setattr(archive, "MAX_BYTES", 2**11)
    path = hostile(tmp_path / "hostile.zip", members, **options)
    assert run("show", "--pack", path, "--output", tmp_path / "shown") == 1
    assert message in capsys.readouterr().err
    assert [found.name for found in tmp_path.iterdir()] == ["hostile.zip"]


def test_names_that_images_may_have_are_taken(tmp_path):
    members = {
        f"image/{name}.png": b"x" for name in ("IMG_10 (1)", "été, 2", "写真", "a'b&c!", "-1", "12:30", "می\u200cروم")
    }
    archive.write_archive(tmp_path / "own.zip", members)
    assert archive.read_archive(tmp_path / "own.zip") == members


def test_files_that_the_description_does_not_name_and_no_zip_at_all_are_refused(results, tmp_path, capsys):
    members = archive.read_archive(packed(results)) | {"more": b"x"}
    archive.write_archive(tmp_path / "more.zip", members)
    (tmp_path / "text.zip").write_text("no zip")
    for name, message in (("more", "holds other files than"), ("text", "not a readable archive")):
        assert run("show", "--pack", tmp_path / f"{name}.zip", "--output", tmp_path / "shown") == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "shown").exists()
