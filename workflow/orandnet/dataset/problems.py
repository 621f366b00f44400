"""Faults of a data set, gathered so that one run shows several of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

SHOWN = 5


def refuse(problems: Sequence[str], *, about: str = "dataset", shown: int = SHOWN) -> None:
    """Raise a ValueError with the first few problems, if there are any; each is one line."""
    if not problems:
        return
    if len(problems) == 1:
        raise ValueError(problems[0])
    more = [f"... and {len(problems) - shown} more"] if len(problems) > shown else []
    raise ValueError("\n  ".join([f"{about}: {len(problems)} problems:", *problems[:shown], *more]))


def require_file(path: Path, *, needed_for: str) -> None:
    """Raise a ValueError unless `path` is a file."""
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file, needed for {needed_for}; make it or correct the path.")


def repeated(values: Iterable[str]) -> list[str]:
    """Return the values that occur more than once, in the order of their second appearance."""
    seen, twice = set(), {}
    for value in values:
        if value in seen:
            twice[value] = None
        seen.add(value)
    return list(twice)
