"""Compare the package with straightforward forms of the same work: `make bench`.

Both forms run alternately in one process on one thread, with the same inputs; a row has medians of CPU seconds for one
image of 500x375 (or what it says), and how well the results agree. The exit status is 1 where they agree less than
promised. Options go through `make bench BENCH="..."`; the Makefile sees to it that numpy has one thread too.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

import boundary_loss
import cam_files
import class_maps
import decoding
import refinement
import scales
import sweep
import walk
from inputs import Inputs
from timing import Agreement, Comparison, Row, lines, run, write_rows

TOPICS = (walk, sweep, class_maps, cam_files, scales, refinement, decoding, boundary_loss)


def chosen(arguments: argparse.Namespace) -> Iterator[Comparison]:
    """Yield the comparisons that the options ask for."""
    inputs = Inputs(data=arguments.data)
    for topic in TOPICS:
        if not arguments.only or topic.__name__ in arguments.only:
            yield from topic.comparisons(inputs)
    if arguments.exact_dense:
        yield walk.exact_dense(inputs)
    if torch.cuda.is_available():
        yield walk.batch_on(torch.device("cuda"), inputs)


def memory_of_the_walk() -> list[str]:
    """Return a line for each grid with the memory of a walk."""
    shapes = ((94, 125), (188, 250))
    return [f"random walk, {h}x{w} cells: peak memory rises by {walk.peak_megabytes((h, w)):.0f} MB" for h, w in shapes]


def main() -> int:
    """Print the table, write it, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("results/bench/bench.csv"), help="the table as CSV")
    parser.add_argument("--data", type=Path, help="photographs in VOC layout instead of drawn scenes")
    parser.add_argument("--only", nargs="+", choices=[topic.__name__ for topic in TOPICS], help="these topics")
    parser.add_argument(
        "--exact-dense", action="store_true", help="the dense walk of a whole image too: minutes, 2.2 GB"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    for comparison in chosen(arguments):
        rows.append(run(comparison))
        header = 0 if len(rows) == 1 else 2
        print(*list(lines(rows[-1:]))[header:], sep="\n", flush=True)
        write_rows(arguments.output, rows)
    print("", *memory_of_the_walk(), sep="\n")
    if not torch.cuda.is_available():
        print("No GPU here: nothing was measured on one.")
    weak: list[Agreement] = [row.agreement for row in rows if not row.agreement.holds]
    print(*(f"agrees less than promised: {agreement.text}" for agreement in weak), sep="\n", file=sys.stderr)
    return bool(weak)


if __name__ == "__main__":
    sys.exit(main())
