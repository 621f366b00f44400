"""Reading beside computing: what comes next is made while the present is worked on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items in order; while one is worked on, a thread makes the next.

    Decoding, resizing and networks let other threads run, so that neither a GPU nor a second core waits for a file. One
    item is made ahead, no more. An error in making it is raised where the item was due.

    Args:
        items: makes an item when it is asked for; its iterator is made in the caller's thread.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="read_ahead") as pool:
        coming = pool.submit(next, iterator, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, iterator, _END)
            yield item
