"""CAM files of other methods: each format as its authors write it, brought to the store, or refused with a reason."""

import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from orandnet.cam import imported
from orandnet.cam.import_folder import import_folder
from orandnet.cam.settings import ImportSettings
from orandnet.config.sources import Source
from orandnet.dataset.index import Record
from orandnet.files.mask import write_mask
from orandnet.maps.grid import covers, grid_shape
from orandnet.maps.score_maps import NORMALISATIONS

NAMES = ("cat", "cow", "dog")
FILE_IDS = [8, 10, 12]  # as in a subset of VOC
SIZE = (24, 32)
CELLS = grid_shape(SIZE)
RECORD = Record("2007_000032", "x.jpg", "train", SIZE, (1, 3))
LABELS = (8, 12)


def scores(number=2, seed=0):
    """Maps on the grid, (K, h, w) float32 in [0, 1)."""
    return np.random.default_rng(seed).random((number, *CELLS), dtype=np.float32)


def enlarged(maps):
    """The same maps at the image's size: each cell is a square of 4 x 4 pixels."""
    return maps.repeat(4, axis=1).repeat(4, axis=2)


def save(path, content):
    np.save(path, content, allow_pickle=True)


def write_irn(folder, stem, maps):
    """As IRN: torch tensors, 0-based keys, a map on the grid and one in full size."""
    keys, coarse = torch.tensor(LABELS) - 1, torch.zeros(len(maps), *CELLS)
    save(folder / f"{stem}.npy", {"keys": keys, "cam": coarse, "high_res": enlarged(maps)})


def write_irn_on_the_grid(folder, stem, maps):
    """As IRN, without the full size; the tensors are views of larger ones."""
    both = torch.from_numpy(np.stack([maps, 1 - maps])).permute(0, 1, 3, 2).contiguous().permute(0, 1, 3, 2)
    save(folder / f"{stem}.npy", {"keys": torch.tensor([0, 7, 11])[1:], "cam": both[0]})


def write_irn_numpy(folder, stem, maps):
    """As ORANDNet: numpy only."""
    save(folder / f"{stem}.npy", {"keys": np.array(LABELS) - 1, "cam": maps, "high_res": enlarged(maps)})


def write_amn(folder, stem, maps):
    """As AMN: the background is the first channel."""
    with_background = enlarged(np.concatenate([np.ones((1, *CELLS), np.float32), maps]))
    keys = torch.tensor(LABELS) - 1
    save(folder / f"{stem}.npy", {"keys": keys, "cam": torch.zeros(3, *CELLS), "high_res": with_background})


def write_class_maps(folder, stem, maps):
    """As MCTformer, SEAM, PSA and EPS."""
    save(folder / f"{stem}.npy", {label - 1: one for label, one in zip(LABELS, enlarged(maps), strict=True)})


def write_npz(folder, stem, maps):
    np.savez_compressed(folder / f"{stem}.npz", classes=np.array(LABELS[::-1]), scores=enlarged(maps)[::-1])


def write_npy_of_labels(folder, stem, maps):
    np.save(folder / f"{stem}.npy", enlarged(maps).astype(np.float64))


def write_npy_of_all_classes(folder, stem, maps):
    every = np.full((12, *SIZE), np.nan, np.float32)
    every[[label - 1 for label in LABELS]] = enlarged(maps)
    np.save(folder / f"{stem}.npy", every)


def write_soft_8_bit(folder, stem, maps):
    (folder / stem).mkdir()
    for name, one in zip(("cat", "12"), enlarged(maps), strict=True):
        Image.fromarray((one * 255).round().astype(np.uint8)).save(folder / stem / f"{name}.png")


def write_soft_16_bit(folder, stem, maps):
    (folder / stem).mkdir()
    for name, one in zip(("cat", "dog"), enlarged(maps), strict=True):
        Image.fromarray((one * 65535).round().astype(np.uint16)).save(folder / stem / f"{name}.png")


