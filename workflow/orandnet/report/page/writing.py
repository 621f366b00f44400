"""The page as HTML: a template filled with what was collected, with styles and scripts inside."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orandnet.files.atomic import atomic_path
from orandnet.report.charts import INK, Chart, Matrix, Style
from orandnet.report.measured import Measured
from orandnet.report.page.answer import sentences
from orandnet.report.page.gallery import Gallery, score_gradient
from orandnet.report.page.jobs import Job, commit, cost_chart, costs, versions_used, warned
from orandnet.report.page.score_table import TableView
from orandnet.report.page.vega import specifications
from orandnet.report.settings import PageSettings

TEMPLATES = Path(__file__).parent
# outlines in a box of 12 x 12, of the names that Vega has for markers
OUTLINES = {
    "circle": "M6 2a4 4 0 1 0 .01 0z",
    "square": "M2.5 2.5h7v7h-7z",
    "triangle-up": "M6 2l4.5 8h-9z",
    "triangle-down": "M6 10l4.5-8h-9z",
    "triangle-right": "M10 6L2 1.5v9z",
    "triangle-left": "M2 6l8-4.5v9z",
    "diamond": "M6 1l4 5-4 5-4-5z",
    "cross": "M4.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
}
LINKS = {
    "tables": "tables, full precision (CSV)",
    "figures": "figures (SVG, PDF, PNG)",
    "evaluation": "scores of every method and seed (CSV)",
    "pseudo_mask": "pseudo masks",
    "prediction": "predictions",
    "dataset/index.csv": "list of the images",
    "dataset/manifest.json": "data manifest",
    "logs": "logs of all jobs",
}


class PageContent(NamedTuple):
    """All that the page shows."""

    settings: PageSettings
    measured: Measured
    tables: list[TableView]
    charts: dict[str, Chart]
    jobs: list[Job]
    data: dict[str, Any]
    gallery: Gallery
    weights: list[Path]


def write_page(path: Path, content: PageContent) -> None:
    """Write the page; it asks for no other file and no network."""
    charts = {**content.charts, "costs": cost_chart(content.jobs)}
    specs = {name: specifications(chart) for name, chart in charts.items()}
    values = {
        **content._asdict(),
        "answers": sentences(content.measured, content.settings),
        "facts": _facts(content),
        "figures": content.charts,
        "costs_chart": charts["costs"],
        "costs": costs(content.jobs),
        "warnings": [
            warning._replace(artifacts=tuple(_below(artifact, path) for artifact in warning.artifacts))
            for warning in warned(content.jobs)
        ],
        "versions": versions_used(content.jobs),
        "links": {name: text for name, text in LINKS.items() if (path.parent / name).exists()},
        "networks": [_below(weights, path) for weights in content.weights],
        "specs": _in_script(specs),
        "vega": Markup(_vega().replace("</script", "<\\/script")),
        "gradient": score_gradient(),
    }
    _write(path, "page.html", values)


def _below(artifact: Path | str, page: Path) -> str:
    """Return the way from the page to a file of its run."""
    return Path(os.path.relpath(artifact, page.parent)).as_posix()


def write_table(path: Path, view: TableView) -> None:
    """Write one table as a page of its own."""
    write_tables(path, view.title, [view])


def write_tables(path: Path, title: str, views: list[TableView]) -> None:
    """Write tables as a page of their own, under their titles where there are several."""
    _write(path, "tables.html", {"title": title, "views": views})


def _write(path: Path, template: str, values: dict[str, Any]) -> None:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = {name: Markup((TEMPLATES / f"page.{name}").read_text(encoding="utf-8")) for name in ("css", "js")}
    text = environment.get_template(template).render(**values, **own, outline=_outline, is_matrix=_is_matrix)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _vega() -> str:
    """Return the script of Vega, Vega-Lite and Vega-Embed, from the package that brings it along."""
    from vl_convert import javascript_bundle  # takes a second, which tables of their own do not need

    return javascript_bundle()


def _in_script(content: object) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    return Markup(json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def _outline(style: Style) -> dict[str, str]:
    """Return what the legend draws of a look."""
    return {
        "color": "currentColor" if style.color == INK else style.color,
        "dashes": " ".join(map(str, style.dashes)) or "none",
        "marker": OUTLINES[style.marker],
    }


def _is_matrix(chart: Chart) -> bool:
    return isinstance(chart.panels[0], Matrix)


def _facts(content: PageContent) -> dict[str, str]:
    """Return what was run, where and when."""
    jobs, settings = content.jobs, content.settings
    first, last = min(job.ended for job in jobs), max(job.ended for job in jobs)
    images = ", ".join(f"{number} {split}" for split, number in content.data["num_images"].items() if number)
    seconds, peak = sum(job.seconds for job in jobs), max(job.memory for job in jobs) / 1024
    return {
        "run": settings.run,
        "data": f"{settings.data}: {len(content.data['classes'])} classes; images: {images}",
        "seeds": ", ".join(map(str, settings.seeds)),
        "date": f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC",
        "commit": commit() or "not a repository",
        "device": ", ".join(sorted({job.device for job in jobs})),
        "time": f"{_duration(seconds)} in {len(jobs)} jobs, at most {peak:.1f} GiB in one",
    }


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
