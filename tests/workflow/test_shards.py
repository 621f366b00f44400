"""Shards split the work and nothing else: any number gives the same results, and a killed one costs only itself."""

import os
import signal
import time

import pytest

from checkout import MINIMAL, Checkout

pytestmark = pytest.mark.pipeline


def contents(folder, *patterns):
    """Return path -> bytes of the files that follow from all shards together."""
    paths = [path for pattern in patterns for path in folder.glob(pattern)]
    assert paths
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_any_number_of_shards_gives_the_same_masks_networks_and_tables(fresh: Checkout):
    made = []
    for shards in (1, 3):
        config = fresh.config({"run": f"in{shards}", "shards": shards}, start=MINIMAL)
        fresh.run("--cores", 2, "--configfile", config)
        folder = fresh.folder / f"results/in{shards}"
        assert len(list(folder.glob("cam/vit/seed0/*.npz"))) == shards
        patterns = ("pseudo_mask/**/*.png", "prediction/**/*.png", "irn/*/seed0/labels/*.png")
        made.append(contents(folder, *patterns, "*/**/weights.safetensors", "tables/*.csv", "evaluation/**/*.csv"))
    assert made[0] == made[1]


def test_a_killed_shard_costs_only_itself(fresh: Checkout):
    config = fresh.config({"shards": 3}, start=MINIMAL)
    shards = [f"results/tiny/cam/vit/seed0/{number}-of-3.npz" for number in (1, 2, 3)]
    arguments = ("--cores", 1, "--configfile", config, "--", *shards)
    process = fresh.start(*arguments)
    logs = fresh.results / "logs/cam/vit/seed0"
    while len(list(logs.glob("*.log"))) < 2:  # one has ended, the next one has been started
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finished = [path for path in shards if (fresh.folder / path).exists()]
    assert finished
    dates = {path: (fresh.folder / path).stat().st_mtime_ns for path in finished}
    fresh.run("--unlock", "--configfile", config)
    assert fresh.planned(*arguments) == {"cam": 3 - len(finished)}
    fresh.run(*arguments)
    assert {path: (fresh.folder / path).stat().st_mtime_ns for path in finished} == dates
