"""The published experiment at its full size, as far as the list of its jobs: 13,487 images, none of which is read."""

import re
import subprocess
import sys

import pytest

from checkout import ROOT, Checkout
from listing import SIZES, write_lists

pytestmark = pytest.mark.pipeline

LONGEST_LISTING = 10.0  # CPU seconds, on a machine with other work; below 3 on an idle one
LARGEST = 300  # MiB
# a process counts the memory of the one it was forked from, here pytest with torch; so a small one starts the command
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, flush=True)
sys.exit(code)
"""


@pytest.fixture(scope="module", params=["voc2012", "voc2012_official", "voc2012_clip"])
def listed(request, tmp_path_factory):
    """Return the config's name, and of a dry run what it prints, its CPU seconds and its peak memory in MiB."""
    checkout = Checkout(tmp_path_factory.mktemp("full") / "checkout")
    write_lists(checkout.folder / "data/VOCdevkit/VOC2012")
    command = [sys.executable, "-m", "snakemake", "-n", "--configfile", f"config/{request.param}.yaml"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], cwd=checkout.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *_, cost = done.stdout.splitlines()
    seconds, kibibytes = map(float, cost.split())
    return request.param, done.stdout, seconds, kibibytes / 1024


def test_listing_the_published_experiment_is_quick_and_small(listed):
    _, _, seconds, mebibytes = listed
    assert seconds < LONGEST_LISTING
    assert mebibytes < LARGEST


def test_its_jobs_are_those_of_shards_and_not_of_images(listed):
    name, printed, _, _ = listed
    total = int(printed.split("\ntotal")[1].split()[0])
    assert 200 < total < 1000
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", printed, flags=re.MULTILINE))
    assert int(jobs["prediction"]) == 2 * int(jobs["segmenter"])  # one for each split
    of_its_sources = ("cam_text", "cam_clip") if name == "voc2012_clip" else ("classifier_amn",)
    for rule in (
        *of_its_sources,
        "cam",
        "fusion",
        "orandnet",
        "irn_walk",
        "segmenter",
        "prediction",
        "submission",
        "tables",
    ):
        assert f"\n{rule} " in printed, rule


def test_its_config_names_the_sizes_of_the_lists():
    for name in ("voc2012", "voc2012_official", "voc2012_clip"):
        assert (
            f"expected_sizes: {{train: {SIZES['train']}, train_aug: {SIZES['train_aug']}, "
            in (ROOT / "config" / f"{name}.yaml").read_text()
        )
