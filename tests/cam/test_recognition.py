"""`orandnet cam formats`: what a file holds, which format reads it, and lines of a config that do."""

import numpy as np
import pytest
import torch
import yaml

from cam.test_import import WRITERS, enlarged, read, save, scores, write_irn, write_logits, write_logits_of_two_kinds
from hostile.intruders import INTRUDERS
from orandnet.cam.recognition import describe
from orandnet.cli import main
from orandnet.config.sections import Config

READ = WRITERS | {write_logits: ("logits", 0.7), write_logits_of_two_kinds: ("logits", 0.7)}


def advised(lines):
    """Return the one source that the lines of the config name."""
    start = lines.index("sources:")
    config = Config.model_validate(yaml.safe_load("\n".join(lines[start : start + 2])))
    return config.sources.popitem()


@pytest.mark.parametrize("writer", READ, ids=lambda writer: writer.__name__)
def test_the_format_is_recognised_and_the_lines_of_the_config_read_the_file(tmp_path, writer):
    kind, error = READ[writer]
    writer(tmp_path, "2007_000032", scores())
    (path,) = tmp_path.iterdir()
    lines = describe(path)
    assert lines[0].startswith(f"{path}: ")
    assert f"format: {kind} reads it" in lines
    name, source = advised(lines)
    assert (source.format, source.path) == (kind, str(tmp_path))
    assert name == (kind if kind not in ("arrays", "soft_png", "class_maps") else "own")
    np.testing.assert_allclose(read(tmp_path, kind, form=source.dict_form).scores, scores(), rtol=0, atol=error + 1e-6)


def test_entries_are_shown_with_shape_dtype_and_range(tmp_path, capsys):
    save(tmp_path / "a.npy", {"keys": np.array([0, 14]), "attn_highres": np.eye(4)[None].repeat(2, 0).astype("f2")})
    main(["cam", "formats", str(tmp_path / "a.npy")])
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/a.npy: a dict of numpy.save",
        "  keys          (2,) int64, 0 to 14",
        "  attn_highres  (2, 4, 4) float16, 0 to 1",
        "",
        "format: clip_es reads it",
        "sources:",
        f"  clip_es: {{kind: import, path: {tmp_path}, format: clip_es}}",
    ]


@pytest.mark.parametrize("ending", [".npy", ".pt"])
def test_a_dict_that_no_preset_knows_is_described_by_its_keys(tmp_path, ending):
    folder = tmp_path / "maps: mine"
    folder.mkdir()
    maps = np.concatenate([scores()[:1], scores()]) * 3
    content = {"my maps": enlarged(maps), "labels": [7, 11], "when": "\x1b[31mtoday" * 9}
    path = folder / f"2007_000032{ending}"
    torch.save(content, path) if ending == ".pt" else save(path, content)
    lines = describe(path)
    assert not any("\x1b" in line for line in lines)
    assert lines[-1].startswith("add keys_start: 1 if ")
    name, source = advised(lines)
    assert (name, source.maps, source.keys, source.background) == ("own", "my maps", "labels", "first")
    cam = read(folder, "dict", form=source.dict_form, normalise=source.cam["normalise"])
    np.testing.assert_allclose(cam.scores, scores() / scores().max(axis=(1, 2), keepdims=True), rtol=1e-5)


def test_what_no_format_reads_is_said(tmp_path):
    save(tmp_path / "a.npy", {"logits of the image": np.zeros(20), "boxes": np.zeros((3, 4)), 3: None})
    lines = describe(tmp_path / "a.npy")
    assert lines[1:4] == [
        "  'logits of the image'  (20,) float64, 0 to 0",
        "  boxes                  (3, 4) float64, 0 to 0",
        "  3                      NoneType None",
    ]
    assert lines[-1].startswith("no format reads it: ")
    np.save(tmp_path / "b.npy", np.zeros((2, 3, 4, 5)))
    assert describe(tmp_path / "b.npy")[-1].startswith("no format reads it: ")


@pytest.mark.parametrize("ending", [".npy", ".pt", ".npz", ".png"])
@pytest.mark.parametrize("name", INTRUDERS)
def test_whatever_lies_there_is_refused_by_name(tmp_path, name, ending):
    path = tmp_path / f"a1{ending}"
    INTRUDERS[name].put(path)
    try:
        (told, *_) = describe(path)  # of some, such as a zip of no arrays
    except ValueError as error:
        told = str(error)
    assert told.startswith(str(path))


def test_a_file_is_given_by_its_place(tmp_path, capsys):
    write_irn(tmp_path, "a1", scores())
    for arguments, code in (([], 2), (["a", "b"], 2), ([str(tmp_path / "a2.npy")], 1), ([str(tmp_path / "a1.txt")], 1)):
        with pytest.raises(SystemExit) as stopped:
            main(["cam", "formats", *arguments])
        assert stopped.value.code == code
    told = capsys.readouterr().err
    assert f"orandnet cam: {tmp_path}/a2.npy: there is no such .npy file" in told
    assert f"orandnet cam: {tmp_path}/a1.txt: is none of .npy, .npz, .pt, .png" in told
