"""Predictions of other programs: they come in as they are, or are refused with the file's name."""

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from hostile.intruders import INTRUDERS
from orandnet.config.sections import load
from orandnet.dataset.index import PART_COLUMNS, Record, write_rows
from orandnet.files.mask import MaskList, write_mask
from orandnet.maps.grid import resize_scores
from orandnet.prediction.foreign import foreign_masks
from orandnet.prediction.settings import ImportSettings
from orandnet.prediction.stage import import_predictions

SIZE = (12, 16)
RECORD = Record("2007_000033", "x.jpg", "val", SIZE, (1,))
ALL, SOME = np.arange(4), np.array([0, 8, 10, 12])  # ids in mask files: of the run's own classes, of a subset of VOC


def read(folder, kind, ids=ALL, record=RECORD, **changes):
    (mask,) = foreign_masks([record], ids, ImportSettings(path=str(folder), format=kind, **changes))
    return mask


def logits(number=4, shape=SIZE, seed=0):
    return np.random.default_rng(seed).normal(0, 9, (number, *shape)).astype(np.float32)


def save(path, content):
    torch.save(content, path) if path.suffix == ".pt" else np.save(path, content, allow_pickle=True)


def test_masks_are_translated_from_the_ids_of_the_data_sets_files(tmp_path):
    mask = np.zeros(SIZE, np.uint8)
    mask[0, :4] = (8, 12, 255, 10)
    write_mask(tmp_path / "2007_000033.png", mask)
    assert read(tmp_path, "png", SOME)[0, :5].tolist() == [1, 3, 255, 2, 0]
    with pytest.raises(ValueError, match=r"2007_000033.png: has ids outside dataset.classes: 8, 10, 12; write those"):
        read(tmp_path, "png")
    assert read(tmp_path, "png", other_ids="ignore")[0, :5].tolist() == [255, 255, 255, 255, 0]


def test_a_mask_of_another_size_is_refused(tmp_path):
    write_mask(tmp_path / "2007_000033.png", np.zeros((16, 12), np.uint8))
    with pytest.raises(ValueError, match=r"2007_000033.png: is \(16, 12\) pixels, its image \(12, 16\) \(H, W\); save"):
        read(tmp_path, "png")


FORMS = {
    "an array": lambda scores: scores,
    "a batch of one": lambda scores: scores[None],
    "half precision": lambda scores: scores.astype(np.float16)[None],
    "a dict": lambda scores: {"msc_seg": scores[None], "keys": [1]},
    "several scales": lambda scores: {"segs": -scores[None], "msc_segs": scores[None]},
    "a tensor": lambda scores: {"segs": torch.from_numpy(scores)},
}


@pytest.mark.parametrize("ending", [".npy", ".pt"])
@pytest.mark.parametrize("form", FORMS)
def test_logits_give_the_arg_max_in_the_runs_order(tmp_path, form, ending):
    save(tmp_path / f"2007_000033{ending}", FORMS[form](logits()))
    mask = read(tmp_path, "logits", SOME)
    assert (mask.dtype, mask.shape) == (np.uint8, SIZE)
    np.testing.assert_array_equal(mask, logits().astype(np.float16).argmax(0) if "half" in form else logits().argmax(0))


def test_coarse_logits_are_resized_before_the_arg_max(tmp_path):
    save(tmp_path / "2007_000033.npy", {"msc_seg": logits(shape=(3, 4))[None]})
    expected = torch.nn.functional.interpolate(torch.from_numpy(logits(shape=(3, 4)))[None], SIZE, mode="bilinear")
    np.testing.assert_array_equal(read(tmp_path, "logits"), expected[0].argmax(0).numpy())
    np.testing.assert_array_equal(read(tmp_path, "logits"), resize_scores(logits(shape=(3, 4)), SIZE).argmax(0))


def test_logits_of_all_classes_of_the_files_serve_a_run_on_some_of_them(tmp_path):
    scores = logits(21)
    scores[SOME] += 99
    save(tmp_path / "2007_000033.npy", scores)
    np.testing.assert_array_equal(SOME[read(tmp_path, "logits", SOME, other_ids="ignore")], scores.argmax(0))
    with pytest.raises(ValueError, match="has 21 channels, not 4 or 13; write one for the background"):
        read(tmp_path, "logits", SOME)
    save(tmp_path / "2007_000033.npy", logits(21))
    assert (read(tmp_path, "logits", SOME, other_ids="ignore") == 255).any()  # another class, which is no class here


