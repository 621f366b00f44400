"""CAMs on disk: shards of the stride-4 grid against one pickled dict of full-resolution float32 maps for each image."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inputs import Inputs
from orandnet.files.pickle_reader import read_pickled_npy
from orandnet.files.store import Cam, CamStore, write_shard
from orandnet.maps.grid import resize_scores
from timing import Agreement, Comparison

HALF_STEP = 2.0**-12  # float16 just below 1 is this far from what it rounds, at most


def pickled(cams: list[Cam], folder: Path) -> list[np.ndarray]:
    """Write and read a dict of `keys`, `cam` and `high_res` for each image; return the maps in full size."""
    for cam in cams:
        full = resize_scores(cam.scores, cam.size)
        content = {"keys": cam.classes, "cam": cam.scores, "high_res": full}
        np.save(folder / f"{cam.image_id}.npy", content)
    paths = [folder / f"{cam.image_id}.npy" for cam in cams]
    return [read_pickled_npy(path)["high_res"] for path in paths]  # as fast as numpy's own, and runs nothing


def sharded(cams: list[Cam], folder: Path) -> list[np.ndarray]:
    """Write and read a shard of the store; return the maps in full size."""
    write_shard(folder / "1-of-1.npz", cams)
    store = CamStore([folder / "1-of-1.npz"])
    return [resize_scores(store[cam.image_id].scores, cam.size) for cam in cams]


def comparisons(inputs: Inputs) -> Iterator[Comparison]:
    """Yield writing and reading back of CAMs with two classes, both ending at maps in full size."""
    triples = zip(inputs.classes, inputs.scores, inputs.masks, strict=True)
    cams = [Cam(str(k), classes, scores, mask.shape) for k, (classes, scores, mask) in enumerate(triples)]
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / form for form in ("pickled", "sharded")]
        for folder in folders:
            folder.mkdir()

        def agreement(expected: list[np.ndarray], ours: list[np.ndarray]) -> Agreement:
            difference = max(float(np.abs(a - b).max()) for a, b in zip(expected, ours, strict=True))
            sizes = [sum(path.stat().st_size for path in folder.iterdir()) / len(cams) / 1000 for folder in folders]
            text = f"max difference {difference:.1e}; {sizes[0]:.0f} KB and {sizes[1]:.0f} KB"
            return Agreement(text, difference <= HALF_STEP * 1.01 and sizes[1] < sizes[0] / 10)

        yield Comparison(
            "CAM files, write and read in full size, 2 classes",
            lambda: pickled(cams, folders[0]),
            lambda: sharded(cams, folders[1]),
            agreement,
            units=len(cams),
        )
