"""Work spread over processes, with the results in order and few items in memory."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def ordered_starmap(function: Callable[..., Result], items: Iterable[tuple], *, processes: int) -> Iterator[Result]:
    """Yield `function(*item)` for each item, in order.

    Args:
        function: importable by name, or a partial of such a function.
        items: tuples of arguments, drawn only a little ahead of the results.
        processes: worker processes; 0 calls the function in this one.
    """
    if processes == 0:
        for item in items:
            yield function(*item)
        return
    # spawned, not forked: a fork of a process that has used a GPU or threads may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(function, *item))
            if len(waiting) > processes + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _end_with_parent() -> None:
    """Let this worker end when its parent is gone, killed included; else it would wait for work forever."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
