"""An environment in which some packages are not there, for programs that a test starts."""

from pathlib import Path

BLOCKER = """
import pkgutil
import sys

NAMES = {names}


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in NAMES:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


def listed(*arguments, iter_modules=pkgutil.iter_modules):
    return (module for module in iter_modules(*arguments) if module.name not in NAMES)


sys.meta_path.insert(0, Absent())
pkgutil.iter_modules = listed
"""


def without(folder: Path, *names: str) -> str:
    """Return a folder for PYTHONPATH: a Python that starts with it has none of the packages."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKER.format(names=set(names)))
    return str(folder)
