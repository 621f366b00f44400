"""Readers of foreign bytes, fed with damaged files: whatever comes, a result or one line with the file's name.

`make fuzz` does the same for minutes. What it finds becomes a row in `cases.py`.
"""

import io
import json
import os
import pickle
import pickletools
import resource
import xml.etree.ElementTree as ElementTree
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as rle

from hostile.intruders import SIZE, encoded, npy_header
from orandnet.cam.clip.features import read_features
from orandnet.cam.import_formats import Known, read_maps
from orandnet.cam.settings import ImportSettings
from orandnet.config.sections import load
from orandnet.dataset.image import read_rgb
from orandnet.dataset.labels import read_labels
from orandnet.dataset.layouts.coco_annotations import read_annotations
from orandnet.dataset.layouts.coco_masks import draw_mask
from orandnet.dataset.layouts.folder import read_folder
from orandnet.dataset.layouts.voc import read_list
from orandnet.dataset.settings import Settings
from orandnet.export.archive import read_archive, write_archive
from orandnet.files.checkpoint import load_weights
from orandnet.files.mask import encode_mask, read_mask
from orandnet.files.pickle_reader import read_pickled_npy
from orandnet.files.store import CamStore
from orandnet.prediction.foreign import mask_of
from orandnet.prediction.settings import ImportSettings as PredictionSettings
from orandnet.refinement.segment_formats import READERS as SEGMENT_READERS
from random_cams import random_shard

EXAMPLES = int(os.environ.get("ORANDNET_FUZZ_EXAMPLES", 40))  # of each reader
MEMORY = 2 * 2**30
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", autouse=True)
def bounded_memory():
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def saved(write) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


SCORES = np.random.default_rng(0).random((1, *SIZE)).astype(np.float32)
CONTENT = {"keys": np.array([0]), "high_res": SCORES}
TENSORS = {"keys": torch.tensor([0]), "high_res": torch.from_numpy(SCORES)}
CLIP_ES = {"keys": np.array([0]), "attn_highres": SCORES.astype(np.float16)}
KEYS = torch.tensor([0, 1])
BECO = {"pred": np.zeros(SIZE, np.int64), "score": torch.from_numpy(SCORES[0]).expand(2, *SIZE).contiguous()}
KNOWN = Known((1,), {"cat": 1, "dog": 2}, SIZE, others=False)
RUNS = rle.encode(np.asfortranarray(np.eye(9, 7, dtype=np.uint8)))["counts"].decode()
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "height": 9, "width": 7}],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [[1, 1, 5, 1, 5, 5]], "area": 9, "iscrowd": 0},
        {
            "id": 2,
            "image_id": 1,
            "category_id": 3,
            "segmentation": {"size": [9, 7], "counts": RUNS},
            "bbox": [1, 1, 2, 2],
        },
        {"id": 3, "image_id": 1, "category_id": 3, "segmentation": {"size": [9, 7], "counts": [3, 60]}},
    ],
}
XML = "<annotation><object><name>cat</name></object></annotation>"
CSV = "image_id,labels,split\na1,cat;dog,train\nb1,cat,val\n"
CONFIG = "run: a\nseeds: [0]\ndataset: {kind: scenes}\nsources: {vit: {kind: vit}}\n"


def answer(read):
    """Return what a ValueError says, or None if there was none; whatever else is raised goes through."""
    try:
        read()
    except ValueError as error:
        return str(error)
    return None


def image(path):
    rgb = read_rgb(path)
    assert rgb.dtype == np.uint8
    assert rgb.shape[2] == 3


def mask(path):
    assert read_mask(path).dtype == np.uint8


def shard(path):
    store = CamStore([path])
    for image_id in store.image_ids:
        assert len(store[image_id].classes) == len(store[image_id].scores)


def imported(kind):
    return lambda path: read_maps(path, KNOWN, ImportSettings(path="cams", format=kind, file_ids=[1, 2]))


def predicted(kind):
    settings = PredictionSettings(path="predicted", format=kind)
    return lambda path: mask_of(path, SIZE, np.arange(3), settings)


def annotations(path):
    for picture in read_annotations(path).pictures:
        told = answer(partial(draw_mask, picture, {3: 1}, boxes="ignore"))
        assert told is None or told.startswith(picture.file_name)  # the annotations' own name of the image


