"""The thresholds of a method's scores that Otsu's method found: what masks, IRN's labels and the evaluation read."""

import json
from pathlib import Path
from typing import NamedTuple

from orandnet.files.atomic import atomic_path


class Thresholds(NamedTuple):
    """Scores of a method: the background's, and on both sides of it those that leave no doubt."""

    background_threshold: float
    sure_background: float
    sure_foreground: float


def write_thresholds(path: Path, thresholds: Thresholds, **facts: object) -> None:
    """Write thresholds as JSON, with facts on how they were found for people to read."""
    with atomic_path(path) as temporary:
        text = json.dumps(thresholds._asdict() | facts, indent=2, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_thresholds(path: Path) -> Thresholds:
    """Return the thresholds of a file.

    Raises:
        ValueError: if it holds none.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return Thresholds(*(float(content[name]) for name in Thresholds._fields))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: holds no thresholds ({error}); run `orandnet pseudo_mask otsu`.") from error
