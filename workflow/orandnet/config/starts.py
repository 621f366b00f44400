"""Networks that start from the trained backbone of a source, and must have that backbone themselves.

`config` is a `Config` throughout; its class is not imported, since it asks this module through `choices`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from orandnet.config.overrides import deciding_key
from orandnet.config.timm_models import architecture
from orandnet.settings import Backbone


class Start(NamedTuple):
    """A network that starts from a source: the key that says so, the source, where the network stands, its backbone."""

    key: str
    source: str
    network: str
    backbone: Backbone


def starts(config) -> Iterator[Start]:
    """Yield every start of the run whose source is of kind cnn; of others `contradictions` speaks."""
    for start in _all(config):
        if start.source in config.sources and config.sources[start.source].kind == "cnn":
            yield start


def _all(config) -> Iterator[Start]:
    for key, cam, source in boundary_starts(config):
        yield Start(key, source, f"irn.boundary (of {cam})", config.irn_of(cam).boundary.backbone)
    if config.segmenter.methods:
        segmenter = config.segmenter
        yield Start("segmenter.initial_source", segmenter.initial_source, "segmenter", segmenter.backbone)
    for name, source in config.sources.items():
        if source.kind == "amn" and (own := config.classifier_of(name)).amn.start_from_seed:
            network = f"sources.{name}.classifier"
            yield Start(f"{network}.amn.start_from_seed", source.seed_source, network, own.backbone)


def boundary_starts(config) -> Iterator[tuple[str, str, str | None]]:
    """Yield (key, CAM, source) of each CAM that IRN refines: the section's own start, or that of the CAM."""
    for cam in config.irn.cams:
        if cam in config.sources or cam in config.ensembles:
            yield deciding_key(config, cam, "irn", "initial_source"), cam, config.irn_of(cam).initial_source


def unfit_starts(config) -> Iterator[str]:
    """Yield a line on each key that starts from another model; `check` also compares the tensors themselves."""
    lines = {}
    for start in starts(config):
        given = config.classifier_of(start.source).backbone.model
        models = architecture(given), architecture(start.backbone.model)
        if None not in models and models[0] != models[1]:
            line = (
                f"{start.key}: the backbone of {start.source} is {given}, that of {start.network} is "
                f"{start.backbone.model}; use the same model in both."
            )
            lines.setdefault(start.key, line)
    yield from lines.values()
