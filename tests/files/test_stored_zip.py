"""Archives without compression: bytes as of Python's zipfile, its large form too; nothing is read that is not there."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orandnet.files import stored_zip
from orandnet.files.store import FIRST_ZIP_DATE
from orandnet.files.stored_zip import StoredZip, StoredZipWriter

names = st.text(st.characters(codec="utf-8", exclude_characters="\0\\:/"), min_size=1, max_size=9)
contents = st.dictionaries(names, st.binary(max_size=60), max_size=6)


def written(members):
    file = io.BytesIO()
    archive = StoredZipWriter(file)
    for name, content in members.items():
        archive.add(name, content)
    archive.close()
    return file.getvalue()


def written_by_python(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, FIRST_ZIP_DATE), content)
    return file.getvalue()


def read(path):
    archive = StoredZip(path)
    return {name: archive.read(place) for name, place in archive.members()}


@given(contents)
def test_the_bytes_are_those_of_python_s_own_zipfile(tmp_path_factory, members):
    content = written(members)
    assert content == written_by_python(members)
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    path.write_bytes(content)
    assert read(path) == members


@pytest.mark.parametrize(("many", "large"), [(3, 1 << 31), (65535, 150), (2, 40)])
def test_the_large_form_is_python_s_too(tmp_path, monkeypatch, many, large):
    members = {f"image{number}/scores.npy": bytes([number]) * 30 for number in range(5)}
    for module, (count, size) in {
        zipfile: ("ZIP_FILECOUNT_LIMIT", "ZIP64_LIMIT"),
        stored_zip: ("MANY", "LARGE"),
    }.items():
        monkeypatch.setattr(module, count, many)
        monkeypatch.setattr(module, size, large)
    content = written(members)
    assert content == written_by_python(members)
    assert b"PK\6\6" in content
    (tmp_path / "a.zip").write_bytes(content)
    assert read(tmp_path / "a.zip") == members


def test_other_archives_without_compression_are_read_and_others_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"abc")
        archive.comment = b"a comment"
    assert read(path) == {"a": b"abc"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"abc" * 99)
    with pytest.raises(ValueError, match="'a' is damaged, compressed or encrypted"):
        read(path)


@given(st.integers(0, 300), st.integers(0, 255))
def test_a_damaged_archive_is_refused_or_gives_what_was_in_it(tmp_path_factory, position, value):
    members = {"a/classes.npy": b"12345", "b/classes.npy": b"6789"}
    content = bytearray(written(members))
    content[position % len(content)] = value
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    path.write_bytes(content)
    try:
        found = read(path)
    except ValueError:
        return
    assert set(found.values()) <= set(members.values())
