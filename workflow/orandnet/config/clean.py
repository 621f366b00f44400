"""Forget the results of a run."""

import shutil
from pathlib import Path

from orandnet.config.where import run_folder


def run(*, config: str = "config.yaml") -> None:
    """Remove the folder of the config's run under results/, whatever lies in it."""
    folder = run_folder(Path(config))
    if folder.is_symlink():
        raise ValueError(f"{folder}: is a link to {folder.resolve()}; remove the two yourself if both may go.")
    if not folder.exists():
        print(f"{folder}: is not there")
        return
    shutil.rmtree(folder)
    print(f"{folder}: removed")


COMMANDS = {"": run}
