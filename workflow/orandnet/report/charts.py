"""Charts as data: what is drawn, apart from how. The page draws them by Vega-Lite, papers get them by matplotlib.

Every line has a colour, a pattern of dashes and a marker that no other of the first eight has, so that colours alone
never tell two lines apart: not on paper printed in grey, nor for readers who see fewer colours.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Okabe & Ito (2008), made for colour-blind readers, with a brown for their yellow, which is faint on white; "ink" is
# the colour of the text, black on white paper
INK = "ink"
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", INK, "#8A5A2B")
DASHES = ((), (6, 3), (2, 2), (8, 2, 2, 2), (12, 3), (1, 3), (4, 1, 1, 1, 1, 1), (10, 2, 4, 2))
# name for Vega, and the same for matplotlib
MARKERS = (
    ("circle", "o"),
    ("square", "s"),
    ("triangle-up", "^"),
    ("diamond", "D"),
    ("cross", "P"),
    ("triangle-down", "v"),
    ("triangle-right", ">"),
    ("triangle-left", "<"),
)


class Style(NamedTuple):
    """How a line and its points look: a colour, lengths of dashes and gaps in points, a marker for each library."""

    color: str
    dashes: tuple[int, ...]
    marker: str
    paper_marker: str


class Line(NamedTuple):
    """Points (x, y) that are joined in their order; `low` and `high` bound them over seeds, empty for one seed."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


class Point(NamedTuple):
    """A single result; a text for x or y is one of the axis' names. `note` is shown when it is pointed at."""

    label: str
    x: float | str
    y: float | str
    note: str = ""


class Axis(NamedTuple):
    """Title, and either the range of the numbers (None: that of the data) or the names, in order."""

    title: str
    range: tuple[float | None, float | None] = (None, None)
    names: tuple[str, ...] = ()


class Plot(NamedTuple):
    """Lines and points over two axes."""

    title: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...] = ()
    points: tuple[Point, ...] = ()


class Bars(NamedTuple):
    """One number per name, as horizontal bars."""

    title: str
    unit: str
    values: tuple[tuple[str, float], ...]


class Matrix(NamedTuple):
    """Shares in percent: rows sum to 100, or are nan where there is nothing to share."""

    title: str
    names: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]


class Chart(NamedTuple):
    """Panels side by side, under one title and one legend; `name` is that of its files."""

    name: str
    title: str
    caption: str
    panels: tuple[Plot | Bars | Matrix, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What the legend names, in the order of first appearance."""
        drawn = (part for panel in self.panels if isinstance(panel, Plot) for part in (*panel.lines, *panel.points))
        return tuple(dict.fromkeys(part.label for part in drawn))

    @property
    def styles(self) -> dict[str, Style]:
        """The look of each label, the same in all panels."""
        return dict(zip(self.labels, styles(len(self.labels)), strict=True))

    @property
    def has_lines(self) -> bool:
        """Whether any panel joins points by lines."""
        return any(panel.lines for panel in self.panels if isinstance(panel, Plot))


def styles(number: int) -> list[Style]:
    """Return `number` looks: the first eight differ in colour, dashes and marker, and 56 differ in some of them."""
    found = []
    for position in range(number):
        turn, place = divmod(position, len(COLORS))
        shifted = (place + turn) % len(COLORS)
        found.append(Style(COLORS[place], DASHES[shifted], *MARKERS[shifted]))
    return found


def marked(line: Line, position: int) -> list[int]:
    """Return the points of a line that bear its marker: about six, elsewhere on each line so that few coincide."""
    step = max(1, len(line.x) // 6) if len(line.x) > 12 else 1
    return list(range(position % step, len(line.x), step))


def over_seeds(label: str, x: Sequence[float], seeds: Iterable[Sequence[float]]) -> Line:
    """Return the mean of equally long series, bounded by their lowest and highest values."""
    columns = list(zip(*seeds, strict=True))
    number = len(columns[0]) if columns else 0
    mean = [sum(column) / number for column in columns]
    if number < 2:
        return Line(label, list(x), mean)
    return Line(label, list(x), mean, [min(column) for column in columns], [max(column) for column in columns])
