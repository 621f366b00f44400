"""Run the command line from the folder itself, `python workflow/orandnet ...`, installed or not."""

import sys
from pathlib import Path

if not __package__:
    folder = Path(__file__).resolve().parent
    # a checkout's own package is the one to run. Among installed packages the others may be those of another Python, whose
    # environment tells the workflow what to run, so the folder is looked into last
    in_checkout = (folder.parent / "Snakefile").is_file()
    sys.path[:1] = [str(folder.parent)] if in_checkout else []
    sys.path += [] if in_checkout else [str(folder.parent)]

import orandnet
from orandnet.cli import program

if not __package__ and Path(orandnet.__file__).resolve().parent != folder:
    sys.exit(f"orandnet: {folder} was asked for, but {sys.prefix} has {orandnet.__file__}; uninstall one of the two.")

if __name__ == "__main__":
    program()