def segments(kind):
    def read(path):
        for segment in SEGMENT_READERS[kind](path, (9, 7)):
            assert 0 <= segment.min() <= segment.max() < 63

    return read


# reader -> seeds that are damaged, ending of the file's name
PICTURES = [encoded(kind, mode) for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP") for mode in ("L", "RGB")]
NUMPY = npy_header((), "|O")
READERS_OF_BYTES = {
    "image": (image, PICTURES, ".jpg"),
    "mask": (
        mask,
        [encode_mask(np.eye(9, dtype=np.uint8)), encoded("PNG", "P"), encoded("TIFF"), encoded("BMP")],
        ".png",
    ),
    "npy": (read_pickled_npy, [saved(lambda file: np.save(file, SCORES)), NUMPY + pickle.dumps(TENSORS)], ".npy"),
    "irn": (imported("irn"), [NUMPY + pickle.dumps(CONTENT, protocol) for protocol in (0, 2, 4)], ".npy"),
    "clip_es": (imported("clip_es"), [NUMPY + pickle.dumps(CLIP_ES, protocol) for protocol in (2, 4)], ".npy"),
    "logits": (imported("logits"), [NUMPY + pickle.dumps({"msc_seg": np.stack([SCORES[0]] * 3)[None]})], ".npy"),
    "beco": (
        imported("beco"),
        [saved(lambda file, keys=keys: torch.save(BECO | {"keys": keys}, file)) for keys in (KEYS, KEYS.numpy())],
        ".pt",
    ),
    "npz": (
        imported("arrays"),
        [
            saved(lambda file, save=save: save(file, classes=[1], scores=SCORES))
            for save in (np.savez, np.savez_compressed)
        ],
        ".npz",
    ),
    "words": (
        lambda path: read_features(path, ["cat"]),
        [saved(lambda file: np.savez(file, names=["cat", "sky"], features=SCORES[0, :2], scale=100.0))],
        ".npz",
    ),
    "hard_png": (imported("hard_png"), [encode_mask(np.eye(9, dtype=np.uint8))], ".png"),
    "predicted mask": (predicted("png"), [encode_mask(np.ones(SIZE, dtype=np.uint8))], ".png"),
    "predicted logits": (
        predicted("logits"),
        [
            NUMPY + pickle.dumps({"segs": np.stack([SCORES[0]] * 3)[None]}),
            saved(lambda file: np.save(file, [*SCORES] * 3)),
        ],
        ".npy",
    ),
    "segment npz": (
        segments("npz"),
        [saved(lambda file: np.savez_compressed(file, segments=np.ones((2, 9, 7), bool)))],
        ".npz",
    ),
    "segment runs": (segments("coco_rle"), [json.dumps(COCO["annotations"][1:]).encode()], ".json"),
    "segment png": (segments("id_png"), [encode_mask(np.eye(9, 7, dtype=np.uint8))], ".png"),
    "coco": (annotations, [json.dumps(COCO).encode()], ".json"),
    "weights": (
        load_weights,
        [safetensors.torch.save({"a": torch.ones(3)}, {"orandnet": '{"a": "b"}'})],
        ".safetensors",
    ),
    "list": (read_list, [b"a1\na2\n", b"/JPEGImages/a1.jpg /SegmentationClass/a1.png\n"], ".txt"),
}


@st.composite
def damaged(draw, seeds):
    """A seed with some bytes replaced, put in, taken out or doubled; or any bytes."""
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 9))
        new = draw(
            st.one_of(st.binary(max_size=9), st.just(content[start : start + length] * 2), st.just(b"\xff" * length))
        )
        content[start : start + length] = new
    return bytes(content) if draw(st.integers(0, 19)) else draw(st.binary(max_size=99))


def check(reader, path):
    """Read, and take a ValueError with the file's name for an answer."""
    told = answer(partial(reader, path))
    if told is not None:
        several = told.partition(" problems:\n  ")[2]  # each in a line of its own
        assert (several or told).startswith(str(path))
        assert "\n" not in told.split(" problems:\n")[0]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", READERS_OF_BYTES)
@fuzz
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused_by_name(tmp_path_factory, name, data):
    reader, seeds, suffix = READERS_OF_BYTES[name]
    path = tmp_path_factory.getbasetemp() / f"fuzz{suffix}"
    path.write_bytes(data.draw(damaged(seeds)))
    check(reader, path)