def write_clip_es(folder, stem, maps):
    """As CLIP-ES: the image's own size, half precision, 0-based keys of numpy."""
    keys = torch.tensor([label - 1 for label in LABELS]).numpy()
    save(folder / f"{stem}.npy", {"keys": keys, "attn_highres": enlarged(maps).astype(np.float16)})


def write_excel(folder, stem, maps):
    """As ExCEL: the background first, and the keys of the true labels."""
    content = enlarged(np.concatenate([1 - maps.max(0, keepdims=True), maps]))
    save(folder / f"{stem}.npy", {"valid_lam": content, "keys_gt": np.array(LABELS) - 1})


def write_more(folder, stem, maps):
    """As MoRe: predicted keys beside those of the true labels."""
    keys = np.array(LABELS) - 1
    save(folder / f"{stem}.npy", {"valid_lam": enlarged(maps), "keys": keys, "keys_gt": keys[:1]})


def write_weakclip(folder, stem, maps):
    """As WeakCLIP: probabilities of the classes in the arg-max, keys of its masks, the mask with a batch axis."""
    prob = enlarged(np.concatenate([1 - maps.max(0, keepdims=True), maps, maps[:1] / 2]))
    keys = np.unique([0, *LABELS, 20])
    save(folder / f"{stem}.npy", {"prob": prob, "keys": keys, "pred": np.zeros((1, *SIZE), np.int64)})


def write_pot(folder, stem, maps):
    """As POT: two sets of maps with the background among them, keys of its masks."""
    both = enlarged(np.concatenate([np.full((1, *CELLS), 0.4, np.float32), maps]))
    keys = torch.nonzero(torch.tensor([1.0] + [float(number in LABELS) for number in range(1, 21)]))[:, 0].numpy()
    save(folder / f"{stem}.npy", {"keys": keys, "IS_CAM": both, "IS_CAM1": 1.6 * both})


def logits_of(maps, number=13):
    """Logits of all classes, (1, C, H, W) float32, whose softmax is a third of the maps at the labels."""
    every = np.full((number, *CELLS), 1e-9, np.float32)
    every[list(LABELS)] = maps / 3 + 1e-9
    every[0] = 1 - every[1:].sum(0)
    return enlarged(np.log(every) + 5)[None]


def write_logits(folder, stem, maps):
    """As ToCo, SeCo, MoRe and ExCEL, whose list may be any."""
    save(folder / f"{stem}.npy", {"msc_seg": logits_of(maps)})


def write_logits_of_two_kinds(folder, stem, maps):
    """As AFA and WeCLIP: coarse logits of one scale beside those of several."""
    save(folder / f"{stem}.npy", {"segs": np.zeros((1, 13, 3, 4), np.float32), "msc_segs": logits_of(maps)})


def write_beco(folder, stem, maps):
    """As the first stage of BECO: torch.save of a mask, tensors with a level for the background, and mask ids."""
    score = torch.from_numpy(enlarged(np.concatenate([np.full((1, *CELLS), 0.25, np.float32), maps])))
    keys = np.pad(torch.tensor([label - 1 for label in LABELS]) + 1, (1, 0), mode="constant")
    torch.save({"pred": keys[score.argmax(0).numpy()], "score": score, "keys": keys}, folder / f"{stem}.pt")


# writer -> format, largest error of its numbers
WRITERS = {
    write_irn: ("irn", 1e-6),
    write_irn_on_the_grid: ("irn", 0),
    write_irn_numpy: ("irn", 1e-6),
    write_amn: ("amn", 1e-6),
    write_class_maps: ("class_maps", 1e-6),
    write_clip_es: ("clip_es", 2**-11),
    write_excel: ("excel", 1e-6),
    write_more: ("more", 1e-6),
    write_weakclip: ("weakclip", 1e-6),
    write_pot: ("pot", 1e-6),
    write_beco: ("beco", 1e-6),
    write_npz: ("arrays", 1e-6),
    write_npy_of_labels: ("arrays", 1e-6),
    write_npy_of_all_classes: ("arrays", 1e-6),
    write_soft_8_bit: ("soft_png", 0.51 / 255),
    write_soft_16_bit: ("soft_png", 0.51 / 65535),
}


