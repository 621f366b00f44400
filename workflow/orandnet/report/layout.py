"""Method, schedule, seed and split of a result file: the one place that reads them from paths."""

import re
from pathlib import Path
from typing import NamedTuple

PATTERNS = {
    "evaluation/cam": "evaluation/cam/<method>/seed<seed>/<file>",
    "evaluation/prediction": "evaluation/prediction/<method>/<schedule>/seed<seed>/<split>/<file>",
    "cam": "cam/<method>/seed<seed>/<file>",
    "import": "cam/<method>/imported/<file>",
    "fusion": "fusion/<method>/seed<seed>/<operator>/<file>",
    "orandnet": "orandnet/<method>/seed<seed>/cam/<file>",
    "irn": "irn/<method>/seed<seed>/walk/<file>",
    "pseudo_mask": "pseudo_mask/<method>/seed<seed>/<file>",
}


class Origin(NamedTuple):
    """What a result file belongs to; empty text where the stage knows no such part, seed 0 for imported files."""

    stage: str
    method: str
    seed: int
    schedule: str = ""
    split: str = ""
    operator: str = ""


def origin_of(path: Path) -> Origin:
    """Return what a result file belongs to.

    Raises:
        ValueError: if the end of the path fits no pattern.
    """
    for stage, expression in _EXPRESSIONS.items():
        found = expression.search(Path(path).as_posix())
        if found:
            parts = {name: text for name, text in found.groupdict().items() if name != "file"}
            return Origin(stage, **{**parts, "seed": int(parts.get("seed", 0))})
    raise ValueError(f"{path}: lies in no known result folder; expected one of {', '.join(PATTERNS.values())}.")


def _expression(pattern: str) -> re.Pattern:
    digits = pattern.replace("<seed>", r"(?P<seed>\d+)")
    return re.compile(r"(?:^|/)" + re.sub(r"(?<!\?P)<(\w+)>", r"(?P<\1>[^/]+)", digits) + "$")


_EXPRESSIONS = {stage: _expression(pattern) for stage, pattern in PATTERNS.items()}
