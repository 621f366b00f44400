"""Reading beside computing: what comes next is made while the present is worked on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")

SECONDS_TO_END = 2.0
_END = object()


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items in order; while one is worked on, a thread makes the next.

    Decoding, resizing and networks let other threads run, so that neither a GPU nor a second core waits for a file. One
    item is made ahead, no more. An error in making it is raised where the item was due. Whoever stops before the end
    waits for the item that is being made, two seconds at most: a file that cannot be read holds no program back.

    Args:
        items: makes an item when it is asked for; its iterator is made in the caller's thread.
    """
    promises: SimpleQueue[Future | None] = SimpleQueue()
    # a daemon, which does not keep the program from ending; a pool's threads would
    Thread(target=_make, args=(iter(items), promises), name="read_ahead", daemon=True).start()
    coming = _ask(promises)
    try:
        while (item := coming.result()) is not _END:
            coming = _ask(promises)
            yield item
    finally:
        promises.put(None)
        wait([coming], SECONDS_TO_END)  # a thread in the middle of its work may disturb the end of the program


def _ask(promises: SimpleQueue[Future | None]) -> Future:
    promise = Future()
    promises.put(promise)
    return promise


def _make(iterator: Iterator, promises: SimpleQueue[Future | None]) -> None:
    """Keep the promises in order, each with the next item or the error in making it, until None is asked for."""
    for promise in iter(promises.get, None):
        try:
            promise.set_result(next(iterator, _END))
        except BaseException as error:  # of whatever kind, it belongs to who asked for the item
            promise.set_exception(error)
