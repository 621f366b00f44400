"""The table of hostile and damaged inputs: where it lies, the command that meets it, and what the one line must say."""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from hostile.intruders import INTRUDERS, NO_MASKS, NO_SEGMENT_MAPS, NO_SOFT_MASKS, SIZE, bytes_of, npy_header
from orandnet.cam.clip.settings import ClipSettings
from orandnet.dataset.index import PART_COLUMNS, read_rows, write_rows
from orandnet.dataset.settings import MaskSettings
from orandnet.dataset.stage import classes, images
from orandnet.files.store import Cam, write_shard
from voc_folder import write_voc

LABELS = {"a1": ("cat",), "a2": ("dog",), "a3": ("cat", "dog")}


class Case(NamedTuple):
    """An input and its command.

    Attributes:
        name: of the case.
        make: writes good files into a folder, then the bad one; returns the command.
        words: what the line must hold.
    """

    name: str
    make: Callable[[Path], list[str]]
    words: tuple[str, ...]


def check_images(folder: Path) -> list[str]:
    """Write a small data set in VOC's layout; return the command that checks its training images."""
    settings = write_voc(folder / "voc")
    options = ["--part", "train_aug", "--output", str(folder / "out/train_aug.csv")]
    return ["dataset", "images", *options, "--settings", settings.model_dump_json()]


def check_masks(folder: Path) -> list[str]:
    """Write a small data set in VOC's layout and list its images; return the command that checks their masks."""
    settings, lists = write_voc(folder / "voc"), folder / "lists"
    classes(output=lists / "classes.json", settings=settings)
    images(part="train_aug", output=lists / "train_aug.csv", settings=settings)
    options = ["--index", str(lists / "train_aug.csv"), "--output", str(folder / "out/train_aug.json")]
    return ["dataset", "ground_truth", *options, "--settings", settings.narrowed_to(MaskSettings).model_dump_json()]


def import_cams(folder: Path, kind: str) -> list[str]:
    """Write an index and good CAM files of three images; return the command that imports them."""
    rows = [
        dict(zip(("image_id", "image", "split", "height", "width"), (i, "", "train", *SIZE), strict=True))
        | {"labels": ";".join(names), "orientation": 1, "sha256": ""}
        for i, names in LABELS.items()
    ]
    write_rows(folder / "index.csv", rows, PART_COLUMNS)
    (folder / "classes.json").write_text(json.dumps({"classes": ["cat", "dog"], "file_ids": [1, 2]}))
    (folder / "cams").mkdir()
    rng = np.random.default_rng(0)
    for image_id, names in LABELS.items():
        keys, scores = np.array([("cat", "dog").index(name) for name in names]), rng.random((len(names), *SIZE))
        WRITERS[kind](folder / "cams", image_id, keys, scores.astype(np.float32))
    settings = {"path": str(folder / "cams"), "format": kind, "file_ids": [1, 2]}
    options = ["--index", str(folder / "index.csv"), "--output", str(folder / "out/1-of-1.npz")]
    return ["cam", "import", *options, "--settings", json.dumps(settings)]


def import_predictions(folder: Path, kind: str) -> list[str]:
    """Write an index of val and good predictions of three images; return the command that imports them."""
    import_cams(folder, "irn")
    (folder / "index.csv").write_text((folder / "index.csv").read_text().replace(",train,", ",val,"))
    (folder / "predicted").mkdir()
    for image_id in LABELS:
        if kind == "png":
            Image.new("L", SIZE[::-1], 1).save(folder / f"predicted/{image_id}.png")
        else:
            np.save(folder / f"predicted/{image_id}.npy", {"msc_seg": np.zeros((1, 3, *SIZE), np.float32)})
    options = ["--index", str(folder / "index.csv"), "--output", str(folder / "out/1-of-1.csv")]
    settings = {"path": str(folder / "predicted"), "format": kind}
    return ["prediction", "import", *options, "--settings", json.dumps(settings)]


