"""The CAM store: what goes in comes out, in bytes that depend on nothing else."""

import io
import re
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from orandnet.files.store import Cam, CamStore, parse_shard, shard_slice, write_shard
from random_cams import random_cam, random_shard

HALF_STEP = 2.0**-12  # float16 keeps 11 bits: half a step below 1


def test_what_is_written_is_read_again_in_order(tmp_path):
    cams = [random_cam("b"), random_cam("a", (2,), (7, 9)), random_cam("2007_000032", (1, 2, 20))]
    write_shard(tmp_path / "1-of-2.npz", cams[:2])
    write_shard(tmp_path / "2-of-2.npz", cams[2:])
    store = CamStore([tmp_path / "1-of-2.npz", tmp_path / "2-of-2.npz"])
    assert store.image_ids == ["b", "a", "2007_000032"]
    assert len(store) == 3
    assert "a" in store
    assert "c" not in store
    for cam in cams:
        found = store[cam.image_id]
        assert (found.image_id, found.size) == (cam.image_id, cam.size)
        assert (found.classes.dtype, found.scores.dtype) == (np.int64, np.float32)
        np.testing.assert_array_equal(found.classes, cam.classes)
        assert abs(found.scores - cam.scores).max() <= HALF_STEP


@given(st.floats(0, 1, width=32))
def test_float16_moves_a_score_by_half_a_step_at_most_and_not_out_of_range(tmp_path_factory, score):
    path = tmp_path_factory.mktemp("store") / "1-of-1.npz"
    write_shard(path, [Cam("a", np.array([1]), np.full((1, 1, 1), score, np.float32), (4, 4))])
    found = CamStore([path])["a"].scores.item()
    assert abs(found - score) <= HALF_STEP
    assert 0 <= found <= 1


def test_equal_cams_give_equal_bytes(tmp_path):
    first, second = (random_shard(tmp_path / run / "same" / "1-of-1.npz", ["a", "b"]) for run in "12")
    assert first.read_bytes() == second.read_bytes()


def test_plain_numpy_reads_a_shard_without_pickle(tmp_path):
    path = random_shard(tmp_path / "cnn" / "1-of-1.npz", ["a"])
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["a/classes", "a/scores", "a/size"]
        assert arrays["a/scores"].dtype == np.float16
        assert arrays["a/size"].tolist() == [24, 33]
    with zipfile.ZipFile(path) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


def test_images_without_classes_and_shards_without_images_are_kept(tmp_path):
    empty = random_cam("a", ())
    write_shard(tmp_path / "1-of-2.npz", [empty])
    write_shard(tmp_path / "2-of-2.npz", [])
    store = CamStore([tmp_path / "1-of-2.npz", tmp_path / "2-of-2.npz"])
    assert store.image_ids == ["a"]
    assert store["a"].scores.shape == (0, 6, 9)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"scores": np.zeros((2, 3), np.float32)}, "do not fit"),
        ({"scores": np.zeros((3, 2, 2), np.float32)}, "do not fit"),
        ({"classes": np.array([3, 1])}, "ascending"),
        ({"classes": np.array([3, 3])}, "ascending"),
        ({"classes": np.array([0, 1])}, "mask ids from 1"),
        ({"scores": np.full((2, 2, 2), 1.001, np.float32)}, "a CAM lies in"),
        ({"scores": np.full((2, 2, 2), -0.001, np.float32)}, "a CAM lies in"),
        ({"scores": np.full((2, 2, 2), np.nan, np.float32)}, "a CAM lies in"),
    ],
)
def test_a_cam_that_breaks_the_contract_is_refused_and_leaves_no_file(tmp_path, change, problem):
    path = tmp_path / "1-of-1.npz"
    with pytest.raises(ValueError, match=f"^a: .*{problem}"):
        write_shard(path, [random_cam("b"), random_cam("a")._replace(**change)])
    assert list(tmp_path.iterdir()) == []


