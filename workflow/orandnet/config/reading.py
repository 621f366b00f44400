"""Config files as YAML, where a key that stands twice is an error and not a silent choice of the last."""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"  # `<<`, whose keys others may replace


class _OnceLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """A safe loader that refuses a mapping with one key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        lines: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == MERGE or not isinstance(key_node, yaml.ScalarNode):
                continue
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if key in lines:
                raise ValueError(f"line {line} has the key {key!r} of line {lines[key]} again; keep one of the two.")
            lines[key] = line
        return super().construct_mapping(node, deep=deep)


def read_config(path: Path) -> Any:
    """Return the content of a config file.

    Raises:
        ValueError: names the file, the line and the key that is there twice, or what is no YAML.
    """
    try:
        loader = _OnceLoader(path.read_text(encoding="utf-8-sig"))
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: is no YAML, {' '.join(str(error).split())}; correct it.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def check_files(paths: Iterable[str | Path]) -> None:
    """Refuse config files in which a key stands twice; Snakemake, which has read them, takes the last."""
    for path in map(Path, paths):
        if path.is_file():
            read_config(path)