def merge_segments(folder: Path, kind: str) -> list[str]:
    """Write three images, their CAMs and good files of segments; return the command that merges them."""
    import_cams(folder, "arrays")
    rows = read_rows(folder / "index.csv")
    for row in rows:
        row["image"] = str(folder / f"{row['image_id']}.jpg")
        Image.new("RGB", SIZE[::-1], (9, 99, 199)).save(row["image"])
    write_rows(folder / "index.csv", rows, PART_COLUMNS)
    cams = [
        Cam(i, np.array([("cat", "dog").index(name) + 1 for name in names]), np.full((len(names), *SIZE), 0.6), SIZE)
        for i, names in LABELS.items()
    ]
    write_shard(folder / "cams.npz", cams)
    (folder / "segments").mkdir()
    for image_id in LABELS:
        SEGMENT_WRITERS[kind](folder / "segments" / image_id)
    settings = {"path": str(folder / "segments"), "format": kind, "background_threshold": 0.5}
    options = ["--index", str(folder / "index.csv"), "--cams", str(folder / "cams.npz")]
    return ["refinement", "sam", *options, "--output", str(folder / "out/1.npz"), "--settings", json.dumps(settings)]


SEGMENTS = np.arange(2)[:, None, None] == (np.arange(SIZE[1]) > 7)[None, None, :].repeat(SIZE[0], axis=1)
RUNS = {"size": list(SIZE), "counts": [0, 8 * SIZE[0], 8 * SIZE[0]]}
SEGMENT_WRITERS = {
    "npz": lambda path: np.savez(path.with_suffix(".npz"), segments=SEGMENTS),
    "coco_rle": lambda path: path.with_suffix(".json").write_text(json.dumps([{"segmentation": RUNS}])),
    "id_png": lambda path: Image.fromarray(SEGMENTS[1].astype(np.uint16) + 300).save(path.with_suffix(".png")),
}


def write_soft(folder: Path, image_id: str, keys: np.ndarray, scores: np.ndarray) -> None:
    (folder / image_id).mkdir()
    for key, one in zip(keys, scores, strict=True):
        Image.fromarray((one * 255).astype(np.uint8)).save(folder / image_id / f"{key + 1}.png")


WRITERS = {
    "irn": lambda folder, i, keys, s: np.save(folder / f"{i}.npy", {"keys": keys, "high_res": s}, allow_pickle=True),
    "beco": lambda folder, i, keys, s: torch.save({"keys": keys + 1, "score": torch.from_numpy(s)}, folder / f"{i}.pt"),
    "clip_es": lambda folder, i, keys, s: np.save(
        folder / f"{i}.npy", {"keys": keys, "attn_highres": s.astype(np.float16)}, allow_pickle=True
    ),
    "arrays": lambda folder, i, keys, s: np.savez(folder / f"{i}.npz", classes=keys + 1, scores=s),
    "soft_png": write_soft,
    "hard_png": lambda folder, i, keys, s: Image.new("L", SIZE[::-1], int(keys[0]) + 1).save(folder / f"{i}.png"),
}


def clip_cams(folder: Path) -> list[str]:
    """Write an index of one image and good features of words; return the command of a CLIP without weights."""
    write_voc(folder / "voc")
    row = {"image_id": "a1", "image": str(folder / "voc/JPEGImages/a1.jpg"), "split": "train", "labels": "cat"}
    row |= {"height": SIZE[0], "width": SIZE[1], "orientation": 1, "sha256": ""}
    write_rows(folder / "index.csv", [row], PART_COLUMNS)
    (folder / "classes.json").write_text(json.dumps({"classes": ["cat", "dog"], "file_ids": [1, 2]}))
    np.savez(folder / "words.npz", names=["cat", "dog", "sky"], features=np.eye(3, dtype=np.float32), scale=100.0)
    options = {"patch_size": 4, "depth": 1, "embed_dim": 8, "num_heads": 2, "img_size": 16, "num_classes": 3}
    settings = ClipSettings(backbone={"pretrained": False, "model_options": options}, attention_blocks=1)
    places = ["--index", str(folder / "index.csv"), "--output", str(folder / "out/1-of-1.npz")]
    words = ["--features", str(folder / "words.npz"), "--device", "cpu"]
    return ["cam", "clip", *places, *words, "--settings", settings.model_dump_json()]