FAULTS = {
    "no background": (logits(3), "has 3 channels, not 4; write one for the background"),
    "too many": (np.zeros((300, 3, 4), np.float32), "has 300 channels, more than masks can tell"),
    "nan": (logits() * np.nan, "has logits that are not finite"),
    "turned": (logits(shape=(16, 12)), r"logits of \(16, 12\) cells do not have the shape of the image, \(12, 16\)"),
    "another dict": ({"prob": logits()}, r"has the entries \['prob'\], not msc_segs or msc_seg or segs"),
    "a mask": (np.zeros(SIZE, np.int64), r"holds an array of int64 \(12, 16\) where maps belong"),
    "text": ({"segs": "many"}, "holds an array of <U4"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_logits_is_named_with_the_file(tmp_path, fault):
    content, words = FAULTS[fault]
    save(tmp_path / "2007_000033.npy", content)
    with pytest.raises(ValueError, match=rf"2007_000033.npy: {words}"):
        read(tmp_path, "logits")


@pytest.mark.parametrize("ending", [".png", ".npy", ".pt"])
@pytest.mark.parametrize("name", INTRUDERS)
def test_whatever_lies_there_is_refused_by_name(tmp_path, name, ending):
    INTRUDERS[name].put(tmp_path / f"2007_000033{ending}")
    with pytest.raises(ValueError, match=r"2007_000033"):
        read(tmp_path, "png" if ending == ".png" else "logits")


def test_all_faults_are_counted_and_missing_images_named_first(tmp_path):
    records = [Record(f"a{number:02}", "", "val", SIZE, (1,)) for number in range(14)]
    for record in records:
        write_mask(
            tmp_path / f"{record.image_id}_crf.png", np.full(SIZE, 9 if record.image_id > "a01" else 0, np.uint8)
        )
    settings = ImportSettings(path=str(tmp_path), format="png", suffix="_crf")
    with pytest.raises(ValueError, match="12 problems:") as found:
        list(foreign_masks(records, ALL, settings))
    assert str(found.value).splitlines()[-1].endswith("... and 2 more")
    (tmp_path / "a00_crf.png").unlink()
    with pytest.raises(ValueError, match=r"has 13 files <id>_crf.png, and none for 1 of 14 val images: a00; make them"):
        next(foreign_masks(records, ALL, settings))


def test_the_command_writes_masks_of_ours_with_their_variant(tmp_path):
    row = dict.fromkeys(PART_COLUMNS, "") | {
        "image_id": "a1",
        "split": "val",
        "height": 12,
        "width": 16,
        "labels": "cat",
    }
    write_rows(tmp_path / "val.csv", [row], PART_COLUMNS)
    (tmp_path / "classes.json").write_text(json.dumps({"classes": ["cat", "cow", "dog"], "file_ids": [8, 10, 12]}))
    save(tmp_path / "a1.npy", logits())
    settings = ImportSettings(path=str(tmp_path), format="logits", variant="ms_crf")
    output = tmp_path / "out/1-of-1.csv"
    output.parent.mkdir()
    import_predictions(index=tmp_path / "val.csv", output=output, settings=settings)
    written = MaskList([output])
    assert (written.image_ids, written.variants) == (["a1"], ["ms_crf"])
    np.testing.assert_array_equal(written.read("a1", "ms_crf"), logits().argmax(0))


CONFIG = {
    "dataset": {"kind": "scenes"},
    "sources": {"vit": {"kind": "vit"}},
    "segmenter": {"methods": {"vit": "vit"}},
}
WECLIP = {"path": "data/weclip", "format": "png"}


def test_what_the_config_says_of_them_is_checked():
    config = load(CONFIG | {"predictions": {"weclip": WECLIP}})
    assert config.prediction_import_of("weclip") == ImportSettings(**WECLIP, variant="ss", other_ids="error")
    for predictions, words in (
        ({"weclip": {"path": "x"}}, "predictions.weclip.format: is missing"),
        ({"weclip": {**WECLIP, "format": "npy"}}, "predictions.weclip.format: "),
        ({"we clip": WECLIP}, "predictions.we clip: 'we clip' cannot name files"),
        ({"vit": WECLIP}, "predictions.vit: is also a row of segmenter.methods; rename one"),
    ):
        with pytest.raises(ValueError, match=words):
            load(CONFIG | {"predictions": predictions})
    data = {"kind": "folder", "root": "x", "labels": "x.csv"}
    with pytest.raises(ValueError, match=r"predictions.weclip: is scored with true masks; give dataset.masks"):
        load(CONFIG | {"dataset": data, "predictions": {"weclip": WECLIP}})
    with pytest.raises(ValidationError):
        ImportSettings(**WECLIP, variant="crf")
