"""What a folder of many files was made with, and from which inputs, so that work on it can go on.

`made_with.json` tells the first, `images.csv` (image, labels, sha256) the second: a row stands there when all files of
its image do. Killed at any time, the work goes on with the image after the last row.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from orandnet.files.atomic import atomic_path
from orandnet.files.manifest import digest
from orandnet.files.picture import MOST_BYTES as MOST_IMAGE_BYTES
from orandnet.files.regular import read_regular

MADE_WITH, DONE = "made_with.json", "images.csv"
COLUMNS = ("image", "labels", "sha256")
MOST_BYTES = 2**26  # of made_with.json
SHA256 = 64  # digits


class FolderRecord:
    """The record of one folder, which takes more rows in a `with` block.

    Attributes:
        folder: the folder.
        done: image -> the labels that its files were made for ("" where none are needed), and the SHA-256 of its file.
    """

    def __init__(self, folder: Path, made_with: Mapping[str, object], notes: Mapping[str, object]):
        """Take up the folder's record, or begin one.

        Args:
            folder: is made if it is missing.
            made_with: all that the files depend on besides their images, as JSON holds it.
            notes: what else `made_with.json` tells to readers.

        Raises:
            ValueError: if the folder holds other files, or such that were made with something else.
        """
        self.folder = folder
        self._made_with = json.loads(json.dumps(made_with))
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"--output: {folder} is a file; give a folder.")
        if self._taken_up():
            self.done = _rows(folder / DONE)
        else:
            self.done: dict[str, tuple[str, str]] = {}
            content = json.dumps({**self._made_with, **notes}, indent=2)
            with atomic_path(folder / MADE_WITH) as temporary:
                temporary.write_text(f"{content}\n", encoding="utf-8")
        self._write()  # a row that was cut off when the work was killed is gone

    def __enter__(self) -> "FolderRecord":
        """Return the record, open for more rows."""
        self._file = (self.folder / DONE).open("a", newline="", encoding="utf-8", errors="surrogateescape")
        return self

    def __exit__(self, *error: object) -> None:
        """Bring the rows into order: equal work has equal bytes, however often it was stopped."""
        self._file.close()
        self._write()

    def add(self, image: str, sha256: str, labels: str = "") -> None:
        """Note that all files of an image are there."""
        self.done[image] = labels, sha256
        csv.writer(self._file, lineterminator="\n").writerow((image, labels, sha256))
        self._file.flush()

    def holds(self, image: str, path: Path, files: Iterable[Path], labels: str = "") -> bool:
        """Return whether all files of an image are there, and made of it and its labels as they are now.

        Args:
            image: its name.
            path: its file.
            files: what is made of it.
            labels: its labels.
        """
        if image not in self.done or not all(file.is_file() for file in files):
            return False
        try:
            return self.done[image] == (labels, digest(read_regular(path, what="image", most_bytes=MOST_IMAGE_BYTES)))
        except ValueError:
            return False  # it will be named when it is read

    def _taken_up(self) -> bool:
        """Return whether the folder's files are of this work; False for a folder that is empty or not there."""
        path = self.folder / MADE_WITH
        if not path.exists():
            strange = sorted(p.name for p in self.folder.glob("*") if not p.name.startswith("."))
            if strange:
                raise ValueError(
                    f"--output: {self.folder} holds other files, {strange[0]} among them, and no {MADE_WITH}; give a "
                    "new folder."
                )
            return False
        try:
            found = json.loads(read_regular(path, what=MADE_WITH, most_bytes=MOST_BYTES))
            other = [key for key, value in self._made_with.items() if found.get(key) != value]
        except (ValueError, AttributeError) as error:
            raise ValueError(f"{path}: cannot be read ({error}); give another --output, or remove it.") from None
        if other:
            told = ", ".join(_differences({key: found.get(key) for key in other}, self._made_with))
            raise ValueError(
                f"--output: {self.folder} was made with {told}; give another folder for these, or remove that one."
            )
        return True

    def _write(self) -> None:
        with (
            atomic_path(self.folder / DONE) as temporary,
            temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
        ):
            rows = ((image, *row) for image, row in sorted(self.done.items()))
            csv.writer(file, lineterminator="\n").writerows((COLUMNS, *rows))


def _rows(path: Path) -> dict[str, tuple[str, str]]:
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {row[0]: (row[1], row[2]) for row in csv.reader(file) if len(row) == 3 and len(row[2]) == SHA256}


def _differences(then: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """Say what differs, key by key; of another command's settings, which have other keys, that they do."""
    for key, value in then.items():
        if isinstance(value, dict) and isinstance(now[key], dict) and value.keys() == now[key].keys():
            yield from _differences({k: v for k, v in value.items() if now[key][k] != v}, now[key])
        else:
            yield f"{key} {_short(value)}, now {_short(now[key])}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
