"""A job that goes wrong in the way its name says, then writes its output; started as work.py <name> <output>."""

import os
import sys
import time
from pathlib import Path

name, output = sys.argv[1], Path(sys.argv[2])
tries = Path(f"tries_{name}")
tries.mkdir(exist_ok=True)
first = not any(tries.iterdir())
(tries / os.environ["SLURM_JOB_ID"]).touch()
kind = name.split("_")[0]
if kind == "fails":
    sys.exit(f"{name}: this job always fails")
if kind == "flaky" and first:
    sys.exit(1)
if kind == "greedy":
    filled = bytearray(700_000_000)
    filled[:: 1 << 12] = b"1" * len(filled[:: 1 << 12])
    time.sleep(5)
if kind == "waits":  # until the test has done its harm
    while not Path("go").exists():
        time.sleep(0.2)
output.write_text(f"made by {name}\n")
