"""Run the command line from the folder itself, `python workflow/orandnet ...`, installed or not."""

import sys
from pathlib import Path

if not __package__:
    folder = Path(__file__).resolve().parent
    # a checkout's own package is the one to run. Beside an installed one lie others, which may be of another Python:
    # where a job has an environment of its own, Snakemake's is looked into last
    in_checkout = (folder.parent / "Snakefile").is_file()
    sys.path[:1] = [str(folder.parent)] if in_checkout else []
    sys.path += [] if in_checkout else [str(folder.parent)]

import orandnet
from orandnet.cli import program

if not __package__ and Path(orandnet.__file__).resolve().parent != folder:
    sys.exit(f"orandnet: {folder} was asked for, but {sys.prefix} has {orandnet.__file__}; uninstall one of the two.")

if __name__ == "__main__":
    program()