def settings(folder, kind, **changes):
    return ImportSettings(path=str(folder), format=kind, file_ids=FILE_IDS, **changes)


def read(folder, kind, record=RECORD, **changes):
    (cam,) = imported.imported_cams([record], NAMES, settings(folder, kind, **changes))
    return cam


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
@pytest.mark.parametrize(("stem", "suffix"), [("2007_000032", ""), ("2007000032", ""), ("2007_000032_1", "_1")])
def test_every_format_gives_the_maps_that_were_written(tmp_path, writer, stem, suffix):
    kind, error = WRITERS[writer]
    writer(tmp_path, stem, scores())
    cam = read(tmp_path, kind, suffix=suffix)
    assert (cam.image_id, cam.size, cam.classes.tolist()) == ("2007_000032", SIZE, [1, 3])
    assert cam.scores.shape == (2, *CELLS)
    assert cam.scores.dtype == np.float32
    np.testing.assert_allclose(cam.scores, scores(), rtol=0, atol=error)


@pytest.mark.parametrize("writer", [write_logits, write_logits_of_two_kinds])
def test_logits_of_all_classes_become_probabilities_of_the_labels(tmp_path, writer):
    writer(tmp_path, RECORD.image_id, scores())
    cam = read(tmp_path, "logits")
    assert cam.classes.tolist() == [1, 3]
    np.testing.assert_allclose(cam.scores, scores() / 3, atol=1e-5)


def test_logits_of_more_classes_than_the_run_has_are_read_where_others_may_be(tmp_path):
    save(tmp_path / "2007_000032.npy", {"msc_seg": logits_of(scores(), number=21)})
    with pytest.raises(ValueError, match=r"2007_000032.npy: has 21 maps without keys, but class numbers reach 12; .*"):
        read(tmp_path, "logits")
    np.testing.assert_allclose(read(tmp_path, "logits", other_ids="ignore").scores, scores() / 3, atol=1e-5)


def test_a_label_that_was_not_predicted_scores_nothing(tmp_path):
    save(tmp_path / "2007_000032.npy", {"prob": enlarged(scores()), "keys": np.array([0, 12])})
    cam = read(tmp_path, "weakclip")
    assert not cam.scores[0].any()
    np.testing.assert_allclose(cam.scores[1], scores()[1], atol=1e-6)


FORMS = {
    "from 1": ({"keys_start": 1}, {"k": np.array(LABELS)}, lambda maps: maps),
    "from 0": ({}, {"k": [np.int16(label - 1) for label in LABELS]}, lambda maps: maps),
    "a batch": ({"keys_start": "mask_ids"}, {"k": torch.tensor([LABELS])}, lambda maps: torch.from_numpy(maps)[None]),
    "a background": (
        {"background": "first", "keys_start": 1},
        {"k": np.array(LABELS)},
        lambda maps: np.concatenate([maps[:1], maps]),
    ),
    "logits of each class": (
        {"activation": "sigmoid", "keys_start": 1},
        {"k": np.array(LABELS)},
        lambda maps: np.log(maps + 1e-9) - np.log1p(-maps),
    ),
}


@pytest.mark.parametrize("ending", [".npy", ".pt"])
@pytest.mark.parametrize("name", FORMS)
def test_a_dict_is_read_as_its_keys_say(tmp_path, name, ending):
    keys, content, stored = FORMS[name]
    content = content | {"m": stored(enlarged(scores())), "note": "text", "n": 3}
    path = tmp_path / f"2007_000032{ending}"
    torch.save(content, path) if ending == ".pt" else save(path, content)
    source = Source(kind="import", path="cams", format="dict", maps="m", keys="k", **keys)
    np.testing.assert_allclose(read(tmp_path, "dict", form=source.dict_form).scores, scores(), atol=1e-6)


