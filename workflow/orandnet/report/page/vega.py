"""Charts for the page: Vega-Lite specifications, which Vega draws as SVG in the browser.

Colours of text and axes are those of the page (`currentColor`), so that light and dark need no second chart. Every
chart has a parameter `hidden`, the labels that the reader has switched off in the legend.
"""

from collections.abc import Iterable
from typing import Any

from orandnet.report.charts import INK, Axis, Bars, Chart, Line, Matrix, Plot, Style, marked

Spec = dict[str, Any]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
HEIGHT = 280  # pixels
ROW = 22  # pixels of a name on an axis
DENSE = 25  # names from which on the cells of a matrix have no numbers
MOST_CELLS = 20_000  # of all panels of matrices; what follows is left to the files
FRAME: Spec = {
    "width": "container",
    "background": None,
    "autosize": {"type": "fit", "contains": "padding", "resize": True},
    "config": {
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": "currentColor",
            "titleColor": "currentColor",
            "domainColor": "currentColor",
            "tickColor": "currentColor",
            "gridColor": "currentColor",
            "gridOpacity": 0.15,
            "titleFontWeight": "normal",
            "labelFontSize": 11,
            "titleFontSize": 12,
            "labelLimit": 140,
        },
        "text": {"color": "currentColor"},
    },
}


def specifications(chart: Chart) -> list[Spec]:
    """Return a specification per panel; matrices that would make the page too large are left out."""
    found, cells = [], 0
    for panel in chart.panels:
        if isinstance(panel, Matrix):
            cells += len(panel.names) ** 2
            if found and cells > MOST_CELLS:
                break
            found.append(_matrix(panel))
        else:
            found.append(_bars(panel) if isinstance(panel, Bars) else _plot(panel, chart.styles))
    return found