@fuzz
@given(data=st.data())
def test_damaged_shards_are_read_or_refused_by_name(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    whole = random_shard(folder / "whole/1-of-1.npz", ["a", "b"], size=(8, 12)).read_bytes()
    (folder / "1-of-1.npz").write_bytes(data.draw(damaged([whole])))
    check(shard, folder / "1-of-1.npz")


@fuzz
@given(data=st.data())
def test_damaged_trails_are_read_or_refused_by_name(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "trail.zip"
    write_archive(path, {"trail.json": b"{}", "a/b.png": b"abc" * 99})
    path.write_bytes(data.draw(damaged([path.read_bytes()])))
    check(read_archive, path)


# every opcode of pickle, with something behind it that may be its argument
codes = st.sampled_from([opcode.code.encode("latin1") for opcode in pickletools.opcodes])
steps = st.lists(
    st.tuples(codes, st.sampled_from([b"", b"\0", b"\1", b"\1\0\0\0", b"a\n"]) | st.binary(max_size=6)), max_size=30
)


@fuzz
@given(steps)
def test_steps_of_a_pickle_in_any_order_are_read_or_refused_by_name(tmp_path_factory, found):
    path = tmp_path_factory.getbasetemp() / "steps.npy"
    path.write_bytes(NUMPY + b"\x80\x04" + b"".join(code + argument for code, argument in found) + b".")
    check(read_pickled_npy, path)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)


@st.composite
def altered(draw, tree):
    """A tree of JSON in which some branches are others."""
    if draw(st.integers(0, 9)) == 0:
        return draw(trees)
    if isinstance(tree, dict):
        return {key: draw(altered(inner)) for key, inner in tree.items() if draw(st.integers(0, 19))}
    if isinstance(tree, list):
        return [draw(altered(inner)) for inner in tree]
    return tree


@fuzz
@given(altered(COCO))
def test_altered_annotations_are_read_or_refused_by_name(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "altered.json"
    path.write_text(json.dumps(content))
    check(annotations, path)


LABELS = {
    "csv": ("labels.csv", [CSV.encode(), CSV.encode("utf-16"), CSV.replace("cat", "käse").encode("latin-1")]),
    "xml": ("Annotations/a1.xml", [XML.encode(), f'<?xml version="1.0" encoding="utf-16"?>{XML}'.encode("utf-16")]),
    "npy": ("labels.npy", [NUMPY + pickle.dumps({"a1": np.array([1, 0]), 20: [0, 1]})]),
}


@pytest.mark.parametrize("kind", LABELS)
@fuzz
@given(data=st.data())
def test_damaged_labels_are_read_or_refused_by_name(tmp_path_factory, kind, data):
    root = tmp_path_factory.getbasetemp() / "labelled"
    name, seeds = LABELS[kind]
    (root / "Annotations").mkdir(parents=True, exist_ok=True)
    (root / "a1.jpg").touch()
    (root / "b1.jpg").touch()
    (root / name).write_bytes(data.draw(damaged(seeds)))
    labels = "annotations" if kind == "xml" else str(root / name)
    voc = Settings(kind="voc", root=root, classes=["cat", "dog"], labels=labels)
    read = [lambda: read_labels(voc, {"a1": "train", "b1": "val"})]
    if kind == "csv":
        folder = Settings(kind="folder", root=root, classes=["cat", "dog"], labels=labels)
        read.append(lambda: read_folder(folder, "train_aug"))
    for one in read:
        told = answer(one)
        assert told is None or str(root) in told


@fuzz
@given(data=st.data())
def test_a_damaged_config_is_read_or_refused_by_key(data):
    yaml = pytest.importorskip("yaml")
    try:
        content = yaml.safe_load(data.draw(damaged([CONFIG.encode()])))
    except (yaml.YAMLError, ValueError, RecursionError):
        return  # Snakemake reads it
    if isinstance(content, dict):
        content = data.draw(altered(content))
        assert answer(partial(load, content)) != ""


def test_the_seeds_are_good(tmp_path):
    for name, (reader, seeds, suffix) in READERS_OF_BYTES.items():
        for number, seed in enumerate(seeds):
            path = tmp_path / f"{name}{number}{suffix}"
            path.write_bytes(seed)
            reader(path)
    assert ElementTree.fromstring(XML).findtext("object/name") == "cat"
