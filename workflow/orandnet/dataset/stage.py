"""Stage `dataset`: check a data set and write its index."""

import json
from pathlib import Path

from orandnet.dataset.download.fetching import fetch_dataset
from orandnet.dataset.index import write_rows
from orandnet.dataset.layouts.coco import convert_coco
from orandnet.dataset.scenes.images import generate
from orandnet.dataset.settings import FetchSettings, Settings
from orandnet.dataset.survey import survey
from orandnet.files.atomic import atomic_path


def run(
    *, output: Path, manifest_output: Path, ground_truth_output: Path, settings: Settings, threads: int = 1
) -> None:
    """Check every file of the data set, then write its index, its manifest and how to read its true masks."""
    if settings.kind == "scenes":
        settings = generate(output.parent / "scenes", settings)
    if settings.kind == "coco":
        settings = convert_coco(output.parent / "coco", settings, threads=threads)
    found = survey(settings, threads=threads)
    write_rows(output, found.rows)
    _write_json(manifest_output, found.manifest)
    _write_json(ground_truth_output, found.ground_truth)


def fetch(*, output: Path, settings: FetchSettings) -> None:
    """Download a public data set, check and unpack it; `output` (JSON) tells what came from where."""
    _write_json(output, fetch_dataset(settings))


def _write_json(path: Path, content: dict) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


COMMANDS = {"": run, "fetch": fetch}
