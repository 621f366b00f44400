"""Files of segments, written as their programs write them; damaged ones are in tests/hostile."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle

from orandnet.refinement.segment_folder import SegmentFolder
from orandnet.refinement.segment_formats import READERS
from orandnet.refinement.settings import SamRefinement

SIZE = (6, 9)
SEGMENTS = np.random.default_rng(0).random((4, *SIZE)) < 0.4
EXPECTED = [np.flatnonzero(segment).tolist() for segment in SEGMENTS]


def compressed(segment):
    runs = rle.encode(np.asfortranarray(segment.astype(np.uint8)))
    return {"size": runs["size"], "counts": runs["counts"].decode()}


def plain_counts(segment):
    """As SAM's generator writes them: by columns, beginning with the pixels outside."""
    columns = segment.ravel(order="F")
    edges = np.flatnonzero(np.diff(columns)) + 1
    lengths = np.diff([0, *edges, columns.size]).tolist()
    return {"size": list(segment.shape), "counts": [0, *lengths] if columns[0] else lengths}


def records(encode):
    return [{"segmentation": encode(segment), "area": int(segment.sum()), "predicted_iou": 0.9} for segment in SEGMENTS]


def read(kind, path):
    return [segment.tolist() for segment in READERS[kind](path, SIZE)]


@pytest.mark.parametrize("encode", [compressed, plain_counts])
@pytest.mark.parametrize("wrap", [list, lambda found: {"image": {}, "annotations": found}], ids=["SAM", "SA-1B"])
def test_run_lengths_of_a_mask_generator_are_read(tmp_path, encode, wrap):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(wrap(records(encode))))
    assert read("coco_rle", path) == EXPECTED


@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_maps_of_an_npz_are_read_and_empty_ones_left_out(tmp_path, kind):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, segments=np.concatenate([SEGMENTS, np.zeros((1, *SIZE), bool)]).astype(kind))
    assert read("npz", path) == EXPECTED


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_numbers_of_a_picture_are_segments_and_zero_is_none(tmp_path, kind):
    labels = np.random.default_rng(1).choice([0, 1, 7, 255 if kind is np.uint8 else 40000], SIZE).astype(kind)
    path = tmp_path / "a.png"
    Image.fromarray(labels).save(path)
    assert read("id_png", path) == [np.flatnonzero(labels == n).tolist() for n in np.unique(labels) if n]


def test_segments_that_cover_the_image_too_often_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, segments=np.ones((300, *SIZE), bool))
    with pytest.raises(ValueError, match=r"a\.npz: its segments cover the image more than 256 times"):
        READERS["npz"](path, SIZE)


def test_images_without_a_file_are_named_and_changed_files_have_another_fingerprint(tmp_path):
    (tmp_path / "a_sam.json").write_text("[]")
    folder = SegmentFolder(SamRefinement(path=str(tmp_path), suffix="_sam"))
    folder.require(["a"])
    with pytest.raises(ValueError, match=r"no segments for 2 of 3 training images: b_sam\.json, c_sam\.json; make"):
        folder.require(["a", "b", "c"])
    (tmp_path / "b_sam.json").symlink_to("nowhere")  # the reader will say so
    folder.require(["a", "b"])
    before = folder.fingerprint()
    (tmp_path / "a_sam.json").write_text("[ ]")
    assert folder.fingerprint() != before
    with pytest.raises(ValueError, match="nowhere is no folder; give"):
        SegmentFolder(SamRefinement(path=str(tmp_path / "nowhere")))
