"""Downloads go on after a broken connection, are checked, and nothing is unpacked outside its folder."""

import gzip
import hashlib
import io
import json
import shutil
import stat
import tarfile
import zipfile

import pytest

from file_server import serving
from orandnet.cli import main
from orandnet.dataset.download.fetching import fetch_dataset
from orandnet.dataset.download.sources import TABLE, Source, read_sources
from orandnet.dataset.download.transfer import ATTEMPTS, download
from orandnet.dataset.download.unpacking import unpack
from orandnet.dataset.settings import FetchSettings

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def shared_server():
    with serving() as server:
        yield server


@pytest.fixture
def server(shared_server):
    shared_server.files, shared_server.drops, shared_server.ranges = {"/a.bin": CONTENT}, {}, True
    shared_server.requests.clear()
    return shared_server


def fetch(server, path, *names):
    urls = [server.url(name) for name in names or ("/a.bin",)]
    return download(path, urls, size=len(CONTENT), checksums={"sha256": SHA256}, wait=0)


def tar_of(*members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in members:
            info = tarfile.TarInfo(info) if isinstance(info, str) else info
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for info, content in members:
            archive.writestr(info, content)
    return buffer.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped_link(name):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_a_download_goes_on_where_the_connection_broke(server, tmp_path):
    server.drops["/a.bin"] = [30_000, 20_000]
    assert fetch(server, tmp_path / "a.bin") == server.url("/a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, "bytes=30000-", "bytes=50000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_download_that_was_given_up_goes_on_in_the_next_call(server, tmp_path):
    server.drops["/a.bin"] = [10] * ATTEMPTS
    with pytest.raises(ValueError, match=r"the connection ended after 50 of 102400 bytes\); run again, add a mirror"):
        fetch(server, tmp_path / "a.bin")
    fetch(server, tmp_path / "a.bin")
    assert server.requests[-1] == ("/a.bin", "bytes=50-")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_anew(server, tmp_path):
    server.drops["/a.bin"], server.ranges = [30_000], False
    fetch(server, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    server.files["/a.bin"] = CONTENT + b"more"
    server.drops["/a.bin"] = [len(CONTENT) + 2] * ATTEMPTS
    with pytest.raises(ValueError, match="could not be downloaded"):
        fetch(server, tmp_path / "a.bin")
    server.files["/a.bin"], server.drops = CONTENT, {}
    fetch(server, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(b"<html>gone</html>", "has 17 bytes instead of 102400"), (CONTENT[::-1], f"instead of {SHA256}")],
)
def test_a_wrong_file_is_refused_and_the_next_mirror_asked(server, tmp_path, wrong, message):
    server.files["/wrong.bin"] = wrong
    with pytest.raises(ValueError, match=message):
        fetch(server, tmp_path / "a.bin", "/wrong.bin")
    assert len(server.requests) == 1  # the same answer is not asked for again
    assert list(tmp_path.iterdir()) == []
    assert fetch(server, tmp_path / "a.bin", "/wrong.bin", "/none.bin", "/a.bin") == server.url("/a.bin")


def test_a_file_put_there_by_hand_is_checked_and_used(server, tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    assert fetch(server, tmp_path / "a.bin") == ""
    assert server.requests == []
    (tmp_path / "a.bin").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"has 5 bytes instead of 102400; delete it"):
        fetch(server, tmp_path / "a.bin")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("up.tar", tar_of(("good.txt", b"1"), ("../evil.txt", b"2"))),
        ("absolute.tar", tar_of(("/evil.txt", b"2"))),
        ("symlink.tar", tar_of((special("out", tarfile.SYMTYPE, ".."), b""), ("out/evil.txt", b"2"))),
        ("hardlink.tar", tar_of((special("out", tarfile.LNKTYPE, "../evil.txt"), b""))),
        ("device.tar", tar_of((special("null", tarfile.CHRTYPE), b""))),
        ("pipe.tar", tar_of((special("pipe", tarfile.FIFOTYPE), b""))),
        ("up.zip", zip_of(("good.txt", b"1"), ("a/../../evil.txt", b"2"))),
        ("absolute.zip", zip_of(("/evil.txt", b"2"))),
        ("windows.zip", zip_of(("C:evil.txt", b"2"))),
        ("symlink.zip", zip_of((zipped_link("out"), b".."), ("out/evil.txt", b"2"))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_archive_that_reaches_outside_is_refused_whole(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}: the member .* do not use this archive"):
        unpack(tmp_path / name, tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_damaged_archive_is_named(tmp_path):
    content = bytearray(zip_of(("a.txt", b"content " * 9)))
    content[content.index(b"content")] ^= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip: cannot be unpacked \(Bad CRC"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def bomb_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", bytes(200 * 2**20))
    return file.getvalue()


def bomb_tar():
    return gzip.compress(tar_of(("a.txt", bytes(200 * 2**20))), compresslevel=1)


@pytest.mark.parametrize(("name", "content"), [("a.zip", bomb_zip), ("a.tar.gz", bomb_tar)])
def test_an_archive_that_would_fill_the_disk_is_refused_before_anything_is_written(tmp_path, name, content):
    (tmp_path / name).write_bytes(content())
    with pytest.raises(ValueError, match=rf"{name}: unpacks to more than \d+ MiB .* do not use"):
        unpack(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cut", [1, 5, 9, 200, 1100])
def test_a_tar_that_was_cut_off_is_refused_wherever(tmp_path, cut):
    whole = tar_of(("a.bin", bytes(range(256)) * 8), ("b.bin", bytes(range(256)) * 8))
    for name, content in (("a.tar.gz", gzip.compress(whole)[:-cut]), ("a.tar", whole.rstrip(b"\0")[:-cut])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}: cannot be unpacked"):
            unpack(tmp_path / name, tmp_path / "out")
        shutil.rmtree(tmp_path / "out", ignore_errors=True)


def test_an_encrypted_zip_is_named(tmp_path):
    content = bytearray(zip_of(("a.txt", b"content " * 9)))
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip: cannot be unpacked \(.*encrypted"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def voc_sources(server):
    """Serve a tiny VOC 2012 and its augmented masks; return their rows of the table."""
    lists = "VOCdevkit/VOC2012/ImageSets/Segmentation"
    images = [(f"VOCdevkit/VOC2012/JPEGImages/{image_id}.jpg", b"image") for image_id in ("a", "b", "c")]
    voc = tar_of(*images, (f"{lists}/train.txt", b"a\n"), (f"{lists}/val.txt", b"b\n"))
    test = tar_of(("VOCdevkit/VOC2012/JPEGImages/t.jpg", b"image"), (f"{lists}/test.txt", b"t\n"))
    masks = [(f"SegmentationClassAug/{image_id}.png", b"mask") for image_id in ("c", "b", "a")]
    augmented = zip_of(*masks, ("__MACOSX/._a.png", b"clutter"))
    server.files = {"/voc.tar": voc, "/test.tar": test, "/aug.zip": augmented}
    known = {"sha256": hashlib.sha256(voc).hexdigest()}
    inner = "VOCdevkit/VOC2012"
    return [
        Source("voc", "voc.tar", inner, "JPEGImages", len(voc), known, (server.url("/voc.tar"),)),
        Source("voc", "aug.zip", "", "SegmentationClassAug", None, {}, (server.url("/aug.zip"),)),
        Source("voc_test", "test.tar", inner, "ImageSets/Segmentation/test.txt", None, {}, (server.url("/test.tar"),)),
    ]


def test_a_data_set_is_brought_under_its_root_and_recorded(server, tmp_path, capsys):
    sources, root = voc_sources(server), tmp_path / "VOC2012"
    record = fetch_dataset(FetchSettings(kind="voc", root=root), sources=sources, wait=0)
    assert sorted(path.name for path in (root / "JPEGImages").iterdir()) == ["a.jpg", "b.jpg", "c.jpg", "t.jpg"]
    lists = root / "ImageSets" / "Segmentation"
    assert {path.name: path.read_text() for path in lists.iterdir()} == {
        "train.txt": "a\n",
        "val.txt": "b\n",
        "test.txt": "t\n",
        "train_aug.txt": "a\nc\n",
    }
    assert sorted(path.name for path in root.iterdir()) == [
        "ImageSets",
        "JPEGImages",
        "SegmentationClassAug",
        "fetched.json",
    ]
    assert [entry["checked_by"] for entry in record.values()] == [["sha256"], [], []]
    digest = hashlib.sha256(server.files["/aug.zip"]).hexdigest()
    assert (
        f"aug.zip: no checksum is known, so its origin is unchecked; its sha256 is {digest}" in capsys.readouterr().err
    )
    assert json.loads((root / "fetched.json").read_text()) == record


def test_what_lies_there_is_not_downloaded_again(server, tmp_path):
    sources, root = voc_sources(server), tmp_path / "VOC2012"
    settings = FetchSettings(kind="voc", root=root)
    (root / "SegmentationClassAug").mkdir(parents=True)
    first = fetch_dataset(settings, sources=sources, wait=0)
    assert first["aug.zip"] == {}
    assert [path for path, _ in server.requests] == ["/voc.tar", "/test.tar"]
    assert fetch_dataset(settings, sources=sources, wait=0) == first
    assert len(server.requests) == 2


def test_the_command_takes_what_a_user_has(tmp_path):
    root, output = tmp_path / "VOC2012", tmp_path / "results" / "fetched.json"
    for folder in ("JPEGImages", "SegmentationClassAug", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    (root / "ImageSets/Segmentation/val.txt").write_text("b\n")
    settings = FetchSettings(kind="voc", root=root).canonical_json()
    main(["dataset", "fetch", "--output", str(output), "--settings", settings])
    assert json.loads(output.read_text()) == {"VOCtrainval_11-May-2012.tar": {}, "SegmentationClassAug.zip": {}}


def test_an_interrupted_unpacking_is_made_again_without_a_download(server, tmp_path, monkeypatch):
    sources, root = voc_sources(server)[:1], tmp_path / "VOC2012"

    def interrupted(source, place):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("orandnet.dataset.download.fetching._move", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch_dataset(FetchSettings(kind="voc", root=root), sources=sources, wait=0)
    assert not (root / "JPEGImages").exists()
    (root / "SegmentationClassAug").mkdir()
    fetch_dataset(FetchSettings(kind="voc", root=root), sources=sources, wait=0)
    assert (root / "JPEGImages" / "a.jpg").is_file()
    assert len(server.requests) == 1


def test_a_page_in_place_of_an_archive_is_no_archive(server, tmp_path):
    sources = voc_sources(server)
    server.files["/aug.zip"] = b"<html>this link has been disabled</html>"
    with pytest.raises(ValueError, match=r"aug\.zip: could not be downloaded .* is no archive of its kind"):
        fetch_dataset(FetchSettings(kind="voc", root=tmp_path), sources=sources[1:2], wait=0)


def test_an_archive_without_the_data_is_refused(server, tmp_path):
    sources = voc_sources(server)
    server.files["/aug.zip"] = zip_of(("readme.txt", b"moved"))
    with pytest.raises(ValueError, match=r"aug\.zip: holds no SegmentationClassAug"):
        fetch_dataset(FetchSettings(kind="voc", root=tmp_path), sources=sources[1:2], wait=0)


def test_the_table_names_whole_digests_and_urls(tmp_path):
    sources = read_sources(("voc", "voc_test", "coco"))
    assert {source.dataset for source in sources} == {"voc", "voc_test", "coco"}
    lengths = {"md5": 32, "sha256": 64}
    for source in sources:
        assert all(len(digest) == lengths[name] and int(digest, 16) for name, digest in source.checksums.items())
        assert source.file.endswith((".tar", ".zip"))
    wrong = tmp_path / "sources.csv"
    wrong.write_text(TABLE.read_text().replace("http://images", "ftp://images"))
    with pytest.raises(ValueError, match=r"'ftp://images.*write http:// or https:// URLs"):
        read_sources(("coco",), wrong)