def _plot(panel: Plot, styles: dict[str, Style]) -> Spec:
    encoding = {"x": _axis("x", panel.x), "y": _axis("y", panel.y), **_looks(styles)}
    places = [{"field": key, "title": axis.title or "class"} for key, axis in (("x", panel.x), ("y", panel.y))]
    tooltip = [{"field": "label", "title": " "}, *(_rounded(place, panel) for place in places)]
    layers = []
    if any(line.low for line in panel.lines):
        area = {"x": encoding["x"], "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
        color = {"color": encoding["color"], "detail": {"field": "label"}}
        layers.append(
            {"mark": {"type": "area", "opacity": 0.15}, "encoding": area | color, **_data(_bands(panel.lines))}
        )
    if panel.lines:
        lines = {"order": {"field": "order"}, "strokeDash": _dashes(styles)}
        curve = {"mark": {"type": "line", "strokeWidth": 2, "clip": True}, "encoding": encoding | lines}
        del curve["encoding"]["shape"]
        layers.append({**curve, **_data(_points_of(panel.lines))})
        small = {"type": "point", "filled": True, "size": 30, "opacity": 1}
        layers.append({"mark": small, "encoding": encoding, **_data(_marks_of(panel.lines))})
        wide = {"type": "point", "size": 120, "opacity": 0}  # something to point at
        layers.append({"mark": wide, "encoding": encoding | {"tooltip": tooltip}, **_data(_points_of(panel.lines))})
    if panel.points:
        large = {"type": "point", "filled": True, "size": 95, "opacity": 1, "stroke": "currentColor", "strokeWidth": 1}
        noted = [*tooltip, {"field": "note", "title": " "}]
        rows = [
            {"label": p.label, "x": p.x, "y": p.y, "note": p.note} for p in panel.points if p.x == p.x and p.y == p.y
        ]
        layers.append({"mark": large, "encoding": encoding | {"tooltip": noted}, **_data(rows)})
    height = max(HEIGHT, ROW * len(panel.y.names))
    return {**FRAME, "height": height, "params": [{"name": "hidden", "value": []}], "layer": layers}


def _rounded(place: Spec, panel: Plot) -> Spec:
    axis = panel.x if place["field"] == "x" else panel.y
    return place if axis.names else place | {"format": ".4~g"}


def _data(rows: list[Spec]) -> Spec:
    return {"data": {"values": rows}, "transform": [{"filter": "indexof(hidden, datum.label) < 0"}]}


def _points_of(lines: Iterable[Line]) -> list[Spec]:
    return [
        {"label": line.label, "x": _short(x), "y": _short(y), "order": order}
        for line in lines
        for order, (x, y) in enumerate(zip(line.x, line.y, strict=True))
        if x == x and y == y
    ]


def _marks_of(lines: Iterable[Line]) -> list[Spec]:
    return [
        {"label": line.label, "x": _short(line.x[i]), "y": _short(line.y[i])}
        for position, line in enumerate(lines)
        for i in marked(line, position)
        if line.x[i] == line.x[i] and line.y[i] == line.y[i]
    ]


def _bands(lines: Iterable[Line]) -> list[Spec]:
    return [
        {"label": line.label, "x": _short(x), "low": _short(low), "high": _short(high)}
        for line in lines
        for x, low, high in zip(line.x, line.low, line.high, strict=False)
        if low == low and high == high
    ]


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _axis(channel: str, axis: Axis) -> Spec:
    if axis.names:
        return {
            "field": channel,
            "type": "nominal",
            "sort": None,
            "scale": {"domain": list(axis.names)},
            "axis": {"title": axis.title or None, "grid": True},
        }
    low, high = axis.range
    scale: Spec = {"zero": False, "nice": high is None}
    if axis.range == (None, None):
        scale["padding"] = 8  # pixels: no point lies on an axis
    scale |= {"domainMin": low} if low is not None else {}
    scale |= {"domainMax": high} if high is not None else {}
    ticks = {"tickMinStep": 1, "format": "d"} if axis.title == "epoch" else {"tickCount": 6, "format": ".4~g"}
    return {"field": channel, "type": "quantitative", "scale": scale, "axis": {"title": axis.title, **ticks}}


def _looks(styles: dict[str, Style]) -> Spec:
    colors = ["currentColor" if style.color == INK else style.color for style in styles.values()]
    shapes = [style.marker for style in styles.values()]
    return {"color": _scale(styles, colors), "shape": _scale(styles, shapes)}


def _dashes(styles: dict[str, Style]) -> Spec:
    return _scale(styles, [list(style.dashes) or [1, 0] for style in styles.values()])


def _scale(styles: dict[str, Style], values: list) -> Spec:
    return {"field": "label", "type": "nominal", "legend": None, "scale": {"domain": list(styles), "range": values}}


def _bars(panel: Bars) -> Spec:
    rows = [{"name": name, "value": _short(value)} for name, value in panel.values]
    encoding = {
        "y": {"field": "name", "type": "nominal", "sort": None, "axis": {"title": None}},
        "x": {
            "field": "value",
            "type": "quantitative",
            "scale": {"domainMax": 1.15 * max(value for _, value in panel.values)},  # room for the numbers
            "axis": {"title": panel.unit, "tickCount": 5},
        },
    }
    text = {"type": "text", "align": "left", "dx": 4, "fontSize": 11}
    layers = [
        {"mark": {"type": "bar", "color": "#0072B2"}, "encoding": {}},
        {"mark": text, "encoding": {"text": {"field": "value", "format": ".2f" if panel.unit == "GiB" else ".3~g"}}},
    ]
    height = ROW * len(rows) + 20
    return {**FRAME, "height": height, "data": {"values": rows}, "encoding": encoding, "layer": layers}


def _matrix(panel: Matrix) -> Spec:
    rows = [
        {"true": true, "predicted": predicted, "share": _short(share)}
        for true, shares in zip(panel.names, panel.rows, strict=True)
        for predicted, share in zip(panel.names, shares, strict=True)
        if share == share
    ]
    names = {"type": "nominal", "sort": None, "scale": {"domain": list(panel.names)}}
    across = {"field": "predicted", **names, "axis": {"title": "predicted", "labelAngle": -90}}
    encoding = {"x": across, "y": {"field": "true", **names, "axis": {"title": "true"}}}
    color = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 100], "scheme": "cividis"},
        "legend": None,
    }
    tooltip = [{"field": "true"}, {"field": "predicted"}, {"field": "share", "title": "%", "format": ".1f"}]
    layers: list[Spec] = [{"mark": "rect", "encoding": {"color": color, "tooltip": tooltip}}]
    if len(panel.names) <= DENSE:
        text = {
            "text": {"field": "share", "type": "quantitative", "format": ".0f"},
            "color": {"condition": {"test": "datum.share > 60", "value": "black"}, "value": "white"},
        }
        size = 11 if len(panel.names) <= 12 else 8
        mark = {"type": "text", "fontSize": size}
        layers.append({"mark": mark, "encoding": text, "transform": [{"filter": "datum.share >= 0.5"}]})
    height = min(30, max(14, 480 // len(panel.names))) * len(panel.names) + 60
    return {**FRAME, "height": height, "data": {"values": rows}, "encoding": encoding, "layer": layers}
