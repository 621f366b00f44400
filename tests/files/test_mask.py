"""Masks keep their ids through the file, and lists keep masks honest."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from orandnet.files import atomic
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import MaskList, read_mask, read_mask_list, write_mask, write_mask_list
from orandnet.files.palette import voc_palette

MASK = np.array([[0, 1, 255], [2, 20, 0]], dtype=np.uint8)


@given(mask=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 255)))
def test_every_mask_comes_back_as_it_was_written(tmp_path_factory, mask):
    path = tmp_path_factory.mktemp("mask") / "a.png"
    write_mask(path, mask)
    np.testing.assert_array_equal(read_mask(path), mask)


def test_the_palette_is_that_of_pascal_voc():
    palette = voc_palette()
    assert len(palette) == 768
    assert palette[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
    assert palette[3 * 20 : 3 * 21] == [0, 64, 128]
    assert palette[-3:] == [224, 224, 192]


def test_a_written_mask_is_an_8_bit_palette_png(tmp_path):
    write_mask(tmp_path / "a.png", MASK)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert image.getpalette() == voc_palette()
        assert image.size == (3, 2)


def test_grey_masks_are_read_as_ids(tmp_path):
    Image.fromarray(MASK).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "grey.png"), MASK)


def test_a_coloured_mask_is_refused(tmp_path):
    Image.new("RGB", (3, 2)).save(tmp_path / "color.png")
    with pytest.raises(ValueError, match=r"color.png: .* mode RGB; save class ids as a palette PNG"):
        read_mask(tmp_path / "color.png")


def test_a_grey_mask_of_few_bits_is_refused_because_its_ids_would_be_stretched(tmp_path):
    Image.new("L", (8, 8), 1).save(tmp_path / "four.png", bits=4)
    with Image.open(tmp_path / "four.png") as image:
        if image.mode != "L" or image.tile[0][3] == "L":
            pytest.skip("this PIL writes 8 bits")
    with pytest.raises(ValueError, match="less than 8-bit grey"):
        read_mask(tmp_path / "four.png")


def test_a_truncated_or_missing_mask_is_refused(tmp_path):
    path = tmp_path / "a.png"
    write_mask(path, np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match=r"a.png: the mask cannot be decoded"):
        read_mask(path)
    with pytest.raises(ValueError, match=r"b.png: there is no such mask"):
        read_mask(tmp_path / "b.png")


@pytest.mark.parametrize("mask", [MASK.astype(np.int64), MASK[None], MASK[:0]])
def test_only_two_dimensional_bytes_are_written(tmp_path, mask):
    with pytest.raises(ValueError, match=r"a filled \(H, W\) uint8 array"):
        write_mask(tmp_path / "a.png", mask)


def test_a_list_finds_masks_by_image_and_variant(tmp_path):
    for variant, value in (("ss", 1), ("ms", 2)):
        write_mask(tmp_path / variant / "a.png", np.full((2, 2), value, np.uint8))
    rows = [{"image_id": "a", "variant": variant} for variant in ("ss", "ms")]
    write_mask_list(tmp_path / "1-of-1.csv", rows)
    masks = MaskList([tmp_path / "1-of-1.csv"])
    assert masks.image_ids == ["a"]
    assert masks.variants == ["ss", "ms"]
    assert masks.path("a", "ms") == tmp_path / "ms" / "a.png"
    assert masks.read("a", "ms").max() == 2


def test_a_list_has_exactly_the_promised_columns(tmp_path):
    sha256 = write_mask(tmp_path / "a.png", MASK)
    write_mask_list(tmp_path / "list.csv", [{"image_id": "a"}])
    assert (tmp_path / "list.csv").read_text() == f"image_id,variant,sha256\na,,{sha256}\n"
    assert read_mask_list([tmp_path / "list.csv"])[0]["path"] == tmp_path / "a.png"


def test_a_mask_that_was_changed_after_listing_is_refused(tmp_path):
    write_mask(tmp_path / "a.png", MASK)
    write_mask_list(tmp_path / "list.csv", [{"image_id": "a"}])
    write_mask(tmp_path / "a.png", MASK + 1)
    masks = MaskList([tmp_path / "list.csv"])
    with pytest.raises(ValueError, match="differs from its list"):
        masks.read("a")
    with pytest.raises(ValueError, match=r"b: no mask .* in 1 listed"):
        masks.path("b")


def test_a_mask_that_two_lists_name_is_refused(tmp_path):
    write_mask(tmp_path / "a.png", MASK)
    for name in ("1-of-2.csv", "2-of-2.csv"):
        write_mask_list(tmp_path / name, [{"image_id": "a"}])
    with pytest.raises(ValueError, match="listed twice"):
        MaskList([tmp_path / "1-of-2.csv", tmp_path / "2-of-2.csv"])


def test_a_csv_that_is_no_list_is_refused(tmp_path):
    (tmp_path / "list.csv").write_text("image_id,labels\n")
    with pytest.raises(ValueError, match=r"list.csv: the columns are"):
        read_mask_list([tmp_path / "list.csv"])


def test_a_failed_write_leaves_the_older_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with atomic_path(path) as temporary:
            temporary.write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


FULL = """
import resource, signal, sys
from pathlib import Path
from orandnet.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails as on a full disk: no name is told
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
main(["dataset", "layout", "--output", "out/scenes/labels.csv", "--settings", "{}"])
"""


def test_a_disk_without_room_is_one_line_with_the_file_that_did_not_fit(tmp_path):
    package = Path(voc_palette.__code__.co_filename).parents[2]
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL],
        env={"PYTHONPATH": str(package)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert re.fullmatch(
        r"orandnet dataset: out/\.?scenes\S*: File too large; make room, or have results/ on .*", line
    ), line


def test_a_synced_file_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(atomic.os, "fsync", lambda descriptor: steps.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    replace = os.replace
    monkeypatch.setattr(atomic.os, "replace", lambda a, b: steps.append("renamed") or replace(a, b))
    with atomic_path(tmp_path / "a.txt", synced=True) as temporary:
        temporary.write_text("new")
    assert steps == [str(temporary), "renamed", str(tmp_path)]


def test_a_finished_write_takes_the_place_of_the_older_file(tmp_path):
    path = tmp_path / "new" / "a.npz"
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".npz"
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert len(list(path.parent.iterdir())) == 1