def test_scores_above_one_are_taken_only_where_they_are_announced(tmp_path):
    cam = Cam("a", np.array([1]), np.full((1, 2, 2), 1.15, np.float32), (8, 8))
    write_shard(tmp_path / "1-of-1.npz", [cam], highest=1.15)
    assert CamStore([tmp_path / "1-of-1.npz"])["a"].scores.max() == pytest.approx(1.15, abs=1e-3)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_an_unreadable_shard_is_named(tmp_path, content):
    path = tmp_path / "1-of-1.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{path}: not a readable CAM shard")):
        CamStore([path])
    with pytest.raises(ValueError, match="not a readable CAM shard"):
        CamStore([tmp_path / "missing.npz"])


def test_a_pickle_in_a_shard_is_not_loaded(tmp_path):
    path = tmp_path / "1-of-1.npz"
    np.savez(path, **{"a/classes": np.array([print], dtype=object)})
    with pytest.raises(ValueError, match=r"image a cannot be read .*Python objects"):
        CamStore([path])["a"]


def test_a_damaged_image_is_named(tmp_path):
    path = random_shard(tmp_path / "1-of-1.npz", ["a", "b"])
    scores = CamStore([path])["b"].scores.astype(np.float16).tobytes()
    path.write_bytes(path.read_bytes().replace(scores, scores[::-1]))
    store = CamStore([path])
    assert store["a"].size == (24, 33)
    with pytest.raises(ValueError, match=r"1-of-1.npz: image b cannot be read .*delete it and run again"):
        store["b"]


def test_a_shard_whose_header_promises_more_than_it_holds_is_named(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f2", "fortran_order": False, "shape": (1, 10**6, 10**6)})
    with zipfile.ZipFile(tmp_path / "1-of-1.npz", "w") as archive:
        for name in ("classes", "scores", "size"):
            archive.writestr(f"a/{name}.npy", header.getvalue())
    with pytest.raises(
        ValueError, match=r"1-of-1.npz: image a cannot be read .* takes 2000000000000 bytes, and .* 0\)"
    ):
        CamStore([tmp_path / "1-of-1.npz"])["a"]


def test_a_shard_with_other_arrays_is_named(tmp_path):
    np.savez(
        tmp_path / "1-of-1.npz", **{"a/classes": np.array([1, 2]), "a/scores": np.zeros((1, 2, 2)), "a/size": [8, 8]}
    )
    with pytest.raises(ValueError, match=r"image a cannot be read \(its arrays are \(2,\), \(1, 2, 2\) and \(2,\)"):
        CamStore([tmp_path / "1-of-1.npz"])["a"]


def test_an_image_in_two_shards_is_refused(tmp_path):
    paths = [random_shard(tmp_path / f"{number}-of-2.npz", ["a"]) for number in (1, 2)]
    with pytest.raises(ValueError, match=r"image a also lies in .*1-of-2.npz; delete stale shards"):
        CamStore(paths)


def test_a_missing_image_is_named(tmp_path):
    store = CamStore([random_shard(tmp_path / "1-of-1.npz", ["a"])])
    with pytest.raises(ValueError, match=r"^b: not in this CAM store of 1 images"):
        store["b"]


@given(st.lists(st.integers()), st.integers(1, 12))
def test_shards_are_a_partition_into_equal_parts(items, number):
    parts = [shard_slice(items, f"{index}-of-{number}") for index in range(1, number + 1)]
    assert [item for part in parts for item in part] == items
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0-of-2", "3-of-2", "1of2", "-1-of-2", "1-of-", "", "a-of-b", "1-of-2-of-3"])
def test_shards_are_written_as_i_of_n(text):
    assert parse_shard("2-of-8") == (2, 8)
    with pytest.raises(ValueError, match="write for example 1-of-4"):
        parse_shard(text)


class _Images(Dataset):
    def __init__(self, store):
        self.store = store

    def __len__(self):
        return len(self.store)

    def __getitem__(self, position):
        return torch.from_numpy(self.store[self.store.image_ids[position]].scores)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_forked_workers_read_at_the_same_time_without_mixing_images(tmp_path):
    image_ids = [f"i{number}" for number in range(40)]
    store = CamStore([random_shard(tmp_path / "cnn" / "1-of-1.npz", image_ids, size=(120, 160))])
    expected = [store[image_id].scores for image_id in image_ids]
    loader = DataLoader(_Images(store), batch_size=None, num_workers=3, multiprocessing_context="fork")
    for _ in range(2):
        for found, scores in zip(loader, expected, strict=True):
            np.testing.assert_array_equal(found.numpy(), scores)
