"""Charts for papers: drawn by matplotlib as SVG or PDF, from the same data as the page's."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from orandnet.maps.pictures import DPI, save_figure
from orandnet.report.charts import INK, Axis, Chart, Matrix, Plot, Style, marked

WIDTH, HEIGHT = 4.2, 3.3  # inches of a panel
ROW = 0.26  # inches of a name on an axis
COLUMNS = 3  # panels side by side
FONTS = {"svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 9}  # text stays text, which editors can change
DENSE = 25  # names from which on the cells of a matrix have no numbers


def draw_chart(paths: list[Path], chart: Chart) -> None:
    """Draw a chart; equal charts give equal bytes.

    Args:
        paths: their suffixes choose the formats: .svg, .pdf or .png. They share
            the layout of the first, which is half of the work.
        chart: at least one panel.

    Raises:
        ValueError: if there is no panel, or the suffix is another.
    """
    if not chart.panels:
        raise ValueError(f"{paths[0]}: there are no numbers for the chart {chart.name}; run what it shows first.")
    with mpl.rc_context(FONTS):
        columns = min(COLUMNS, len(chart.panels))
        rows = -(-len(chart.panels) // columns)
        height = max(map(_height, chart.panels))
        legend = _legend(chart)
        size = (WIDTH * columns, height * rows + 0.2 * -(-len(legend) // (2 * columns)) + 0.3)
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, chart.panels, strict=False):
            _draw(axes, panel, chart.styles)
        for axes in grid[len(chart.panels) :]:
            axes.set_axis_off()
        if legend:
            figure.legend(handles=legend, loc="outside lower center", ncols=2 * columns, frameon=False)
        for path in paths:
            save_figure(figure, path)
            figure.set_layout_engine("none")  # what is laid out stays where it is


def _height(panel: Plot | Matrix) -> float:
    names = panel.names if isinstance(panel, Matrix) else panel.y.names
    return max(HEIGHT, ROW * len(names) + 0.8)


def _color(style: Style) -> str:
    return "black" if style.color == INK else style.color


def _dashes(style: Style) -> str | tuple:
    return (0, style.dashes) if style.dashes else "-"


def _legend(chart: Chart) -> list[Line2D]:
    lines = {line.label for panel in chart.panels if isinstance(panel, Plot) for line in panel.lines}
    return [
        Line2D(
            [],
            [],
            color=_color(style),
            linestyle=_dashes(style) if label in lines else "none",
            marker=style.paper_marker,
            markersize=4,
            label=label,
        )
        for label, style in chart.styles.items()
    ]


def _draw(axes: Axes, panel: Plot | Matrix, styles: dict[str, Style]) -> None:
    axes.set_title(panel.title, fontsize=9)
    if isinstance(panel, Matrix):
        _draw_matrix(axes, panel)
        return
    for position, line in enumerate(panel.lines):
        style = styles[line.label]
        look = {"color": _color(style), "linestyle": _dashes(style), "linewidth": 1.4}
        axes.plot(line.x, line.y, **look, marker=style.paper_marker, markersize=3, markevery=marked(line, position))
        if line.low:
            axes.fill_between(line.x, line.low, line.high, color=_color(style), alpha=0.15, linewidth=0)
    for point in panel.points:
        style = styles[point.label]
        x, y = (_place(value, axis) for value, axis in ((point.x, panel.x), (point.y, panel.y)))
        axes.plot(x, y, style.paper_marker, color=_color(style), markersize=7, markeredgecolor="black", zorder=3)
    axes.set_xlabel(panel.x.title)
    axes.set_ylabel(panel.y.title)
    axes.set_xlim(*panel.x.range)
    if panel.y.names:
        axes.set_yticks(range(len(panel.y.names)), panel.y.names)
        axes.set_ylim(len(panel.y.names) - 0.5, -0.5)
    else:
        axes.set_ylim(*panel.y.range)
    if panel.x.title == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _place(value: float | str, axis: Axis) -> float:
    return axis.names.index(value) if axis.names else value


def _draw_matrix(axes: Axes, panel: Matrix) -> None:
    shares = np.array(panel.rows)
    axes.imshow(shares, cmap="cividis", vmin=0, vmax=100, aspect="auto", interpolation="nearest")
    places = range(len(panel.names))
    axes.set_xticks(places, panel.names, rotation=90, fontsize=7)
    axes.set_yticks(places, panel.names, fontsize=7)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(panel.names) <= DENSE:
        size = 7 if len(panel.names) <= 12 else 4.5
        for row, column in zip(*np.nonzero(np.nan_to_num(shares) >= 0.5), strict=True):
            color = "black" if shares[row, column] > 60 else "white"
            axes.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", fontsize=size, color=color)
