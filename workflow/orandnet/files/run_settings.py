"""The settings that a run used a network's weights with, told by the manifests in its folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from orandnet.files.manifest import sha256
from orandnet.files.regular import read_regular
from orandnet.settings import Section, deep_update

MOST_BYTES = 2**26  # of a manifest
Found = TypeVar("Found", bound=Section)


def chosen_settings(
    given: Found | None, weights: Path, trained_by: str, used_by: str, default: Found
) -> tuple[Found, str]:
    """Return the settings to use a network's weights with, and in words where they come from.

    Keys that are given come first, those of a section within the settings one by one; then the settings of the run in
    whose folder the weights lie, else the defaults; see `settings_of_run`.
    """
    found = settings_of_run(weights, trained_by, used_by, type(default))
    origin = "the run's settings" if found else "the default settings (the weights lie in no run that used them)"
    chosen = found or default
    if given is not None and given.model_fields_set:
        named = given.model_dump(exclude_unset=True)
        chosen = type(default).model_validate(deep_update(chosen.model_dump(), named))
        origin = f"{', '.join(sorted(_dotted(named)))} as given, else {origin}"
    return chosen, f"with {origin}"


def _dotted(named: dict, place: str = "") -> Iterator[str]:
    for key, value in named.items():
        if isinstance(value, dict) and value:
            yield from _dotted(value, f"{place}{key}.")
        else:
            yield f"{place}{key}"


def settings_of_run(weights: Path, trained_by: str, used_by: str, section: type[Found]) -> Found | None:
    """Return the settings that a stage of a run used these very weights with; None if it did not.

    What is made of `<run>/<trained_by>/<parts>/weights.safetensors` lies under `<run>/<used_by>/<parts>`. The newest
    manifest counts, of those that name a file of the same content. Weights elsewhere belong to no run.

    Args:
        weights: the file.
        trained_by: stage that made it.
        used_by: stage that made something of it.
        section: the settings of that stage.
    """
    folder, content = weights.absolute().parent, sha256(weights)
    stages = [parent for parent in (folder, *folder.parents) if parent.name == trained_by]
    users = [stage.with_name(used_by) / folder.relative_to(stage) for stage in stages]
    manifests = [path for user in users for path in user.rglob("*.manifest.json")]
    for path in sorted(manifests, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            manifest = json.loads(read_regular(path, what="manifest", most_bytes=MOST_BYTES))
            if manifest["stage"] == used_by and content in manifest["inputs"]["weights"].values():
                return section.model_validate(manifest["settings"]["settings"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # of another version
    return None
