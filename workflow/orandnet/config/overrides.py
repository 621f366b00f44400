"""Sections with some of their keys changed, as sources, ensembles and further config files change them."""

from typing import Any

from pydantic import ValidationError

from orandnet.config.errors import describe
from orandnet.config.sources import Overrides
from orandnet.settings import Section, deep_update


def deciding_key(config, name: str, section: str, *path: str) -> str:
    """Return the key that decides a setting of a source or an ensemble: its own where it has one, else the section's.

    Args:
        config: a `Config`.
        name: of the source or ensemble.
        section: which it may override.
        path: names of the keys below the section.
    """
    group, owner = ("sources", config.sources) if name in config.sources else ("ensembles", config.ensembles)
    given = getattr(owner[name], section)
    for part in path:
        if not isinstance(given, dict) or part not in given:
            return ".".join((section, *path))
        given = given[part]
    return ".".join((group, name, section, *path))


def merged(section: Section, changes: Overrides, place: str, defaults: Overrides | None = None) -> Any:
    """Return a section with some keys changed, checked anew; `defaults` yield to what the config names."""
    if not changes and not defaults:
        return section
    named = deep_update(defaults or {}, section.model_dump(exclude_unset=True))
    try:
        return type(section).model_validate(deep_update(named, changes))
    except ValidationError as error:
        raise ValueError(describe(error, type(section), place)) from None