# place -> command that writes good files, and the file that something else takes the place of
PLACES = {
    "image": (check_images, "voc/JPEGImages/a1.jpg"),
    "mask": (check_masks, "voc/SegmentationClass/a1.png"),
    "hard_png": (lambda folder: import_cams(folder, "hard_png"), "cams/a1.png"),
    "soft_png": (lambda folder: import_cams(folder, "soft_png"), "cams/a1/1.png"),
    "irn": (lambda folder: import_cams(folder, "irn"), "cams/a1.npy"),
    "clip_es": (lambda folder: import_cams(folder, "clip_es"), "cams/a1.npy"),
    "beco": (lambda folder: import_cams(folder, "beco"), "cams/a1.pt"),
    "arrays": (lambda folder: import_cams(folder, "arrays"), "cams/a1.npz"),
    "predicted mask": (lambda folder: import_predictions(folder, "png"), "predicted/a1.png"),
    "predicted logits": (lambda folder: import_predictions(folder, "logits"), "predicted/a1.npy"),
    "words": (clip_cams, "words.npz"),
    "segment npz": (lambda folder: merge_segments(folder, "npz"), "segments/a1.npz"),
    "segment runs": (lambda folder: merge_segments(folder, "coco_rle"), "segments/a1.json"),
    "segment png": (lambda folder: merge_segments(folder, "id_png"), "segments/a1.png"),
}
INPUTS = ("words",)  # of the command itself, which are hashed whatever they are
OF_ARRAYS = ("irn", "clip_es", "beco", "arrays", "predicted logits", "segment npz")
OF_PICTURES = {
    "image": {},
    "mask": NO_MASKS,
    "hard_png": NO_MASKS,
    "predicted mask": NO_MASKS,
    "soft_png": NO_SOFT_MASKS,
    "segment png": NO_SEGMENT_MAPS,
}


def intruded() -> Iterator[Case]:
    """Every intruder in every place."""
    for place in (name for name in PLACES if name not in INPUTS):
        good, file = PLACES[place]
        for name, intruder in {**INTRUDERS, **OF_PICTURES.get(place, {})}.items():
            words = intruder.as_picture
            if place in OF_ARRAYS and not words.startswith("is a "):
                words = intruder.as_array.replace(".np", ".pt" if place == "beco" else ".np")
            if place == "segment runs" and not words.startswith("is a "):
                words = "a1.json: "
            if name == "a folder" and place not in ("image", "mask", "soft_png") and not place.startswith("segment"):
                whose = "val" if place.startswith("predicted") else "training"
                words = f"none for 1 of 3 {whose} images: a1"  # an import looks for files among files
            yield Case(f"{place}: {name}", placed(good, file, intruder.put), (Path(file).name[:2], words))


def placed(good: Callable, file: str, put: Callable[[Path], None]) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        command = good(folder)
        (folder / file).unlink()
        put(folder / file)
        return command

    return make


def pickled(content: bytes) -> Callable[[Path], None]:
    """Put a pickle into a .npy file, as numpy does."""
    return bytes_of(npy_header((), "|O") + content)


def plain(**arrays) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)


def members(method: int = zipfile.ZIP_STORED, **contents: bytes) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in contents.items():
                archive.writestr(f"{name}.npy", content)

    return put


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


