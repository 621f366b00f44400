"""Files of torch.save are read without torch, and without running what they ask for."""

import copy
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from orandnet.files import torch_archive
from orandnet.files.torch_archive import read_torch_archive


def saved(path, content, **options):
    torch.save(content, path, **options)
    return path


KINDS = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_come_back_as_arrays_of_their_own(tmp_path, kind):
    whole = torch.arange(24).reshape(4, 6).to(getattr(torch, kind))
    content = {"a": whole, "b": whole.T[1:3, ::2], "c": whole[:0], "n": [np.arange(3), None, "text", 0.5]}
    found = read_torch_archive(saved(tmp_path / "a.pt", content))
    assert found["a"].dtype == kind
    np.testing.assert_array_equal(found["a"], whole.numpy())
    np.testing.assert_array_equal(found["b"], whole.T[1:3, ::2].numpy())
    assert found["c"].shape == (0, 6)
    assert (found["n"][0].tolist(), found["n"][1:]) == ([0, 1, 2], [None, "text", 0.5])
    found["b"][:] = 1
    np.testing.assert_array_equal(found["a"], whole.numpy())


def test_it_does_not_wait_for_torch(tmp_path):
    saved(tmp_path / "a.pt", {"a": torch.ones(2)})
    script = (
        "import sys; from pathlib import Path; from orandnet.files.torch_archive import read_torch_archive as read;"
        f"print(read(Path({str(tmp_path / 'a.pt')!r}))['a'].tolist(), 'torch' in sys.modules)"
    )
    package = Path(torch_archive.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(package)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[1.0, 1.0] False"


class Hostile:
    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_a_hostile_pickle_is_refused_by_its_name_and_not_run(tmp_path):
    hostile = Hostile()
    hostile.trace = tmp_path / "trace"
    with pytest.raises(ValueError, match=r"a.pt: the pickle asks for (posix|nt)\.mkdir, which could run code"):
        read_torch_archive(saved(tmp_path / "a.pt", [torch.ones(1), hostile]))
    assert not hostile.trace.exists()


@pytest.mark.parametrize("cut", [1, 40, 300])
def test_damaged_files_are_refused_with_their_name(tmp_path, cut):
    path = saved(tmp_path / "a.pt", {"a": torch.ones(99)})
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=r"a.pt: not a readable .pt file"):
        read_torch_archive(path)


def test_changed_numbers_are_found_by_their_checksum(tmp_path):
    path = saved(tmp_path / "a.pt", {"a": torch.full((9,), 0.4321)})
    number = np.float32(0.4321).tobytes()
    path.write_bytes(path.read_bytes().replace(number, np.float32(0.5).tobytes()))
    with pytest.raises(ValueError, match="its checksum is wrong"):
        read_torch_archive(path)


def test_a_large_file_and_members_that_overlap_are_refused_unread(tmp_path):
    path = saved(tmp_path / "a.pt", {"a": torch.ones(9999)})
    with pytest.raises(ValueError, match=r"a.pt: has \d+ bytes, and a .pt file here has 500 at most"):
        read_torch_archive(path, most_bytes=500)
    with zipfile.ZipFile(path, "a") as archive:  # the same numbers under two names
        archive.filelist.append(copy.copy(archive.getinfo("a/data/0")))
        archive.filelist[-1].filename = "a/data/1"
        archive._didModify = True
    with pytest.raises(ValueError, match="its members together are larger than the file"):
        read_torch_archive(path)


def test_a_file_of_old_torch_is_refused(tmp_path):
    path = saved(tmp_path / "a.pt", {"a": torch.ones(2)}, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"not a readable .pt file \(it is no zip, or cut off\); write it again with"):
        read_torch_archive(path)
