"""Hostile input is one line with the file's name: no traceback, no other program, no waiting, bounded memory."""

import os
import resource
import signal
from pathlib import Path

import pytest

from hostile.cases import CASES, PLACES
from hostile.intruders import INTRUDERS
from new_images import write_images, write_segmenter
from orandnet.cli import main
from orandnet.files.mask import read_mask

SECONDS = 20  # on a machine with other work; a case takes hundredths
MEMORY = 3 * 2**29  # bytes beyond what the tests hold


@pytest.fixture(autouse=True)
def bounded(tmp_path, monkeypatch):
    """Give a case a limit of time and of memory, and a Ghostscript that tells when it is started."""
    trap = tmp_path / "bin/gs"
    trap.parent.mkdir()
    trap.write_text(f"#!/bin/sh\necho started >> {tmp_path}/EXECUTED\nexit 0\n")
    trap.chmod(0o755)
    monkeypatch.setenv("PATH", f"{trap.parent}{os.pathsep}{os.environ['PATH']}")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert not (tmp_path / "EXECUTED").exists()


def _too_long(number, frame):
    raise TimeoutError(f"longer than {SECONDS} s")


@pytest.mark.parametrize("place", PLACES)
def test_the_good_files_are_taken(tmp_path, place):
    good, file = PLACES[place]
    main(good(tmp_path))
    assert (tmp_path / file).exists()
    assert list((tmp_path / "out").iterdir())


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about what it finds on the way
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_refused_in_one_line_with_its_name(tmp_path, capsys, case):
    command = case.make(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("orandnet ")]
    assert all(word in line for word in case.words), line
    assert ": " in line
    assert len(line) < 600
    assert "0x7f" not in line  # an address in memory tells nobody anything
    left = [path.name for path in (tmp_path / "out").glob("**/*") if path.is_file()]
    assert left == []


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("weights") / "weights.safetensors")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", [name for name in INTRUDERS if name != "a folder"])
def test_among_new_images_it_is_left_out_in_one_line_with_its_name(tmp_path, capsys, weights, name):
    images, output = write_images(tmp_path / "images", "a0.jpg", "a2.jpg"), tmp_path / "out"
    INTRUDERS[name].put(images / "a1.jpg")
    options = ["--images", str(images), "--output", str(output), "--variant", "ss", "--device", "cpu"]
    with pytest.raises(SystemExit) as stop:
        main(["predict", "--weights", str(weights), *options])
    assert stop.value.code == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("orandnet ")]
    words = INTRUDERS[name].as_picture
    assert f"1 of 3 images without a mask, the others have one: {images}/a1.jpg: " in line
    assert words in line
    assert {path.name: read_mask(path).shape for path in output.glob("*.png")} == {
        "a0.png": (20, 31),
        "a2.png": (21, 30),
    }
