"""The record of an output folder: taken up, refused, and whole after a kill."""

import json

import pytest

from orandnet.files.folder_record import FolderRecord
from orandnet.files.manifest import digest

MADE_WITH = {"command": "x", "settings": {"a": (1, 2), "b": {"c": 0.5}}}


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "i.png"
    path.write_bytes(b"1")
    return path


def record(tmp_path, made_with=MADE_WITH, **notes):
    return FolderRecord(tmp_path / "out", made_with, notes)


def test_rows_outlive_the_process_and_are_sorted_at_the_end(tmp_path):
    with record(tmp_path, weights="w") as first:
        for name in ("b,\n.png", "a.png", "c\udcff.png"):
            first.add(name, "0" * 64, "1;2")
    text = (tmp_path / "out/images.csv").read_bytes()
    assert text.startswith(b"image,labels,sha256\na.png,1;2,000")
    with record(tmp_path, weights="elsewhere") as second:
        assert second.done == first.done
        assert [*second.done] == ["a.png", "b,\n.png", "c\udcff.png"]
    assert (tmp_path / "out/images.csv").read_bytes() == text
    assert json.loads((tmp_path / "out/made_with.json").read_text())["weights"] == "w"


def test_a_row_that_was_cut_off_is_none(tmp_path):
    with record(tmp_path) as first:
        first.add("a.png", "0" * 64)
    rows = (tmp_path / "out/images.csv").read_text()
    (tmp_path / "out/images.csv").write_text(f"{rows}b.png,,{'0' * 63}")
    with record(tmp_path) as second:
        second.add("c.png", "1" * 64)
    assert [*record(tmp_path).done] == ["a.png", "c.png"]


def test_what_is_there_of_the_same_image_and_labels_is_held(tmp_path, image):
    with record(tmp_path) as held:
        assert not held.holds("i", image, [image])
        held.add("i", digest(b"1"), "2")
        assert held.holds("i", image, [image], "2")
        assert not held.holds("i", image, [image], "3")
        assert not held.holds("i", image, [image, tmp_path / "none"], "2")
        image.write_bytes(b"2")
        assert not held.holds("i", image, [image], "2")
        image.unlink()
        assert not held.holds("i", image, [], "2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"command": "y"}, r'out was made with command "x", now "y"; give another folder'),
        ({"settings": {"a": [1, 3], "b": {"c": 0.5}}}, r"made with a \[1, 2\], now \[1, 3\]"),
        ({"settings": {"a": [1, 2], "b": {"c": 1}}}, r"made with c 0.5, now 1"),
        ({"settings": {"d": 1}}, r"made with settings \{.*, now \{"),
        ({"further": 1}, "made with further null, now 1"),
    ],
)
def test_what_differs_is_told_by_its_key(tmp_path, change, words):
    with record(tmp_path):
        pass
    with pytest.raises(ValueError, match=words):
        record(tmp_path, {**MADE_WITH, **change})


def test_an_empty_folder_and_one_of_hidden_files_are_filled(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.hidden").touch()
    with record(tmp_path) as begun:
        assert begun.done == {}
