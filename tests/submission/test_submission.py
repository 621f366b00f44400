"""The archive for the PASCAL VOC server: what is written, and what the check refuses."""

import gzip
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from orandnet.files.mask import encode_mask, write_mask, write_mask_list
from orandnet.files.mask_colors import voc_palette
from orandnet.submission.archive import FOLDER
from orandnet.submission.settings import Settings
from orandnet.submission.stage import validate, write

SIZES = {"2008_000001": (4, 6), "2008_000003": (5, 3)}
FILE_IDS = [8, 20]


@pytest.fixture
def data_set(tmp_path):
    """Two test images and a val image of a data set whose two classes are 8 and 20 in the mask files."""
    rows = ["image_id,image,mask,split,height,width,labels", "2008_000002,x.jpg,,val,4,4,cat"]
    listed = []
    for image_id, (height, width) in reversed(SIZES.items()):
        rows.append(f"{image_id},{image_id}.jpg,,test,{height},{width},")
        mask = np.zeros((height, width), np.uint8)
        mask[0, :3] = (0, 1, 2)
        for variant, content in (("ss", mask * 0), ("ms_crf", mask)):
            sha256 = write_mask(tmp_path / "masks" / variant / f"{image_id}.png", content)
            listed.append({"image_id": image_id, "variant": variant, "sha256": sha256})
    write_mask_list(tmp_path / "masks/1-of-1.csv", listed)
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "classes.json").write_text(json.dumps({"classes": ["cat", "tvmonitor"], "file_ids": FILE_IDS}))
    return tmp_path


def archive_of(folder, name="ours.tar.gz", variant="ms_crf"):
    output, masks = folder / name, [folder / "masks/1-of-1.csv"]
    write(index=folder / "index.csv", masks=masks, output=output, settings=Settings(variant=variant))
    return output


def test_the_archive_holds_the_test_images_in_the_ids_of_the_mask_files(data_set):
    with tarfile.open(archive_of(data_set), "r:gz") as archive:
        assert archive.getnames() == [f"results/VOC2012/Segmentation/comp6_test_cls/{name}.png" for name in SIZES]
        for member, size in zip(archive.getmembers(), SIZES.values(), strict=True):
            with Image.open(archive.extractfile(member)) as image:
                assert (image.mode, image.size) == ("P", size[::-1])
                assert np.asarray(image)[0, :3].tolist() == [0, *FILE_IDS]
                palette = image.getpalette()
                assert palette == voc_palette()[: len(palette)]


def test_equal_predictions_give_equal_bytes(data_set):
    first, second = archive_of(data_set), archive_of(data_set, "again.tar.gz")
    assert first.read_bytes() == second.read_bytes()
    assert archive_of(data_set, "ss.tar.gz", "ss").read_bytes() != first.read_bytes()


def test_classes_without_a_voc_id_are_refused_before_anything_is_written(data_set):
    (data_set / "classes.json").write_text(json.dumps({"classes": ["cat", "kite"], "file_ids": [8, 38]}))
    with pytest.raises(ValueError, match=r"classes have the ids \[8, 38\] in mask files, but the server knows 1 to 20"):
        archive_of(data_set)
    assert not (data_set / "ours.tar.gz").exists()


def test_a_variant_that_was_not_predicted_is_named(data_set):
    with pytest.raises(ValueError, match="no mask \\(variant 'ms'\\)"):
        archive_of(data_set, variant="ms")
    assert not (data_set / "ours.tar.gz").exists()


def right(image_id):
    return encode_mask(np.full(SIZES[image_id], 20, np.uint8))


def recoded(image):
    content = io.BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()


def wrong_palette(size):
    """Return a mask of id 1 in colours chosen to fit, as image editors save it."""
    return recoded(Image.new("RGB", size[::-1], (128, 0, 0)).quantize(2))


FIRST = next(iter(SIZES))
GREY = recoded(Image.new("L", SIZES[FIRST][::-1], 3))
COLORS = recoded(Image.new("RGB", SIZES[FIRST][::-1]))
MEMBERS = {f"{FOLDER}/{image_id}.png": right(image_id) for image_id in SIZES}
FAULTS = {
    "has mode L": {f"{FOLDER}/{FIRST}.png": GREY},
    "has mode RGB": {f"{FOLDER}/{FIRST}.png": COLORS},
    "has another palette": {f"{FOLDER}/{FIRST}.png": wrong_palette(SIZES[FIRST])},
    "is 6 x 4 pixels, its image 4 x 6": {f"{FOLDER}/{FIRST}.png": encode_mask(np.zeros((6, 4), np.uint8))},
    "holds the id 21": {f"{FOLDER}/{FIRST}.png": encode_mask(np.full(SIZES[FIRST], 21, np.uint8))},
    "holds the id 255": {f"{FOLDER}/{FIRST}.png": encode_mask(np.full(SIZES[FIRST], 255, np.uint8))},
    "cannot be decoded": {f"{FOLDER}/{FIRST}.png": right(FIRST)[:40]},
    "2008_000001 .* is missing": {f"{FOLDER}/{FIRST}.png": None},
    "2008_000002 .* is no test image": {f"{FOLDER}/2008_000002.png": right(FIRST)},
    f"comp5_test_cls/{FIRST}.png does not belong": {f"{FOLDER.parent}/comp5_test_cls/{FIRST}.png": right(FIRST)},
    "readme.txt does not belong": {f"{FOLDER}/readme.txt": b"hello"},
}


def pack(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_an_archive_made_elsewhere_passes_with_its_folders(data_set, tmp_path):
    for name, content in MEMBERS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with tarfile.open(tmp_path / "mine.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "results", "results")
    validate(archive=tmp_path / "mine.tar.gz", index=data_set / "index.csv")


@pytest.mark.parametrize("message", FAULTS)
def test_what_the_server_would_not_take_is_refused(data_set, message):
    changed = {name: content for name, content in (MEMBERS | FAULTS[message]).items() if content is not None}
    archive = pack(data_set / "mine.tar.gz", changed.items())
    with pytest.raises(ValueError, match=message):
        validate(archive=archive, index=data_set / "index.csv")


def test_an_image_that_is_there_twice_is_refused(data_set):
    archive = pack(data_set / "mine.tar.gz", [*MEMBERS.items(), *MEMBERS.items()])
    with pytest.raises(ValueError, match="there more than once"):
        validate(archive=archive, index=data_set / "index.csv")


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no tar" * 200)])
def test_what_is_no_archive_is_refused_in_one_line(data_set, content):
    (data_set / "mine.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.tar\.gz: is no \.tar\.gz archive"):
        validate(archive=data_set / "mine.tar.gz", index=data_set / "index.csv")


def test_a_data_set_without_test_images_is_refused(data_set):
    (data_set / "index.csv").write_text("image_id,image,mask,split,height,width,labels\n")
    with pytest.raises(ValueError, match="has no test image"):
        validate(archive=data_set / "ours.tar.gz", index=data_set / "index.csv")
