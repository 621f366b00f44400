"""Progress of long work: a bar on a terminal, plain lines in a log file."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_LOOKS = 1.0  # of the bar's status, which may wait for a GPU


def say(message: str) -> None:
    """Print a line for the reader of the terminal or log, apart from the results on standard output."""
    print(message, file=sys.stderr, flush=True)


def track(
    items: Iterable[Item], description: str, total: int | None = None, *, status: Callable[[], str] = str
) -> Iterator[Item]:
    """Yield the items unchanged and show how far the work is; the display never touches results.

    Args:
        items: what to go through.
        description: what is being done, in a few words.
        total: number of items; taken from `len(items)` where it has one.
        status: returns what else there is to say, such as a loss; asked only when something is shown.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        yield from _with_bar(items, description, total, status)
    else:
        yield from _with_lines(items, description, total, status)


def _with_bar(items: Iterable[Item], description: str, total: int | None, status: Callable[[], str]) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[status]}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task, looked = bar.add_task(description, total=total, status=""), time.monotonic()
        for item in items:
            yield item
            bar.advance(task)
            if time.monotonic() - looked >= SECONDS_BETWEEN_LOOKS:
                looked = time.monotonic()
                bar.update(task, status=status())
        bar.update(task, status=status())


def _with_lines(
    items: Iterable[Item], description: str, total: int | None, status: Callable[[], str]
) -> Iterator[Item]:
    start = last = time.monotonic()
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            say(_line(f"{description}: {_state(done, total, now - start)}", status))
    seconds = time.monotonic() - start
    say(_line(f"{description}: done, {done} in {seconds:.1f} s", status))


def _line(text: str, status: Callable[[], str]) -> str:
    more = status()
    return f"{text}; {more}" if more else text


def _state(done: int, total: int | None, seconds: float) -> str:
    if not total:
        return f"{done} in {seconds:.0f} s"
    left = seconds / done * (total - done)
    return f"{done} of {total} ({100 * done // total} %), {left:.0f} s left"
