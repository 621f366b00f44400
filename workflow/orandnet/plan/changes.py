"""Which settings of a run differ from the defaults, however its config is spelled."""

from collections.abc import Iterator
from typing import Any

from orandnet.cam.settings import ImportedScores
from orandnet.config.sections import Config, all_methods
from orandnet.config.sources import Ensemble, Source
from orandnet.settings import Section

# how a run is made and not what: nothing is made again for them
UNSHOWN = ("run", "threads", "tensorboard", "export")
NAMED = ("sources", "ensembles")  # sections under names of the user's own
OVERRIDES = ("classifier", "cam", "irn", "fusion", "orandnet")


def changed_settings(config: Config) -> dict[str, str]:
    """Return the settings that differ from the defaults, as text, by dotted keys.

    Of a source or an ensemble those are shown that are neither the default of its kind nor what the section says.
    """
    found: dict[str, str] = {}
    for name, field in type(config).model_fields.items():
        if name not in (*UNSHOWN, *NAMED):
            default = field.get_default(call_default_factory=True)
            found |= _differences(name, _plain(getattr(config, name)), _plain(default))
    if config.segmenter.methods == all_methods(config):
        found = {key: text for key, text in found.items() if not key.startswith("segmenter.methods")}
    for name in NAMED:
        for key, given in getattr(config, name).items():
            found |= _of_named(config, f"{name}.{key}", key, given)
    return found


def _of_named(config: Config, place: str, name: str, given: Source | Ensemble) -> dict[str, str]:
    own = {key: value for key, value in _plain(given).items() if key not in OVERRIDES}
    defaults = {
        key: _plain(field.default) for key, field in type(given).model_fields.items() if not field.is_required()
    }
    found = _differences(place, own, defaults)
    group = place.partition(".")[0]
    bare = Config(sources=config.sources)  # all sections as they are by default
    bare = bare.model_copy(update={group: {name: type(given)(**own)}})
    for section, effective, default in _sections(config, bare, name, given):
        # imported files take nothing from the run's section cam
        of_run = default if section == "cam" and name in config.imported else getattr(config, section)
        own, both = (_differences(f"{place}.{section}", _plain(effective), _plain(base)) for base in (default, of_run))
        found |= {key: text for key, text in own.items() if key in both}
    return found


def _sections(
    config: Config, bare: Config, name: str, given: Source | Ensemble
) -> Iterator[tuple[str, Section, Section]]:
    """Yield (section, what holds for a source or an ensemble, what holds for one of its kind by default)."""
    if isinstance(given, Ensemble):
        yield "fusion", config.fusion_of(name), bare.fusion_of(name)
        yield "orandnet", config.orandnet_of(name), bare.orandnet_of(name)
    elif name in config.imported:
        yield "cam", config.import_of(name).narrowed_to(ImportedScores), ImportedScores()
    elif name in config.clips:
        yield "cam", config.cam_of(name), bare.cam_of(name)
    else:
        yield "classifier", config.classifier_of(name), bare.classifier_of(name)
        yield "cam", config.cam_of(name), bare.cam_of(name)
    yield "irn", config.irn_of(name), bare.irn_of(name)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value.model_dump(mode="json") if isinstance(value, Section) else value


def _differences(key: str, value: Any, default: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        return {} if value == default else {key: _text(value)}
    known = default if isinstance(default, dict) else {}
    return {
        inner_key: text
        for name, inner in value.items()
        for inner_key, text in _differences(f"{key}.{name}", inner, known.get(name)).items()
    }


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else f"{value}"
