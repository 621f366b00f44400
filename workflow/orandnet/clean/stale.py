"""Files in the folder of a run that its config does not ask for."""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from orandnet.config.sections import Config
from orandnet.files.manifest import manifest_path
from orandnet.files.mask import read_mask_list
from orandnet.files.places import PLACES
from orandnet.plan.artifacts import planned

# a file or folder that a killed job left: `atomic_path` and the like name them so
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}(\.[^/]*)?")
STATE = ".state"  # of an unfinished training, beside its weights
STAGES = {pattern.partition("/")[0] for pattern in PLACES.values()}


class _Known:
    """Which files of a run the config asks for, by their path from its folder."""

    def __init__(self, config: Config, results: Path):
        self._names: dict[str, list[re.Pattern]] = defaultdict(list)
        self._whole: set[str] = set()
        for pattern in planned(config):
            place = PurePosixPath(pattern)
            self._add(place)
            if place.parts[0] == "dataset" and place.name == "labels.csv":
                self._whole.add(str(place.parent))  # the drawn scenes, the masks of COCO
            if place.parts[:2] == ("export", "voc"):
                self._whole.add(str(place.parent))
        self._listed = {path for path in _listed(results) if self._is_planned(path)}
        self._beside = {str(path) for list_path in self._listed for path in _members(results, list_path)}

    def _add(self, place: PurePosixPath) -> None:
        names = [place.name, str(manifest_path(Path(place.name)))]
        if place.name == "weights.safetensors":
            names.append("history.csv")
        folder = str(place.parent)
        self._names[folder] += [re.compile(re.escape(name).replace(r"\*", ".+")) for name in names]

    def _is_planned(self, path: PurePosixPath) -> bool:
        return any(name.fullmatch(path.name) for name in self._names.get(str(path.parent), ()))

    def __contains__(self, path: PurePosixPath) -> bool:
        if any(TEMPORARY.fullmatch(part) for part in path.parts):
            return False
        if path.parent.name == STATE:
            return f"{path.parent.parent}" in self._names and self._is_planned(path.parents[1] / "weights.safetensors")
        inside = any(str(parent) in self._whole for parent in path.parents)
        return inside or self._is_planned(path) or str(path) in self._beside


def stale_files(config: Config, results: Path) -> list[Path]:
    """Return the files under the stages' folders of a run that its config does not ask for, sorted.

    Files that a list names (masks, exports) are asked for if the list is. Files beside the stages' folders, and the
    logs, are none of them.

    Raises:
        ValueError: if a list that the config asks for cannot be read.
    """
    known = _Known(config, results)
    return [path for path in _files(results) if PurePosixPath(path.relative_to(results).as_posix()) not in known]


def remove(paths: Iterable[Path], results: Path) -> None:
    """Delete files in the folder of a run, and the folders that are empty then."""
    for path in paths:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == results or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()


def _files(results: Path) -> Iterator[Path]:
    for stage in sorted(STAGES):
        for folder, _, names in sorted(os.walk(results / stage)):
            yield from (Path(folder) / name for name in sorted(names))


def _listed(results: Path) -> Iterator[PurePosixPath]:
    """The lists of files that lie beside them: of masks, and of exported files."""
    for folder in ("irn", "pseudo_mask", "prediction", "export/irn", "export/npz"):
        for path in sorted((results / folder).rglob("[0-9]*-of-[0-9]*.csv")):
            yield PurePosixPath(path.relative_to(results).as_posix())


def _members(results: Path, list_path: PurePosixPath) -> Iterator[PurePosixPath]:
    """The files that a list names, from the folder of the run."""
    if list_path.parts[0] == "export":
        suffix = {"irn": ".npy", "npz": ".npz"}[list_path.parts[1]]
        with (results / list_path).open(newline="", encoding="utf-8") as file:
            yield from (list_path.with_name(f"{row['image_id']}{suffix}") for row in csv.DictReader(file))
    else:
        for row in read_mask_list([results / list_path]):
            yield PurePosixPath(row["path"].relative_to(results).as_posix())
