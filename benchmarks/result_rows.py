"""Results of long studies as CSV: rows are added when a training has ended; a killed study goes on where it was."""

import csv
import io
import shutil
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path

from orandnet.job.progress import say

# its key, its name, and what trains in a folder of that key, or goes on with what lies there, and returns its rows
Training = tuple[str, str, Callable[[Path], list[dict]]]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows so far, none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def add_rows(path: Path, rows: list[dict[str, object]]) -> None:
    """Add rows of the same columns, all or none of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if not path.is_file():
        writer.writeheader()
    writer.writerows(rows)
    # one write: two studies with other seeds may share a file, and a kill leaves no half of a training
    with path.open("ab", buffering=0) as file:
        file.write(text.getvalue().encode())


def do_missing(path: Path, trainings: Iterable[Training]) -> None:
    """Do the trainings that no row of a file is of, by its column `key`, each in a folder beside it until it ends."""
    for key, name, train in trainings:
        folder = path.parent / "unfinished" / key
        if any(row["key"] == key for row in read_rows(path)):
            say(f"{name}: is in {path}")
        else:
            say(f"{name}: {'goes on' if folder.exists() else 'begins'}")
            folder.mkdir(parents=True, exist_ok=True)
            add_rows(path, train(folder))
        shutil.rmtree(folder, ignore_errors=True)


def mean_and_spread(values: list[float], form: str = ".1f") -> str:
    """Return the mean, with the sample standard deviation where there are several values."""
    mean = f"{statistics.mean(values):{form}}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean
