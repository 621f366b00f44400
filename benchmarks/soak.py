"""Memory, open files and time of the stages that go through every image without a network, on many tiny images.

    python benchmarks/soak.py    # 50,000 images: ten minutes on two cores, 1 GB of files under --folder
    python benchmarks/soak.py --images 4000 16000

Each stage is the command that the workflow runs, in a process of its own that is looked at ten times a second. The
images are 24 x 32 pixels, and most are links to a few, so what is measured is what is kept for each image, not what is
decoded. Printed as a table in markdown; `kB per image` is between the smallest and the largest number of images.
"""

import argparse
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from PIL import Image

PROGRAM = Path(__file__).parents[1] / "workflow/orandnet"
SIZE = (24, 32)
DIFFERENT = 50  # images that are files of their own


class Seen(NamedTuple):
    """What was seen of a process: seconds, most MiB, MiB at a quarter of its time and at its end, most open files."""

    seconds: float
    peak: float
    quarter: float
    end: float
    files: int


def write_data(root: Path, images: int) -> list[str]:
    """Write a data set in VOC's layout with masks and IRN's CAM files; return the image ids."""
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation", "cams"):
        (root / folder).mkdir(parents=True)
    rng, mask = np.random.default_rng(0), np.zeros(SIZE, np.uint8)
    mask[:8], mask[8:12] = 1, 2
    ids = [f"i{number:06}" for number in range(images)]
    scores = {"keys": np.array([0, 1]), "high_res": rng.random((2, *SIZE), dtype=np.float32)}
    contents = {"SegmentationClass": (".png", [_encoded(mask, "PNG")]), "cams": (".npy", [_saved(scores)])}
    noise = (rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8) for _ in range(DIFFERENT))
    contents["JPEGImages"] = (".jpg", [_encoded(rgb, "JPEG") for rgb in noise])
    for folder, (ending, files) in contents.items():
        for number, image_id in enumerate(ids):
            path = root / folder / f"{image_id}{ending}"
            if number < len(files):
                path.write_bytes(files[number])
            else:
                os.link(root / folder / f"{ids[number % len(files)]}{ending}", path)
    (root / "labels.csv").write_text("image_id,labels\n" + "".join(f"{image_id},cat;dog\n" for image_id in ids))
    return ids


def _encoded(array: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def _saved(content: dict) -> bytes:
    file = io.BytesIO()
    np.save(file, content, allow_pickle=True)
    return file.getvalue()


def commands() -> dict[str, list[str]]:
    """Return stage -> command, in the order of the workflow."""
    voc = {"kind": "voc", "root": "voc", "classes": ["cat", "dog"], "labels": "voc/labels.csv"}
    data = f"--settings={json.dumps(voc)}"
    masked = f"--settings={json.dumps({'kind': 'voc', 'root': 'voc'})}"
    cams = {"path": "voc/cams", "format": "irn", "file_ids": [1, 2]}
    curve = ["--output=o/e/s.csv", "--curve-output=o/e/c.csv", "--per-class-output=o/e/p.csv"]
    shard, index, truth, otsu = (
        "o/cam/1-of-1.npz",
        "--index=o/train_aug.csv",
        "o/truth/train_aug.json",
        "o/pm/otsu.json",
    )
    masks = ["--output=o/pm/1-of-1.csv", "--threshold-output=o/pm/t.json"]
    fixed = '--settings={"threshold_rule": "fixed", "background_threshold": 0.4}'
    lists = {part: f"o/{part}.csv" for part in ("train_aug", "val", "test")}
    checked = {
        f"dataset images {part}": ["dataset", "images", f"--part={part}", f"--output={path}", "--threads=2", data]
        for part, path in lists.items()
    }
    whole = ["--output=o/index.csv", "--manifest-output=o/manifest.json", "--ground-truth", truth]
    return {
        "dataset classes": ["dataset", "classes", "--output=o/classes.json", data],
        **checked,
        "dataset ground_truth": ["dataset", "ground_truth", index, f"--output={truth}", "--threads=2", masked],
        "dataset": ["dataset", "--parts", *lists.values(), *whole, data],
        "cam import": ["cam", "import", index, f"--output={shard}", f"--settings={json.dumps(cams)}"],
        "pseudo_mask otsu": ["pseudo_mask", "otsu", index, f"--cams={shard}", f"--output={otsu}", "--settings={}"],
        "evaluation cam": [
            *("evaluation", "cam", index, f"--ground-truth={truth}", f"--cams={shard}", f"--otsu={otsu}", *curve),
            *("--background-threshold=0.4", "--settings={}"),
        ],
        "pseudo_mask": ["pseudo_mask", index, f"--cams={shard}", *masks, fixed],
    }


def watched(command: list[str], folder: Path) -> Seen:
    """Run a command to its end and return what was seen of it."""
    start, memory, files = time.monotonic(), [], 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command_line = [sys.executable, str(PROGRAM), *command]
    with subprocess.Popen(command_line, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                memory.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024)
                files = max(files, len(os.listdir(f"/proc/{process.pid}/fd")))
            except (OSError, TypeError):  # it has just ended
                pass
            time.sleep(0.1)
        if process.returncode:
            raise SystemExit(f"{' '.join(command[:2])}: {process.stderr.read()}")
    peak = json.loads(_manifest(command, folder).read_text())["peak_memory_mib"]
    return Seen(time.monotonic() - start, peak, memory[len(memory) // 4], memory[-1], files)


def _manifest(command: list[str], folder: Path) -> Path:
    output = next(part.partition("=")[2] for part in command if part.startswith("--output="))
    return (folder / output).with_suffix(".manifest.json")


def table(found: dict[str, dict[int, Seen]]) -> Iterable[str]:
    """Yield the lines of the table."""
    columns = ("stage", "images", "seconds", "ms per image", "peak MiB", "at a quarter, at the end", "open files")
    yield f"| {' | '.join(columns)} | kB per image |"
    yield "|---|---|---|---|---|---|---|---|"
    for stage, by_number in found.items():
        least, most = min(by_number), max(by_number)
        kept = 1024 * (by_number[most].peak - by_number[least].peak) / max(1, most - least)
        for number, seen in by_number.items():
            yield (
                f"| {stage} | {number} | {seen.seconds:.1f} | {1000 * seen.seconds / number:.2f} | {seen.peak:.0f} | "
                f"{seen.quarter:.0f}, {seen.end:.0f} | {seen.files} | {f'{kept:.2f}' if number == most else ''} |"
            )


def main() -> None:
    """Write the data, run the stages, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[12_500, 50_000], help="numbers of images, ascending")
    parser.add_argument("--folder", help="where to write the files, which are removed afterwards")
    options = parser.parse_args()
    found: dict[str, dict[int, Seen]] = {}
    with TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        ids = write_data(folder / "voc", max(options.images) + 1)
        (folder / "voc/ImageSets/Segmentation/val.txt").write_text(f"{ids[-1]}\n")
        for number in options.images:
            (folder / "voc/ImageSets/Segmentation/train.txt").write_text("".join(f"{one}\n" for one in ids[:number]))
            for stage, command in commands().items():
                found.setdefault(stage, {})[number] = watched(command, folder)
    print(*table(found), sep="\n")


if __name__ == "__main__":
    main()
