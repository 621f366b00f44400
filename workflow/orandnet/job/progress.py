"""Progress of long work: a bar on a terminal, plain lines in a log file."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 10.0


def say(message: str) -> None:
    """Print a line for the reader of the terminal or log, apart from the results on standard output."""
    print(message, file=sys.stderr, flush=True)


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items unchanged and show how far the work is; the display never touches results.

    Args:
        items: what to go through.
        description: what is being done, in a few words.
        total: number of items; taken from `len(items)` where it has one.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        yield from _with_bar(items, description, total)
    else:
        yield from _with_lines(items, description, total)


def _with_bar(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description=description, total=total, console=Console(stderr=True))


def _with_lines(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    start = last = time.monotonic()
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            say(f"{description}: {_state(done, total, now - start)}")
    seconds = time.monotonic() - start
    say(f"{description}: done, {done} in {seconds:.1f} s")


def _state(done: int, total: int | None, seconds: float) -> str:
    if not total:
        return f"{done} in {seconds:.0f} s"
    left = seconds / done * (total - done)
    return f"{done} of {total} ({100 * done // total} %), {left:.0f} s left"
