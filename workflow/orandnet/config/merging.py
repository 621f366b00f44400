"""Several config files as one, the later over the earlier, as Snakemake merges them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orandnet.config.reading import read_config
from orandnet.settings import deep_update


def merged_config(paths: Iterable[Path]) -> Any:
    """Return the content of config files, the later over the earlier, mapping by mapping, as Snakemake merges them.

    Raises:
        ValueError: names a file that is no YAML, or holds no keys beside others.
    """
    first, *others = paths
    raw = read_config(first)
    for path in others:
        more = read_config(path)
        if not isinstance(raw, dict) or not isinstance(more, dict):
            raise ValueError(f"{path}: holds no keys; give config files.")
        raw = deep_update(raw, more)
    return raw
