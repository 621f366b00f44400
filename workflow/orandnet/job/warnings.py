"""Doubts of a command: said at once, and kept as data for the manifest of what it made.

A doubt is about numbers that can hardly be right while nothing is certainly wrong; what is certainly wrong is an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from orandnet.job.progress import say

_found: list[dict[str, str]] = []


def warn(code: str, message: str) -> None:
    """Say a doubt, and keep it for the manifest; one that was said before is not repeated.

    Call it in the process that runs the command: a worker process hands back what it saw.

    Args:
        code: the kind of doubt in one word, such as `equal_images`; programs tell kinds by it.
        message: what was found, with numbers, and what to do.
    """
    doubt = {"code": code, "message": message}
    if doubt not in _found:
        _found.append(doubt)
        say(f"warning: {message}")


@contextmanager
def collected_warnings() -> Iterator[list[dict[str, str]]]:
    """Yield the list of the doubts, `code` and `message`, that are said in the block, in their order."""
    _found.clear()
    yield _found
