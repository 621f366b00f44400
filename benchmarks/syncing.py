"""What it costs to wait until a training's state is on the disk: seconds to write it, and to write and sync it.

    python benchmarks/syncing.py --folder results

The state is that of a network of --mib MiB; the folder should lie on the disk that holds results/.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from orandnet.files.atomic import atomic_path


def seconds(folder: Path, content: bytes, *, synced: bool, times: int) -> float:
    """Return the median time to write the content under one name, again and again."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        with atomic_path(folder / "state.safetensors", synced=synced) as temporary:
            temporary.write_bytes(content)
        taken.append(time.perf_counter() - start)
    return median(taken)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=".", help="where to write")
    parser.add_argument("--mib", type=int, nargs="+", default=[1, 90, 360], help="sizes of the state")
    parser.add_argument("--times", type=int, default=7, help="how often")
    options = parser.parse_args()
    print("| state, MiB | written, s | written and synced, s |\n|---|---|---|")
    with TemporaryDirectory(dir=options.folder) as name:
        for mib in options.mib:
            content = np.random.default_rng(0).bytes(mib * 2**20)
            both = (seconds(Path(name), content, synced=synced, times=options.times) for synced in (False, True))
            print(f"| {mib} | {' | '.join(f'{taken:.3f}' for taken in both)} |")


if __name__ == "__main__":
    main()
