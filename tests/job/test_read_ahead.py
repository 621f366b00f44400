"""Items made ahead: the same items in the same order, one ahead, and nothing left behind."""

import threading
import time

import pytest

from orandnet.job import read_ahead as module
from orandnet.job.read_ahead import read_ahead


def reading_threads():
    time.sleep(0.05)  # a thread that has kept its promise needs a moment to end
    return [thread for thread in threading.enumerate() if thread.name == "read_ahead"]


def test_items_come_in_order_whatever_they_are():
    items = [1, None, 0, "", (), [2]]
    assert list(read_ahead(items)) == items
    assert list(read_ahead(())) == []
    assert reading_threads() == []


def test_the_next_item_is_made_while_one_is_worked_on():
    made = [threading.Event() for _ in range(4)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in read_ahead(items()):
        if number < 3:
            assert made[number + 1].wait(10)  # would never come if making waited for this loop
        assert not any(event.is_set() for event in made[number + 2 :])


def test_items_are_made_in_another_thread_their_iterator_is_not():
    class Items:
        def __iter__(self):
            self.asked_in = threading.current_thread()
            return iter(threading.current_thread, None)

    items = Items()
    found = read_ahead(items)
    assert next(found).name == "read_ahead"
    assert items.asked_in is threading.current_thread()
    found.close()


def test_an_error_is_raised_where_its_item_was_due():
    def items():
        yield 1
        yield 2
        raise ValueError("image 3 is broken")

    found = read_ahead(items())
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(ValueError, match="image 3 is broken"):
        next(found)
    assert reading_threads() == []


def test_work_that_fails_or_stops_leaves_no_thread_and_makes_no_more():
    made = []

    def items():
        for number in range(1000):
            made.append(number)
            yield number

    def work():
        for number in read_ahead(items()):
            if number == 2:
                raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError, match="the work failed"):
        work()
    assert reading_threads() == []
    assert len(made) <= 4


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, SystemExit])
def test_an_item_that_hangs_keeps_nobody_from_stopping(monkeypatch, stopped_by):
    monkeypatch.setattr(module, "SECONDS_TO_END", 0.1)
    released = threading.Event()

    def items():
        yield 1
        released.wait(60)
        yield 2

    def work():
        for _ in read_ahead(items()):
            raise stopped_by

    start = time.monotonic()
    with pytest.raises(stopped_by):
        work()
    assert time.monotonic() - start < 10
    (thread,) = reading_threads()
    assert thread.daemon  # so the end of the program does not wait for it either
    released.set()
    thread.join(10)
    assert not thread.is_alive()
