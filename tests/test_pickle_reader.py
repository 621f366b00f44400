"""Pickled .npy files are read without running what they ask for."""

import os
import pickle

import numpy as np
import pytest

from orandnet.files.pickle_reader import read_pickled_npy


class Hostile:
    def __init__(self, function, *arguments):
        self._call = (function, arguments)

    def __reduce__(self):
        return self._call


def save(path, content, protocol=4):
    """Write like numpy.save, with any protocol of pickle."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        array = np.empty((), dtype=object)
        array[()] = content
        pickle.dump(array, file, protocol=protocol)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_dict_of_arrays_comes_back(tmp_path, protocol):
    cam = {
        "keys": np.array([1, 14]),
        "cam": np.eye(3, dtype=np.float32),
        7: [np.float32(0.5), (None, "text")],
    }
    content = read_pickled_npy(save(tmp_path / "a.npy", cam, protocol))
    assert content.keys() == cam.keys()
    np.testing.assert_array_equal(content["cam"], cam["cam"])
    assert content["cam"].dtype == np.float32
    assert content[7] == cam[7]


def test_numpy_save_is_understood(tmp_path):
    np.save(tmp_path / "a.npy", {"a": np.arange(3)}, allow_pickle=True)
    assert read_pickled_npy(tmp_path / "a.npy")["a"].tolist() == [0, 1, 2]


def test_an_array_of_numbers_needs_no_pickle(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    assert read_pickled_npy(tmp_path / "a.npy").shape == (2, 3)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [(os.system, ("true",)), (eval, ("1",)), (getattr, ("a", "upper")), (np.load, ("a.npy",))],
)
def test_a_hostile_pickle_is_refused_by_name_and_not_run(tmp_path, function, arguments):
    path = save(tmp_path / "bad.npy", {"a": Hostile(function, *arguments)})
    with pytest.raises(ValueError, match=rf"bad.npy: the pickle asks for \S+{function.__name__}, which could run"):
        read_pickled_npy(path)


def test_a_hostile_pickle_leaves_no_trace(tmp_path):
    trace = tmp_path / "trace"
    path = save(tmp_path / "bad.npy", [Hostile(os.mkdir, str(trace))])
    with pytest.raises(ValueError, match="could run code"):
        read_pickled_npy(path)
    assert not trace.exists()


def test_damaged_files_are_refused_with_their_name(tmp_path):
    path = save(tmp_path / "a.npy", {"a": np.arange(100)})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"a.npy: not a readable .npy file"):
        read_pickled_npy(path)
    path.write_bytes(b"PK not an array")
    with pytest.raises(ValueError, match=r"a.npy: not a readable .npy file"):
        read_pickled_npy(path)
