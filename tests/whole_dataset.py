"""A data set made as a run makes it, list by list, and read back."""

import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from orandnet.dataset.ground_truth import GroundTruth
from orandnet.dataset.index import read_rows
from orandnet.dataset.settings import Settings
from orandnet.dataset.stage import make_all


class Whole(NamedTuple):
    """Rows of index.csv, content of manifest.json, and of ground_truth/<part>.json by part."""

    rows: list[dict]
    manifest: dict
    ground_truth: dict[str, dict]

    @property
    def num_masks(self) -> int:
        return sum(len(part["masks"]) for part in self.ground_truth.values())


def survey(settings: Settings, *, threads: int = 1) -> Whole:
    """Make all lists of a data set in a folder of its own; ValueError as the first job that finds a fault says it."""
    with tempfile.TemporaryDirectory() as name:
        make_all(Path(name), settings, threads=threads)
        return whole(Path(name))


def whole(folder: Path) -> Whole:
    truths = {path.stem: json.loads(path.read_text()) for path in sorted((folder / "ground_truth").glob("*.json"))}
    return Whole(read_rows(folder / "index.csv"), json.loads((folder / "manifest.json").read_text()), truths)


def true_masks(folder: Path, part: str = "train_aug") -> GroundTruth:
    return GroundTruth(folder / f"{part}.csv", folder / "ground_truth" / f"{part}.json")
