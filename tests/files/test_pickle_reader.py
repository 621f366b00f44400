"""Pickled .npy files are read without running what they ask for."""

import os
import pickle
import time

import numpy as np
import pytest
import torch

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


PYTHON_2 = (
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x02tcnumpy\ndtype\n"
    b"(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x08\x00\x00\x00"
)


def test_an_array_that_python_2_pickled_is_understood(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (2,)})
        file.write(PYTHON_2 + np.array([0.5, -200.25], "<f4").tobytes() + b"tb.")
    assert read_pickled_npy(tmp_path / "a.npy").tolist() == [0.5, -200.25]


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "array", [np.array([True, False]), np.array(["a", "bc"]), np.arange(6.0).reshape(2, 3).T, np.array([1], ">i2")]
)
def test_arrays_of_every_plain_kind_come_back(tmp_path, protocol, array):
    content = read_pickled_npy(save(tmp_path / "a.npy", {"a": array, "b": array[0]}, protocol))
    np.testing.assert_array_equal(content["a"], array)
    np.testing.assert_array_equal(content["b"], array[0])


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_tensors_come_back_as_arrays(tmp_path, protocol, kind):
    whole = torch.arange(24).reshape(4, 6).to(getattr(torch, kind))
    content = read_pickled_npy(save(tmp_path / "a.npy", {"a": whole, "b": whole.T[1:3, ::2], "c": whole[:0]}, protocol))
    assert content["a"].dtype == kind
    np.testing.assert_array_equal(content["a"], whole.numpy())
    np.testing.assert_array_equal(content["b"], whole.T[1:3, ::2].numpy())
    assert content["c"].shape == (0, 6)
    content["b"][:] = 1  # an array of its own


def test_a_tensor_with_a_gradient_comes_back(tmp_path):
    tensor = torch.ones(2, requires_grad=True)
    assert read_pickled_npy(save(tmp_path / "a.npy", {"a": tensor}))["a"].tolist() == [1, 1]


class Forged:
    """An object of numpy or torch whose pickle tells other things of it than are true."""

    def __init__(self, *parts):
        self._parts = parts

    def __reduce__(self):
        return self._parts


def forged_array(dtype, flags, content, shape=(1,)):
    plain = Forged(np.dtype, (dtype, False, True), (3, "|", None, None, None, -1, -1, flags))
    start = (np.ndarray, (0,), b"b")
    return Forged(np._core.multiarray._reconstruct, start, (1, shape, plain, False, content))


FORGED = {
    "bytes for objects": forged_array("O8", 0, b"A" * 8),
    "too few objects": forged_array("O8", 63, [], shape=(5,)),
    "too few bytes": forged_array("f8", 0, b"A", shape=(5,)),
    "a negative size": forged_array("f8", 0, b"A" * 8, shape=(-1, -1)),
    "fields": Forged(np.dtype, ("V8", False, True)),
    "bytes for a number that is an object": Forged(
        np._core.multiarray.scalar, (Forged(np.dtype, ("O8", False, True)), b"A" * 8)
    ),
    "a tensor without a storage": Forged(torch._utils._rebuild_tensor_v2, (torch.ones(4), 0, (9,), (1,), False, {})),
}


@pytest.mark.parametrize("fault", FORGED)
def test_a_forged_description_of_an_array_is_refused(tmp_path, fault):
    path = save(tmp_path / "a.npy", {"a": FORGED[fault]})
    with pytest.raises(ValueError, match=r"a.npy: not a readable .npy file"):
        read_pickled_npy(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"), [(0, (5,), (1,)), (3, (2,), (1,)), (0, (2,), (-1,)), (-1, (1,), (1,))]
)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path, offset, shape, strides):
    storage = torch.storage.TypedStorage([1.0] * 4, dtype=torch.float32, _internal=True)
    forged = Forged(torch._utils._rebuild_tensor_v2, (storage, offset, shape, strides, False, {}))
    with pytest.raises(ValueError, match=r"a.npy: not a readable .npy file \(a tensor"):
        read_pickled_npy(save(tmp_path / "a.npy", {"a": forged}))


def raw(path, pickled, shape=()):
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
        file.write(pickled)
    return path


def test_a_tensor_that_repeats_its_numbers_is_refused_whatever_its_size(tmp_path):
    storage = torch.storage.TypedStorage([1.0], dtype=torch.float32, _internal=True)
    forged = Forged(torch._utils._rebuild_tensor_v2, (storage, 0, (1, 10**6, 10**6), (0, 0, 0), False, {}))
    with pytest.raises(
        ValueError, match=r"a.npy: .*\(1, 1000000, 1000000\) that repeats 1 numbers; save it contiguous"
    ):
        read_pickled_npy(save(tmp_path / "a.npy", {"a": forged}))