def marked(offset_local: int, offset_central: int, value: int) -> Callable[[Path], None]:
    """Put an archive in whose every member one byte of both headers is another."""

    def put(path: Path) -> None:
        members(classes=npy([1]), scores=npy(np.zeros((1, *SIZE))))(path)
        content = bytearray(path.read_bytes())
        for start, offset in ((b"PK\3\4", offset_local), (b"PK\1\2", offset_central)):
            position = content.find(start)
            while position >= 0:
                content[position + offset] = value
                position = content.find(start, position + 1)
        path.write_bytes(content)

    return put


ARRAYS = {
    "a header of 4 TB": (members(classes=npy([1]), scores=npy_header((1, 10**6, 10**6))), "takes 4000000000000 bytes"),
    "more zeros than fit the image": (
        members(zipfile.ZIP_DEFLATED, classes=npy([1]), scores=npy(np.zeros((1, 9000, 9000), np.uint8))),
        "unpacks to 81000128 bytes",
    ),
    "an encrypted member": (marked(6, 8, 1), "is encrypted"),
    "an unknown compression": (marked(8, 10, 99), "is compressed by method 99"),
    "garbage as LZMA": (marked(8, 10, 14), "is compressed by method 14"),
    "garbage as deflated": (marked(8, 10, 8), "not a readable .npz"),
    "objects": (plain(classes=np.array([1]), scores=np.array([[[None]]])), "holds Python objects"),
    "a negative shape": (members(classes=npy([1]), scores=npy_header((-1, 3, 4))), "negative shape"),
    "no classes": (plain(scores=np.zeros((1, *SIZE))), "has the arrays ['scores'], not classes and scores"),
    "classes without an axis": (plain(classes=np.array(1), scores=np.zeros((1, *SIZE))), "has 1 classes for 1 maps"),
    "classes with a fraction": (plain(classes=np.array([1.5]), scores=np.zeros((1, *SIZE))), "1.5) is no class number"),
    "text": (plain(classes=np.array([1]), scores=np.full((1, *SIZE), "a")), "where maps belong"),
    "complex numbers": (plain(classes=np.array([1]), scores=np.ones((1, *SIZE), complex)), "where maps belong"),
    "not a number": (plain(classes=np.array([1]), scores=np.full((1, *SIZE), np.nan)), "not finite"),
    "numbers of 128 bits": (plain(classes=np.array([1]), scores=np.ones((1, *SIZE), np.longdouble) * 2), "reach from"),
}
KEYS = pickle.dumps(np.array([0]))[2:-1]
PICKLES = {
    "a name that runs code": (pickled(b"cposix\nsystem\n(S'true'\ntR."), "asks for posix.system, which could run code"),
    "a key nested a million deep": (pickled(b"\x80\x04})" + b"\x85" * 10**6 + b"K\x01s."), "tuples are nested"),
    "lists of 2 to the 60 parts": (
        pickled(b"\x80\x04]\x94K\x01a" + b"".join(b"0]\x94h%ca" % row + b"h%ca" % row for row in range(60)) + b"."),
        "holds more than",
    ),
    "a text of 4 EB": (pickled(b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"a."), "not a readable .npy"),
    "a frame that is not there": (pickled(b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"}."), "not a readable .npy"),
    "a list": (pickled(pickle.dumps([1, 2])), "holds a list, not a dict"),
    "keys that are no numbers": (pickled(pickle.dumps({"keys": ["a"], "high_res": 1})), "a1.npy: "),
    "a huge key": (pickled(pickle.dumps({"keys": [10**30], "cam": [[[0.5]]]})), "a1.npy: "),
    "an unknown version": (lambda path: path.write_bytes(b"\x93NUMPY\x09\0v\0" + b" " * 118), "npy version (9, 0)"),
    "a header that is code": (
        lambda path: path.write_bytes(b"\x93NUMPY\1\0\x76\0" + b"__import__('os').getcwd()".ljust(117) + b"\n"),
        "not a readable .npy",
    ),
    "a header of 60 kB": (
        lambda path: path.write_bytes(b"\x93NUMPY\1\0\x60\xea" + b"(" * 0xEA60),
        "not a readable .npy",
    ),
}


