"""Folders with awkward names: what a shell, Snakemake or a format string would take for more than a name.

The tiny run that other tests look at is made in such a checkout too, from the data set to the report.
"""

import re

import pytest
import yaml

from checkout import AWKWARD, ROOT, TINY, Checkout
from voc_folder import write_list, write_voc

pytestmark = pytest.mark.pipeline

WEIGHTS = "results/tiny/classifier/vit/seed0/weights.safetensors"


def test_the_name_is_as_awkward_as_can_be():
    assert set(""" '"$;#{}ü""") <= set(AWKWARD)
    assert re.search(r"\{run\}", AWKWARD)  # a wildcard of the rules
    assert re.search(r"\{x\}", AWKWARD)  # and none of them


@pytest.fixture(scope="module")
def awkward(tmp_path_factory) -> Checkout:
    """Return a checkout with an awkward name and data in a folder of such a name."""
    checkout = Checkout(tmp_path_factory.mktemp("paths") / AWKWARD)
    root = checkout.folder / AWKWARD
    write_voc(root)
    dataset = {"kind": "voc", "root": AWKWARD, "classes": ["cat", "dog"], "labels": f"{AWKWARD}/labels.csv"}
    config = {**yaml.safe_load(TINY.read_text()), "dataset": dataset}
    (checkout.folder / "voc.yaml").write_text(yaml.safe_dump(config))
    return checkout


def test_listing_linting_and_jobs_work_and_a_changed_list_is_noticed_though_it_cannot_be_an_input(awkward, fresh):
    assert awkward.planned() == fresh.planned()
    awkward.run("--lint")
    target = ("--configfile", "voc.yaml", "--", WEIGHTS)
    awkward.run("--cores", 1, *target)
    assert awkward.planned(*target) == {}
    write_list(awkward.folder / AWKWARD, "val", ["b1", "b2"])
    assert awkward.planned(*target)["dataset"] == 1
    write_list(awkward.folder / AWKWARD, "val", ["b1"])
    assert awkward.planned(*target) == {}


@pytest.mark.parametrize("path", sorted((ROOT / "workflow/rules").glob("*.smk")), ids=lambda path: path.stem)
def test_every_file_in_a_command_is_quoted(path):
    commands = re.findall(r"^    shell:\n((?: {8}.*\n)+)", path.read_text(), flags=re.MULTILINE)
    assert commands or path.stem in ("command", "paths", "screen")
    for command in commands:
        files = re.findall(r"\{((?:input|output|log)\b[^}]*)\}", command)
        assert files
        assert [name for name in files if not name.endswith(":q")] == []