def test_a_key_of_a_preset_may_be_another(tmp_path):
    write_pot(tmp_path, RECORD.image_id, scores())
    source = Source(kind="import", path="cams", format="pot", maps="IS_CAM1")
    with pytest.raises(ValueError, match=r"scores reach from .* to 1\.\d+"):
        read(tmp_path, "pot", form=source.dict_form)
    cam = read(tmp_path, "pot", form=source.dict_form, normalise="max")
    np.testing.assert_allclose(cam.scores, scores() / scores().max(axis=(1, 2), keepdims=True), rtol=1e-5)


DICT_FAULTS = {
    "a key below the first": ({"k": [0, 7], "m": scores()}, {"keys_start": 1}, "has the key 0, but keys start at 1"),
    "a negative key": ({"k": [-1, 7], "m": scores()}, {}, "has the key -1, but keys start at 0"),
    "a batch of two": ({"k": [7, 11], "m": np.stack([scores()] * 2)}, {}, r"float32 \(2, 2, 6, 8\) where maps belong"),
    "no maps": ({"k": [7, 11], "x": 1}, {}, r"has the entries \['k', 'x'\], not k and m"),
    "maps of text": ({"k": [7, 11], "m": "text"}, {}, "holds an array of <U4"),
    "infinite logits": ({"k": [7, 11], "m": scores() * np.inf}, {"activation": "softmax"}, "not finite"),
    "a mask id twice": ({"k": [8, 8], "m": scores()}, {"keys_start": "mask_ids"}, "has class 8 twice"),
}


@pytest.mark.parametrize("fault", DICT_FAULTS)
def test_a_fault_in_a_dict_is_named_with_the_file(tmp_path, fault):
    content, keys, words = DICT_FAULTS[fault]
    save(tmp_path / "2007_000032.npy", content)
    source = Source(kind="import", path="cams", format="dict", maps="m", keys="k", **keys)
    with pytest.raises(ValueError, match=rf"2007_000032.npy: .*{words}"):
        read(tmp_path, "dict", form=source.dict_form)


def test_a_hard_mask_is_one_at_the_class_and_undecided_where_it_says_so(tmp_path):
    ids = np.zeros(CELLS, np.uint8)
    ids[0, :4], ids[1, 0] = (8, 12, 255, 12), 255
    write_mask(tmp_path / "2007_000032.png", ids.repeat(4, axis=0).repeat(4, axis=1))
    cam = read(tmp_path, "hard_png")
    assert cam.scores[0, :2, :4].tolist() == [[1, 0, 0.5, 0], [0.5, 0, 0, 0]]
    assert cam.scores[1, 0, :4].tolist() == [0, 1, 0.5, 1]
    absent = read(tmp_path, "hard_png", Record("2007_000032", "", "train", SIZE, (1, 2, 3)))
    assert absent.scores[1].max() == 0.5  # a label that the mask does not show


@pytest.mark.parametrize("shape", [(12, 16), (3, 4), (2, 2), (7, 9), (48, 64)])
def test_maps_of_any_scale_are_brought_to_the_grid(tmp_path, shape):
    ramp = np.linspace(0, 1, shape[1], dtype=np.float32) * np.ones((2, shape[0], 1), np.float32)
    np.save(tmp_path / "2007_000032.npy", ramp)
    cam = read(tmp_path, "arrays")
    assert cam.scores.shape == (2, *CELLS)
    assert (np.diff(cam.scores, axis=2) >= 0).all()
    np.testing.assert_allclose(cam.scores, 1 - cam.scores[:, :, ::-1], atol=1e-6)


def save_maps(folder, **changes):
    """Write maps that are right but for some classes."""
    maps = {7: scores()[0], 11: scores()[1]} | {int(key[1:]): value for key, value in changes.items()}
    save(folder / "2007_000032.npy", {key: value for key, value in maps.items() if value is not None})


