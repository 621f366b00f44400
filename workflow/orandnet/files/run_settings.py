"""The settings that a run used a network's weights with, told by the manifests in its folder."""

import json
from pathlib import Path
from typing import TypeVar

from orandnet.files.manifest import sha256
from orandnet.files.regular import read_regular
from orandnet.settings import Section

MOST_BYTES = 2**26  # of a manifest
Found = TypeVar("Found", bound=Section)


def chosen_settings(
    given: Found | None, weights: Path, trained_by: str, used_by: str, default: Found
) -> tuple[Found, str]:
    """Return the settings to use a network's weights with, and in words where they come from.

    Those that are given come first, then those of the run in whose folder the weights lie, then the defaults; see
    `settings_of_run`.
    """
    if given is not None:
        return given, "with the settings that are given"
    found = settings_of_run(weights, trained_by, used_by, type(default))
    if found is not None:
        return found, "with the settings of the run that the weights lie in"
    return default, "with the default settings, since the weights lie in no run that used them"


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
    folder = weights.absolute().parent
    training = next((parent for parent in (folder, *folder.parents) if parent.name == trained_by), None)
    if training is None:
        return None
    users = training.with_name(used_by) / folder.relative_to(training)
    content = sha256(weights)
    for path in sorted(users.rglob("*.manifest.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            manifest = json.loads(read_regular(path, what="manifest", most_bytes=MOST_BYTES))
            if manifest["stage"] == used_by and content in manifest["inputs"]["weights"].values():
                return section.model_validate(manifest["settings"]["settings"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # of another version
    return None
