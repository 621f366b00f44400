"""Files from outside results/ that a job depends on, as Snakemake can take them.

Snakemake reads braces in the name of an input as a wildcard and knows no way to write them otherwise. So a file with
braces somewhere in its path is no input: a digest of its content stands for it, among the job's parameters.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def named_inputs(paths: Iterable[str | Path]) -> list[str]:
    """Return the files that Snakemake takes by their names, in order."""
    return [str(path) for path in paths if not _is_pattern(path)]


def content_of_others(paths: Iterable[str | Path]) -> str:
    """Return 16 hexadecimal digits for the paths and contents of all other files, absent ones included; "" if none."""
    digest, found = hashlib.sha256(), False
    for path in filter(_is_pattern, map(Path, paths)):
        facts = path.stat() if path.is_file() else None
        content = _content(path, facts.st_size, facts.st_mtime_ns) if facts else "absent"
        digest.update(f"{path}\n{content}\n".encode())
        found = True
    return digest.hexdigest()[:16] if found else ""


def _is_pattern(path: str | Path) -> bool:
    return "{" in str(path)


@lru_cache(maxsize=1024)
def _content(path: Path, size: int, date: int) -> str:
    """Read a file once, as long as it keeps its size and its date (nanoseconds)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
