"""Faults of a data set, gathered so that one run shows several of them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

SHOWN = 5
_all: ContextVar[bool] = ContextVar("all problems are shown", default=False)


@contextmanager
def all_shown() -> Iterator[None]:
    """In the block, `refuse` names every problem and not the first few."""
    token = _all.set(True)
    try:
        yield
    finally:
        _all.reset(token)


def lines_of(error: ValueError) -> list[str]:
    """Return the problems that `refuse` put into an error, one line each; those of any other error too."""
    first, *others = str(error).splitlines() or [type(error).__name__]
    return [line.strip() for line in others] if others and first.endswith("problems:") else [first, *others]


def refuse(problems: Sequence[str], *, about: str = "dataset", shown: int = SHOWN) -> None:
    """Raise a ValueError with the first few problems, if there are any; each is one line."""
    if not problems:
        return
    shown = len(problems) if _all.get() else shown
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
