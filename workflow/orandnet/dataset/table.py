"""CSV files that people wrote: every cell is read, or the line is named.

Comma, tab or semicolon may separate columns; the header says which. Each row has as many cells as the header, none of
them over several lines, so that an unclosed quote cannot swallow what follows.
"""

import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from orandnet.dataset.text import read_text

_SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon"}


class Row(NamedTuple):
    """A row: its line in the file, counted from 1, and the text of each column without spaces around it."""

    line: int
    cells: dict[str, str]


def read_table(path: Path, *, needed: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """Return the rows of a CSV; empty rows are left out.

    Args:
        path: the file, in an encoding that `read_text` reads.
        needed: columns that it must have.
        optional: columns that it may have; others are read too, unless their name nearly is one of these.

    Raises:
        ValueError: names file, line, what stands there, and what to do.
    """
    text = read_text(path)
    separator = _separator(path, text, needed)
    lines = _cells(path, text, separator)
    header = next(lines, None)
    columns = _columns(path, header.cells if header else [], needed, optional)
    rows = []
    for line, cells in lines:
        if not any(cells):
            continue
        if cells[: len(columns)] == columns:
            raise ValueError(f"{path}: line {line} is the header once more; remove the line.")
        rows.append(Row(line, dict(zip(columns, _fitted(path, line, cells, columns, separator), strict=True))))
    return rows


class _Line(NamedTuple):
    line: int
    cells: list[str]


def _separator(path: Path, text: str, needed: Sequence[str]) -> str:
    """The one separator that cuts the first line into the needed columns; the comma where none does."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    for separator in _SEPARATORS:
        if {*needed} <= {cell.strip().strip('"') for cell in first.split(separator)}:
            return separator
    return next((separator for separator in _SEPARATORS if separator in first), ",")


def _cells(path: Path, text: str, separator: str) -> Iterator[_Line]:
    """The lines' cells, without spaces around them; a fault of the CSV itself names its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ValueError(
                f'{path}: line {line} cannot be read ({error}); close its quotes ("), and double those inside a cell.'
            ) from None
        if cells is None:
            return
        over = next((cell for cell in cells if "\n" in cell or "\r" in cell), None)
        if over is not None:
            raise ValueError(
                f'{path}: line {line} has a cell that goes on over the next line, {_short(over)}; close its quotes (").'
            )
        yield _Line(line, [cell.strip() for cell in cells])


def _columns(path: Path, header: list[str], needed: Sequence[str], optional: Sequence[str]) -> list[str]:
    columns = list(header)
    while columns and not columns[-1]:  # spreadsheets leave empty columns at the end
        columns.pop()
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: has the column {twice!r} twice; keep one.")
    for name in columns:
        near = [other for other in (*needed, *optional) if _nearly(name, other) and other not in columns]
        if near:
            raise ValueError(f"{path}: has the column {name!r}; rename it to {near[0]!r}.")
    if not {*needed} <= {*columns}:
        raise ValueError(
            f"{path}: has the columns {columns}; it needs {' and '.join(needed)}, with commas between columns."
        )
    return columns


def _nearly(name: str, other: str) -> bool:
    same = name.casefold().replace(" ", "_").replace("-", "_")
    return name != other and (same == other or difflib.SequenceMatcher(None, same, other).ratio() >= 0.85)


def _fitted(path: Path, line: int, cells: list[str], columns: list[str], separator: str) -> list[str]:
    """As many cells as columns: empty ones at the end are cut, and nothing else."""
    cells = list(cells)
    while len(cells) > len(columns) and not cells[-1]:
        cells.pop()
    if len(cells) != len(columns):
        mark = _SEPARATORS[separator]
        raise ValueError(
            f"{path}: line {line} has {len(cells)} cells, {_short(separator.join(cells))}, the header "
            f"{len(columns)}; write one {mark} between columns"
            + (", and `;` between classes." if separator == "," else ', and quotes (") around classes joined by `;`.')
        )
    return cells


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
