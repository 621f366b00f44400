"""What Snakemake's key of a cached job leaves out.

That key tells how a job's inputs were made: the commands as the rules write them, settings and code of all jobs before,
and lists of images. It knows neither what stands in those images, nor which output of the job before is read, nor the
seed, nor the versions of packages. A digest of these is a parameter of each cached job.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from orandnet.files.manifest import sha256, versions


def cache_key(inputs: Mapping[str, Iterable[str]], options: Mapping[str, str]) -> str:
    """Return 64 hexadecimal digits for what a job reads.

    Args:
        inputs: name of an input -> its files, in the order in which the job reads them; where they lie does not count.
        options: what the command has from the wildcards of its rule.

    Returns:
        Equal digits for equal contents, options and versions of Python and packages. While a file is absent, as in a
        dry run, digits that are never returned again.
    """
    contents = {name: [_content(Path(path)) for path in paths] for name, paths in inputs.items()}
    facts = {"inputs": contents, "options": dict(options), "versions": versions()}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _content(path: Path) -> str:
    if not path.is_file():
        return f"absent {uuid.uuid4()}"
    facts = path.stat()
    return _digest(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, date: int) -> str:
    """Read a file once, as long as it keeps its size and its date (nanoseconds)."""
    return sha256(path)