FAULTS = {
    "a label without a map": ({"c11": None}, ("has no map of dog", "same labels")),
    "a map of no label": ({"c9": scores()[0]}, ("has maps of cow, no label", "extra_classes: drop")),
    "a map of another class": (
        {"c19": scores()[0]},
        ("has maps of 20, outside dataset.classes", "other_mask_ids: ignore"),
    ),
    "nan": ({"c7": scores()[0] * np.float32(np.nan)}, ("not finite",)),
    "logits": ({"c7": scores()[0] * 9}, ("scores reach from 0.0", "normalise: max")),
    "negative": ({"c7": -scores()[0]}, ("scores reach from -0.9", "normalise: max")),
    "turned": ({"c7": scores()[0].T, "c11": scores()[1].T}, ("(8, 6)", "(24, 32)", "image's size")),
    "several sizes": ({"c7": enlarged(scores())[0]}, ("different sizes", "one size")),
    "no map": ({"c7": "text"}, ("holds an array of <U4", "check the format")),
    "objects": ({"c7": np.array([[None, 1]])}, ("holds an array of object", "check the format")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_the_file(tmp_path, fault):
    changes, words = FAULTS[fault]
    save_maps(tmp_path, **changes)
    with pytest.raises(ValueError, match=r"2007_000032.npy: ") as found:
        read(tmp_path, "class_maps")
    assert "\n" not in str(found.value)
    assert all(word in str(found.value) for word in words), found.value


def test_what_a_fault_advises_mends_it(tmp_path):
    save_maps(tmp_path, c9=scores()[0], c19=scores()[0], c7=scores()[0] * 9)
    cam = read(tmp_path, "class_maps", extra_classes="drop", other_ids="ignore", normalise="max", power=0.5)
    assert cam.classes.tolist() == [1, 3]
    expected = NORMALISATIONS["max"](torch.from_numpy(np.stack([scores()[0] * 9, scores()[1]]))).sqrt()
    np.testing.assert_allclose(cam.scores, expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["max", "min_max"])
def test_scores_are_normalised_as_those_of_a_classifier(name):
    raw = scores() * 3 - 1
    expected = NORMALISATIONS[name](torch.from_numpy(raw)).numpy()
    np.testing.assert_allclose(imported.NORMALISATIONS[name](raw), expected, rtol=1e-6)


@pytest.mark.parametrize("largest", [1.0, 1e-3, 1e-5, 1e-12, 1e-38])
@pytest.mark.parametrize("name", ["max", "min_max"])
def test_the_largest_score_is_1_however_small_the_evidence(name, largest):
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    for found in (
        imported.NORMALISATIONS[name](ramp * np.float32(largest)),
        NORMALISATIONS[name](torch.from_numpy(ramp * np.float32(largest))).numpy(),
    ):
        np.testing.assert_allclose(found, ramp, rtol=1.5e-5)  # min_max keeps 1e-5 of the level, for flat maps
        assert found.max() == 1 if name == "max" else found.max() > 0.99998
    for empty in (ramp * 0, ramp * 0 + (0.5 if name == "min_max" else -0.5)):
        assert not imported.NORMALISATIONS[name](empty).any()
        assert not NORMALISATIONS[name](torch.from_numpy(empty)).any()


@pytest.mark.parametrize(
    ("writer", "kind", "words"),
    [
        (write_irn, "amn", ("2 channels for 2 keys, not 3", "irn has none")),
        (write_amn, "irn", ("3 channels for 2 keys, not 2", "amn has a background")),
        (write_irn, "class_maps", ("'keys' is no class number",)),
        (write_class_maps, "irn", ("not keys and high_res or cam",)),
        (write_npy_of_labels, "irn", ("holds a ndarray, not a dict",)),
        (write_irn, "arrays", ("holds an array of object",)),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path, writer, kind, words):
    writer(tmp_path, RECORD.image_id, scores())
    with pytest.raises(ValueError, match=RECORD.image_id) as found:
        read(tmp_path, kind)
    assert all(word in str(found.value) for word in words), found.value


def test_an_array_with_a_background_is_not_taken_for_all_classes(tmp_path):
    np.save(tmp_path / "2007_000032.npy", np.zeros((13, *SIZE), np.float32))
    with pytest.raises(ValueError, match=r"has 13 maps, .* class numbers reach 12; .* without background"):
        read(tmp_path, "arrays")


def test_the_first_ten_faults_are_shown_and_all_are_counted(tmp_path):
    records = [Record(f"a{number:02}", "", "train", SIZE, (1,)) for number in range(14)]
    for record in records:
        good = record.image_id in ("a03", "a05")
        np.save(tmp_path / f"{record.image_id}.npy", scores(1) * (1 if good else 7))
    cams = imported.imported_cams(records, NAMES, settings(tmp_path, "arrays"))
    assert [next(cams).image_id for _ in range(2)] == ["a03", "a05"]
    with pytest.raises(ValueError, match="12 problems:") as found:
        next(cams)
    lines = str(found.value).splitlines()
    assert len(lines) == 12
    assert lines[-1].endswith("... and 2 more")


def test_missing_files_are_counted_and_the_folder_is_described(tmp_path):
    write_irn(tmp_path, "2007_000032_1", scores())
    folder = import_folder(settings(tmp_path, "irn"))
    ids = ["2007_000032", *(f"b{number}" for number in range(9))]
    with pytest.raises(ValueError, match=r"has 1 files <id>.npy, and none for 10 of 10 .*: 2007_000032, b0, .*suffix"):
        folder.require(ids)
    import_folder(settings(tmp_path, "irn", suffix="_1")).require(ids[:1])
    with pytest.raises(ValueError, match="is no folder; give the path"):
        import_folder(settings(tmp_path / "nowhere", "irn"))


def test_a_file_serves_the_one_image_whose_id_it_bears(tmp_path):
    for stem in ("11", "2007000032"):
        write_irn(tmp_path, stem, scores())
    folder = import_folder(settings(tmp_path, "irn"))
    folder.require(["11", "2007_000032"])
    with pytest.raises(ValueError, match="none for 2 of 3 training images: 1_1, 20070_00032"):
        folder.require(["1_1", "11", "20070_00032"])
    with pytest.raises(ValueError, match=r"2007000032.npy: would serve both 2007_000032 and 2007000032; name"):
        folder.require(["2007_000032", "2007000032"])


def test_two_files_of_one_image_are_refused(tmp_path):
    write_npz(tmp_path, RECORD.image_id, scores())
    write_npy_of_labels(tmp_path, RECORD.image_id, scores())
    with pytest.raises(ValueError, match=r"lies beside 2007_000032.np.; keep one"):
        import_folder(settings(tmp_path, "arrays"))


@pytest.mark.parametrize("writer", [write_irn, write_soft_8_bit])
def test_the_fingerprint_follows_the_files_of_the_format_only(tmp_path, writer):
    writer(tmp_path, RECORD.image_id, scores())
    kind, _ = WRITERS[writer]
    before = import_folder(settings(tmp_path, kind)).fingerprint()
    (tmp_path / "log.txt").touch()
    assert import_folder(settings(tmp_path, kind)).fingerprint() == before
    (file,) = list(tmp_path.rglob("*.npy")) or list(tmp_path.rglob("cat.png"))
    os.utime(file, ns=(0, 0))
    changed = import_folder(settings(tmp_path, kind)).fingerprint()
    assert changed != before
    writer(tmp_path, "another", scores())
    assert import_folder(settings(tmp_path, kind)).fingerprint() != changed


sides = st.integers(1, 700)


@given(sides, sides, st.sampled_from([1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.7, 1.0, 1.5]), st.data())
def test_a_map_of_the_image_at_any_scale_covers_it(height, width, scale, data):
    roundings = st.sampled_from([np.floor, np.ceil, np.round])
    shape = tuple(max(1, int(data.draw(roundings)(side * scale))) for side in (height, width))
    assert covers(shape, (height, width))


@pytest.mark.parametrize("shape", [(500, 375), (125, 94), (512, 512), (14, 14), (375, 400)])
def test_a_map_of_another_shape_does_not(shape):
    assert not covers(shape, (375, 500))


class Hostile:
    """An object whose pickle makes a folder when it is read."""

    def __init__(self, trace):
        self._call = (os.mkdir, (str(trace),))

    def __reduce__(self):
        return self._call


class HostileStorage:
    """A tensor whose storage is not one, but bytes that hold a pickle."""

    def __init__(self, trace, nested):
        content = pickle.dumps(Hostile(trace), protocol=2)
        self._content = HostileBytes(nested(content))

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, (self._content, 0, (1,), (1,), False, OrderedDict())


class HostileBytes:
    def __init__(self, content):
        self._content = content

    def __reduce__(self):
        return torch.storage._load_from_bytes, (self._content,)


def in_a_real_storage(hostile):
    """Bytes as of torch.save, in which the description of the system is replaced."""
    first = [pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001)]
    return b"".join([*first, hostile])


def hostile_contents(trace):
    yield Hostile(trace)
    yield HostileStorage(trace, bytes)
    yield HostileStorage(trace, in_a_real_storage)


PICKLED = {"irn": "high_res", "amn": "high_res", "class_maps": 7, "arrays": None, "clip_es": "attn_highres"}
PICKLED |= {"excel": "valid_lam", "more": "valid_lam", "weakclip": "prob", "pot": "IS_CAM", "logits": "msc_seg"}


@pytest.mark.parametrize("kind", PICKLED)
@pytest.mark.parametrize("number", range(3))
def test_a_hostile_pickle_is_refused_by_its_name_and_not_run(tmp_path, kind, number):
    trace = tmp_path / "trace"
    content = list(hostile_contents(trace))[number]
    key = PICKLED[kind]
    save(tmp_path / "2007_000032.npy", {"keys": torch.tensor([7]), key: content} if key else content)
    with pytest.raises(ValueError, match=r"2007_000032.npy: the pickle asks for (posix|nt)\.mkdir, which could run"):
        read(tmp_path, kind)
    assert not trace.exists()


@pytest.mark.parametrize("number", range(3))
def test_a_hostile_pickle_inside_a_pt_is_refused_too(tmp_path, number):
    content = list(hostile_contents(tmp_path / "trace"))[number]
    torch.save({"keys": torch.tensor([0, 8]), "score": content}, tmp_path / "2007_000032.pt")
    with pytest.raises(ValueError, match=r"2007_000032.pt: the pickle asks for (posix|nt)\.mkdir, which could run"):
        read(tmp_path, "beco")
    assert not (tmp_path / "trace").exists()


def test_a_hostile_pickle_inside_an_npz_is_not_opened(tmp_path):
    np.savez(tmp_path / "2007_000032.npz", classes=np.array([8]), scores=np.array([Hostile(tmp_path / "trace")]))
    with pytest.raises(ValueError, match=r"2007_000032.npz: not a readable .npz of plain arrays"):
        read(tmp_path, "arrays")
    assert not (tmp_path / "trace").exists()


def test_an_import_does_not_wait_for_torch(tmp_path):
    write_irn(tmp_path, "a1", scores())
    (tmp_path / "index.csv").write_text(
        "image_id,image,mask,split,height,width,labels\na1,a1.jpg,,train,24,32,cat;dog\n"
    )
    (tmp_path / "classes.json").write_text('{"classes": ["cat", "cow", "dog"]}')
    package = Path(imported.__file__).parents[1]
    command = f"import sys; sys.path.insert(0, {str(package.parent)!r}); from orandnet.cli import main; main(); "
    options = ["--index", tmp_path / "index.csv", "--output", tmp_path / "1-of-1.npz"]
    options += ["--settings", settings(tmp_path, "irn").canonical_json()]
    script = command + "print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, "cam", "import", *map(str, options)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
    with np.load(tmp_path / "1-of-1.npz", allow_pickle=False) as shard:
        np.testing.assert_allclose(shard["a1/scores"], scores(), atol=2**-11)
