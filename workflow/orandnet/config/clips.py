"""Choices of a source of kind clip that fit their own section, but not the classes, or what open_clip has.

`config` is a `Config` throughout; its class is not imported, since it asks this module.
"""

import difflib
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ELSEWHERE = ("hf-hub:", "local-dir:")  # what they name is known when it is fetched or read


def unfit_clip(config, source: str) -> Iterator[str]:
    """Yield what is wrong with a source of kind clip, one line each."""
    place, given, classes = f"sources.{source}", config.sources[source], config.dataset.classes
    for name in given.prompts if classes else ():
        if name not in classes:
            yield f"{place}.prompts: {name!r} is no class; the classes are {list(classes)}."
    for name in classes or () if not given.text.features else ():
        if not any(letter.isalpha() for letter in given.prompts.get(name, name)):
            yield f"{place}.prompts: the class {name!r} says nothing to CLIP; write {name}: <what it looks like>."
    model = given.text.model
    yield from _unlike_towers(place, given)
    known = [] if given.text.features or model.startswith(ELSEWHERE) else _open_clip_models()
    if known and model.replace("/", "-") not in known:
        near = difflib.get_close_matches(model, known, n=1)
        advice = f"did you mean {near[0]!r}?" if near else "write a name of its list."
        yield f"{place}.text.model: open_clip has no model {model!r}; {advice}"


def _unlike_towers(place: str, given) -> Iterator[str]:
    """Towers of two CLIPs, as far as names tell: their features mean nothing to each other, whatever their length."""
    if given.backbone.weights or not given.backbone.pretrained:
        return
    model, _, tag = given.backbone.model.partition(".")
    if tag == "openai" and "quickgelu" not in model:
        quick = given.backbone.model.replace("_clip_", "_clip_quickgelu_")
        yield f"{place}.backbone.model: OpenAI trained with QuickGELU, which {model!r} has not; write {quick!r}."
    text = given.text
    if text.weights or text.features or text.model.startswith(ELSEWHERE):
        return
    patches = [found[1] for found in (re.search(r"_patch(\d+)", model), re.search(r"-(\d+)", text.model)) if found]
    trained = [re.match("[a-z]*", one)[0] for one in (tag, text.tag)]
    if len({*patches}) > 1 or not (trained[0].startswith(trained[1]) or trained[1].startswith(trained[0])):
        yield (
            f"{place}: {given.backbone.model!r} and {text.model!r} with {text.tag!r} are not the towers of one CLIP; "
            "name both of one: backbone.model, text.model and text.tag."
        )


def require_open_clip(config) -> None:
    """Refuse a run whose words need open_clip where it is missing, and its jobs run with the packages of this Python.

    Where timm is missing too, the jobs cannot be meant to run here.
    """
    needing = [name for name in config.clips if not config.sources[name].text.features]
    if needing and _package("timm") and not _package("open_clip"):
        raise ValueError(
            f"sources.{needing[0]}.text: open_clip makes the features of its words, and is not installed; pip install "
            "open_clip_torch, or give their features as a file: text.features."
        )


@cache
def _open_clip_models() -> list[str]:
    package = _package("open_clip")
    return sorted(path.stem for path in (package / "model_configs").glob("*.json")) if package else []


@cache
def _package(name: str) -> Path | None:
    """The folder of an installed package, which is not imported: that takes seconds."""
    try:
        found = find_spec(name)
    except (ValueError, ImportError):  # half imported, or an import hook that refuses it
        found = None
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None
