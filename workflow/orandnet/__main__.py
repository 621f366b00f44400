"""Run the command line from the folder itself, `python workflow/orandnet ...`, installed or not."""

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from orandnet.cli import program

if __name__ == "__main__":
    program()
