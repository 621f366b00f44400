"""Which names may stand for a part of a path: the constraints of the workflow's wildcards."""

import re
from collections.abc import Iterable
from typing import get_args

from orandnet.config.sections import Config
from orandnet.plan.cams import refined_ensembles
from orandnet.plan.targets import CHARTS, FIGURES
from orandnet.segmenter.settings import Schedule

SCHEDULES = get_args(Schedule)


def any_of(names: Iterable[str]) -> str:
    """Return a regular expression that matches one of the names; of no names, one that matches nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


def trained_sources(config: Config, *, on_labels: bool) -> list[str]:
    """Return the sources with a classifier: those that learn from the sure pixels of another CAM, or all others."""
    return [
        name
        for name, source in config.sources.items()
        if name not in config.untrained and (source.kind == "amn") == on_labels
    ]


def refined_by(config: Config, kind: str) -> list[str]:
    """Return the methods that one kind of refinement makes: crf, sam or superpixels."""
    return [method for method in config.refinement.methods if method.endswith(f"+{kind}")]


def constraints(config: Config) -> dict[str, str]:
    """Return a regular expression for each wildcard of the workflow."""
    trained = [name for name in config.sources if name not in config.untrained]
    return {
        "run": re.escape(config.run),
        "seed": r"\d+",
        "shard": r"\d+-of-\d+",
        "part": "train_aug|val|test",
        "layout": "scenes|coco",
        "source": any_of(trained),
        "ensemble": any_of(config.ensembles),
        "cam": any_of([*config.sources, *config.ensembles]),
        "method": r"[A-Za-z0-9_+-]+",
        "operator": "or|and|mean|sum",
        "schedule": any_of(SCHEDULES),
        "split": "train|train_aug|val|test",
        "scores": "summary|curve|per_class|confusion",
        "table": r"\w+",
        "figure": any_of([*CHARTS, *(f"{kind}_{name}" for kind in FIGURES for name in refined_ensembles(config))]),
        "format": "png|svg|pdf",
        "image_id": r"[^/]+",
    }