DEEP = b"\x80\x04" + b")" + b"\x85" * 10**6
DOUBLED = b"\x80\x04)\x94" + b"".join(b"0h" + bytes([row]) + b"h" + bytes([row]) + b"\x86\x94" for row in range(60))
LISTS = b"\x80\x04]\x94K\x01a" + b"".join(b"0]\x94h" + bytes([row]) + b"ah" + bytes([row]) + b"a" for row in range(60))


@pytest.mark.parametrize(
    ("pickled", "words"),
    {
        "a key nested a million deep": (b"\x80\x04}" + DEEP[2:] + b"K\x01s.", "tuples are nested to more than"),
        "a value nested so": (DEEP + b".", "tuples are nested to more than"),
        "a key of 2 to the 60 parts": (DOUBLED + b"}" + b"h\x3cK\x01s.", "tuples are nested to more than"),
        "a set of them": (b"\x80\x04(" + DOUBLED[2:] + b"\x91.", "tuples are nested to more than"),
        "lists of 2 to the 60 parts": (LISTS + b".", "holds more than"),
        "a list that holds itself": (b"\x80\x04]\x94h\x00a.", "holds itself"),
        "a list nested a hundred thousand deep": (b"\x80\x04" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".", None),
        "text that is not there": (b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"a.", ""),
    }.values(),
    ids=lambda value: "",
)
def test_a_pickle_that_asks_for_too_much_is_refused_at_once(tmp_path, pickled, words):
    path = raw(tmp_path / "a.npy", pickled)
    start = time.process_time()
    if words is None:  # deep, but no larger than its file
        assert isinstance(read_pickled_npy(path), list)
    else:
        with pytest.raises(ValueError, match=rf"a.npy: not a readable .npy file .*{words}"):
            read_pickled_npy(path)
    assert time.process_time() - start < 8


def test_a_storage_cannot_nest_tuples_either(tmp_path):
    content = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + b"\x80\x02}" + DEEP[2:] + b"K\x01s."
    path = save(tmp_path / "a.npy", {"a": Forged(torch.storage._load_from_bytes, (content,))}, protocol=2)
    with pytest.raises(ValueError, match=r"a.npy: .*tuples are nested to more than"):
        read_pickled_npy(path)


def test_a_header_that_promises_more_than_the_file_holds_is_refused_unread(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (1, 10**6, 10**6)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ValueError, match=r"a.npy: .* takes 4000000000000 bytes, and there are 0"):
        read_pickled_npy(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.arange(99))
    with pytest.raises(ValueError, match=r"a.npy: has 920 bytes, and a .npy file here has 500 at most"):
        read_pickled_npy(tmp_path / "a.npy", most_bytes=500)


def test_labels_that_share_their_vectors_are_no_bomb(tmp_path):
    vector = np.zeros(20, np.float32)
    labels = {f"2007_{number:06}": vector for number in range(3000)}
    assert len(read_pickled_npy(save(tmp_path / "a.npy", labels))) == 3000


def test_a_reference_to_another_file_is_refused(tmp_path):
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return "elsewhere" if value is Ellipsis else None

    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        Pickler(file).dump({"a": ...})
    with pytest.raises(ValueError, match=r"a.npy: the pickle refers to something outside the file"):
        read_pickled_npy(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["torch.load", "torch.FloatStorage", "torch._utils._rebuild_parameter", "numpy.load"])
def test_other_names_of_torch_and_numpy_are_refused(tmp_path, name):
    module, _, name = name.rpartition(".")
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        file.write(f"\x80\x02c{module}\n{name}\n.".encode("latin1"))
    with pytest.raises(ValueError, match=rf"a.npy: the pickle asks for {module}.{name}, which could run code"):
        read_pickled_npy(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["torch._utils\n_rebuild_tensor_v2", "numpy\ndtype", "collections\nOrderedDict"])
def test_a_pickle_cannot_alter_the_reader(tmp_path, name):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        # BUILD with a pair of states sets the attributes of the second
        file.write(f"\x80\x02c{name}\nN}}X\x0c\x00\x00\x00__defaults__Ns\x86b.".encode("latin1"))
    with pytest.raises(ValueError, match=r"a.npy: not a readable .npy file .*attribute"):
        read_pickled_npy(tmp_path / "a.npy")