# storage number 0 of 4 numbers, as a pickle of torch.save names it, and a tensor of it
STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x000X\3\0\0\0cpuK\4tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(%sK\0K\4\x85K\1\x85\x89}tR"
NUMBERS = np.zeros(4, np.float32).tobytes()


def torch_zip(content: bytes, method: int = zipfile.ZIP_STORED, **others: bytes) -> Callable[[Path], None]:
    """Put an archive of torch.save in: a pickle, and members under the folder of the archive."""

    def put(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a1/data.pkl", b"\x80\2" + content + b".")
            for name, member in others.items():
                archive.writestr(f"a1/{name.replace('_', '/')}", member)

    return put


TORCH = {
    "a name that runs code": (
        torch_zip(b"cposix\nsystem\n(S'true'\ntR"),
        "asks for posix.system, which could run code",
    ),
    "a storage that is not there": (torch_zip(TENSOR % STORAGE), "the numbers of a tensor, a1/data/0, are missing"),
    "a storage of another length": (torch_zip(TENSOR % STORAGE, data_0=NUMBERS[:9]), "of another length than it says"),
    "a storage that is code": (
        torch_zip(TENSOR % STORAGE.replace(b"torch\nFloatStorage", b"torch\nload"), data_0=NUMBERS),
        "asks for torch.load, which could run code",
    ),
    "a storage of objects": (
        torch_zip(TENSOR % STORAGE.replace(b"ctorch\nFloatStorage\n", b"X\1\0\0\0O"), data_0=NUMBERS),
        "refers to something outside the file",
    ),
    "a tensor of a million numbers, a thousand times": (
        torch_zip(
            b"]"
            + STORAGE.replace(b"K\4", b"J" + struct.pack("<i", 10**6))
            + b"q\1"
            + b"0"
            + (TENSOR.replace(b"K\4", b"J" + struct.pack("<i", 10**6)) % b"h\1" + b"a") * 1000,
            data_0=bytes(4 * 10**6),
        ),
        "hold one storage many times",
    ),
    "numbers of another order": (torch_zip(TENSOR % STORAGE, data_0=NUMBERS, byteorder=b"big"), "not little-endian"),
    "no pickle": (members(a=b"a"), "it holds 0 members data.pkl"),
    "compressed numbers": (
        torch_zip(TENSOR % STORAGE, zipfile.ZIP_DEFLATED, data_0=bytes(10**8)),
        "is damaged, compressed or encrypted",
    ),
    "a key nested a million deep": (torch_zip(b"})" + b"\x85" * 10**6 + b"K\x01s"), "tuples are nested"),
    "a form without a zip": (
        lambda path: torch.save({"keys": torch.tensor([1])}, path, _use_new_zipfile_serialization=False),
        "no zip",
    ),
    "a list": (torch_zip(b"]"), "holds a list, not a dict"),
    "another dict": (torch_zip(b"}"), "has the entries [], not keys and score"),
}
DUMPS = {
    "other entries": (pickled(pickle.dumps({"keys": [0], "cam": 1})), "entries ['keys', 'cam'], not keys and attn_h"),
    "more keys than maps": (
        pickled(pickle.dumps({"keys": np.arange(9), "attn_highres": np.zeros((1, *SIZE))})),
        "has 1 channels for 9 keys",
    ),
    "keys with a fraction": (
        pickled(pickle.dumps({"keys": np.array([0.5]), "attn_highres": np.zeros((1, *SIZE))})),
        "is no class number",
    ),
    "no class": (pickled(pickle.dumps({"keys": [], "attn_highres": np.zeros((0, *SIZE))})), "where maps belong"),
    "scores of minus infinity": (
        pickled(pickle.dumps({"keys": [0], "attn_highres": np.full((1, *SIZE), -np.inf)})),
        "not finite",
    ),
}
WORDS = {"names": ["cat", "dog", "sky"], "features": np.eye(3, dtype=np.float32), "scale": 100.0}
FEATURES = {
    "names that are objects": (plain(**WORDS | {"names": np.array(["cat", None])}), "holds Python objects"),
    "features of 4 TB": (
        members(names=npy(["cat"]), features=npy_header((10**6, 10**6)), scale=npy(1.0)),
        "takes 4000000000000 bytes",
    ),
    "a scale of nan": (plain(**WORDS | {"scale": np.nan}), "write the factor of the cosines"),
    "one class less": (plain(**WORDS | {"names": ["cat", "cow", "sky"]}), "has no features of the class 'dog'"),
}
SEGMENT_ARRAYS = {
    "a header of 4 TB": (members(segments=npy_header((10**6, 10**6), "|b1")), "takes 1000000000000 bytes"),
    "more maps than fit": (
        members(zipfile.ZIP_DEFLATED, segments=npy(np.zeros((9000, *SIZE), np.uint8))),
        "unpacks to 1728128 bytes",
    ),
    "another size": (plain(segments=np.zeros((2, 5, 5), bool)), "segments is an array of bool (2, 5, 5)"),
    "numbers with a fraction": (plain(segments=np.zeros((2, *SIZE))), "segments is an array of float64"),
    "objects": (plain(segments=np.array([None])), "holds Python objects"),
    "another name": (plain(masks=SEGMENTS), "has the arrays ['masks'], not segments"),
    "the image 300 times": (plain(segments=np.ones((300, *SIZE), bool)), "cover the image more than 256 times"),
}


def records(*segmentations: object) -> Callable[[Path], None]:
    return bytes_of(json.dumps([{"segmentation": one} for one in segmentations]).encode())


RUN_LENGTHS = {
    "another size": (records(RUNS | {"size": [5, 5]}), "segment 0 cannot be read (its size is [5, 5]"),
    "a size of a million": (records({"size": [10**6, 10**6], "counts": [0, 10**12]}), "its size is"),
    "runs beyond the image": (records(RUNS | {"counts": [0, 10**12]}), "add up to 1000000000000, not to 192 pixels"),
    "negative runs": (records(RUNS | {"counts": [-8, 200]}), "add up to"),
    "no runs": (records(RUNS | {"counts": []}), "cannot be read"),
    "damaged runs": (records(RUNS | {"counts": "o" * 99}), "its run lengths are damaged"),
    "text of runs": (records(RUNS | {"counts": ["a"]}), "cannot be read"),
    "a polygon": (records([[1, 1, 5, 1, 5, 5]]), "segment 0 cannot be read"),
    "no segmentation": (bytes_of(b"[{}]"), "segment 0 cannot be read ('segmentation')"),
    "a number": (bytes_of(b"1"), "holds no list of records"),
    "a dict of other things": (bytes_of(b'{"masks": []}'), "holds no list of records"),
    "lists in lists": (bytes_of(b"[" * 10**6), "is no JSON"),
    "no JSON": (bytes_of(b"{"), "is no JSON"),
    "letters that are none": (bytes_of(b"\xff\xfe\0\xd8"), "is no JSON"),
    "too many records": (bytes_of(b"[" + b"{}," * 5000 + b"{}]"), "has 5001 segments, at most 4096"),
    "the image 300 times": (records(*[RUNS | {"counts": [0, 192]}] * 300), "cover the image more than 256 times"),
}


def arrays() -> Iterator[Case]:
    """Archives, pickles and run lengths that ask for more than there is."""
    tables = {
        "arrays": ARRAYS,
        "irn": PICKLES,
        "clip_es": DUMPS,
        "beco": TORCH,
        "words": FEATURES,
        "segment npz": SEGMENT_ARRAYS,
        "segment runs": RUN_LENGTHS,
    }
    for kind, table in tables.items():
        good, file = PLACES[kind]
        for name, (put, words) in table.items():
            yield Case(f"{kind}: {name}", placed(good, file, put), (Path(file).name, words))


CASES = [*intruded(), *arrays()]
