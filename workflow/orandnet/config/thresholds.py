"""Thresholds that no score can reach: of a sum scores go up to the number of its members, of all else up to 1.

`config` is a `Config` throughout; its class is not imported, since it asks this module through `choices`.
"""

from collections.abc import Iterator

from orandnet.config.overrides import deciding_key


def unreachable_thresholds(config) -> Iterator[str]:
    """Yield a line on each key that holds a threshold above the highest score of a CAM that it is for."""
    lines = {}
    for key, cam, threshold in _thresholds(config):
        highest = _highest(config, cam)
        if threshold is not None and threshold > highest:
            line = f"{key}: {threshold:g} exceeds {highest}, which no score of {cam} does; give 0 to {highest}."
            lines.setdefault(key, line)
    yield from lines.values()


def _thresholds(config) -> Iterator[tuple[str, str, float | None]]:
    for method, threshold in config.pseudo_mask.overrides.items():
        if method in config.cam_methods:  # of others `contradictions` speaks
            yield f"pseudo_mask.overrides.{method}", method, threshold
    seeds = [source.seed_source for source in config.sources.values()]
    for cam in dict.fromkeys((*config.irn.cams, *seeds)):
        if cam in config.sources or cam in config.ensembles:
            for name in ("foreground_threshold", "background_threshold"):
                yield deciding_key(config, cam, "irn", "labels", name), cam, getattr(config.irn_of(cam).labels, name)


def _highest(config, method: str) -> int:
    """The highest score of a method; what refines a sum brings it to at most 1."""
    ensemble = config.ensembles.get(method)
    return len(ensemble.members) if ensemble is not None and ensemble.output == "sum" else 1
