"""How deep and how large the content of a foreign pickle may be: a few hundred bytes can ask for more than there is.

Two kinds of bombs run no code: tuples nested so deep that Python's own hashing overflows the stack, and a list that
holds another one twice, that one a third twice, and so on, which is small until somebody makes an array of it.
"""

import pickletools
from typing import Any, BinaryIO

import numpy as np

MOST_IN_TUPLES = 10_000  # values in a tuple and the tuples in it; real files hold shapes and colours in tuples
FREE_VALUES = 1_000_000  # what a content may hold, however small its file
VALUES_PER_BYTE = 8  # and what it may hold for each byte of the file: parts that are shared count each time

_TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET"}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}


def check_tuples(file: BinaryIO) -> None:
    """Go through the steps of the pickle that begins here, without doing them, and refuse tuples of too many values.

    The file stands where it stood afterwards. A tuple cannot change once it is made, and nothing but tuples is hashed
    value by value. So the number of values in a tuple bounds the depth and the time of hashing it.

    Raises:
        ValueError: for such tuples, or a pickle that is no sequence of whole steps.
    """
    stack: list[int | None] = []  # values in each thing on the unpickler's stack; None is a mark
    memo: dict[int, int] = {}
    start = file.tell()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in _GETS:
            stack.append(memo[argument])
        elif opcode.name in _PUTS:
            memo[argument] = _top(stack)
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = _top(stack)
        elif opcode.name == "DUP":
            stack.append(_top(stack))
        else:
            taken = _take(stack, opcode)
            if opcode.name in _TUPLES:
                values = 1 + sum(taken)
                if values > MOST_IN_TUPLES:
                    raise ValueError(f"tuples are nested to more than {MOST_IN_TUPLES} values")
                stack.append(values)
            else:
                stack += [None if after is pickletools.markobject else 1 for after in opcode.stack_after]
    file.seek(start)


def _top(stack: list[int | None]) -> int:
    if not stack or stack[-1] is None:
        raise ValueError("a step of the pickle finds nothing to work on")
    return stack[-1]


def _take(stack: list[int | None], opcode: pickletools.OpcodeInfo) -> list[int]:
    """Remove what a step takes from the stack, and return it."""
    before, taken = opcode.stack_before, []
    if pickletools.markobject in before or (opcode.name == "POP" and stack and stack[-1] is None):
        while stack and (value := stack.pop()) is not None:
            taken.append(value)
        before = before[: before.index(pickletools.markobject)] if pickletools.markobject in before else []
    for _ in before:
        taken.append(_top(stack))
        stack.pop()
    return taken


def check_size(content: Any, *, num_bytes: int) -> None:
    """Refuse a content that holds itself, or far more values than its file has bytes.

    Args:
        content: dicts, lists, tuples, sets, arrays and plain values.
        num_bytes: of the file.

    Raises:
        ValueError: if it does.
    """
    limit = FREE_VALUES + VALUES_PER_BYTE * num_bytes
    counts: dict[int, int] = {}  # id -> values in it, each as often as it is met
    open_ids: set[int] = set()
    waiting = [(content, False)]
    while waiting:
        value, seen = waiting.pop()
        if id(value) in counts:
            continue
        parts = _parts(value)
        if seen or not parts:
            counts[id(value)] = 1 + (value.size if isinstance(value, np.ndarray) else 0)
            counts[id(value)] += sum(counts[id(part)] for part in parts)
            open_ids.discard(id(value))
            if counts[id(value)] > limit:
                raise ValueError(f"it holds more than {limit} values, far more than its {num_bytes} bytes")
            continue
        if id(value) in open_ids:
            raise ValueError("it holds itself")
        open_ids.add(id(value))
        waiting.append((value, True))
        waiting += [(part, False) for part in parts]


def _parts(value: Any) -> list:
    """Return the things in a container, which lives on while they are looked at; [] of all else."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return value.ravel().tolist() if value.ndim else [value.item()]
    return []
