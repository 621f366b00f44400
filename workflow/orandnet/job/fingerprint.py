"""Fingerprints of code: which stages does an edit touch?

Snakemake does not see edits of imported modules. So each rule carries, as a parameter, a hash of everything its stage
imports from this package. The hash is taken of the normalised syntax tree: comments, docstrings, blank lines and file
dates do not count. Imports nothing of what it reads, and keeps what it has read beside Python's own bytecode.
"""

import ast
import hashlib
import json
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from orandnet.files.atomic import atomic_path

PACKAGE = "orandnet"
PACKAGE_FOLDER = Path(__file__).parents[1]
READER = Path(__file__).read_bytes() + sys.version.encode()  # what reads the modules, and may read them otherwise
DATA = (".csv", ".html", ".css", ".js")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def fingerprint(module: str) -> str:
    """Return 16 hexadecimal digits for the code that `module` (such as `orandnet.cam.stage`) runs on.

    Covers the module, all it imports from the package however deep, the data tables and parts of pages beside them, and
    the C++ sources of their names.

    Raises:
        ValueError: if the module does not exist.
    """
    digest = hashlib.sha256()
    for name in sorted(import_closure(module)):
        digest.update(f"{name}\n{_source(name).code}\n".encode())
    for path in sorted({path for name in import_closure(module) for path in _data(_file(name))}):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def import_closure(module: str) -> frozenset[str]:
    """Return the names of the package's modules that `module` imports, itself included.

    Imports inside functions count too, and so do the packages on the way.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if _file(name) is None:
            raise ValueError(f"{name}: no such module in the package {PACKAGE}; check the stage's name.")
        found.add(name)
        waiting += _parents(name) + [found_name for found_name in _source(name).imports if _file(found_name)]
    return frozenset(found)


@cache
def _file(name: str) -> Path | None:
    """Return the source file of a module of the package, or None where there is none."""
    first, *rest = name.split(".")
    if first != PACKAGE:
        return None
    folder = PACKAGE_FOLDER.joinpath(*rest)
    if (folder / "__init__.py").is_file():
        return folder / "__init__.py"
    file = folder.with_suffix(".py")
    return file if rest and file.is_file() else None


def _data(source: Path) -> set[Path]:
    """Return the files beside a module it runs on: all tables and parts of pages, and the C++ source of its name."""
    tables_and_pages = (path for suffix in DATA for path in source.parent.glob(f"*{suffix}"))
    return {*tables_and_pages, *source.parent.glob(f"{source.stem}.cpp")}


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


class _Source(NamedTuple):
    """What counts of a module: the absolute names it imports, and its code in one layout."""

    imports: list[str]
    code: str


@cache
def _source(name: str) -> _Source:
    """Read a module, or what an earlier process kept of the same source: parsing takes most of a fingerprint's time."""
    path = _file(name)
    content = path.read_bytes()
    key = hashlib.sha256(READER + content).hexdigest()
    kept = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.fingerprint.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        entry = json.loads(kept.read_bytes())
        if entry["key"] == key:
            return _Source(entry["imports"], entry["code"])
    source = _parsed(content)
    with suppress(OSError), atomic_path(kept) as temporary:  # an installed package may lie where one cannot write
        temporary.write_text(json.dumps({"key": key, **source._asdict()}))
    return source


def _parsed(content: bytes) -> _Source:
    """Read source; `from a import b` may mean module a.b or a name in a, so both are among its imports."""
    tree, names = ast.parse(content), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return _Source(sorted(names), ast.unparse(tree))
