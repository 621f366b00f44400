"""Trainings that are handed on: a second checkout takes a classifier from the cache, and never a wrong one."""

import numpy as np
import pytest
import yaml

from checkout import MINIMAL, Checkout
from orandnet.files.manifest import sha256
from orandnet.settings import deep_update
from voc_folder import SIZE, write_image, write_voc

pytestmark = pytest.mark.pipeline

NAMES = ("weights.safetensors", "history.csv", "weights.manifest.json")


class Handed:
    """A checkout with data in VOC layout, that trains a classifier with a cache."""

    def __init__(self, folder, cache):
        self.checkout = Checkout(folder / "checkout")
        self.environment = {"SNAKEMAKE_OUTPUT_CACHE": str(cache)}
        write_voc(self.checkout.folder / "voc")

    def config(self, run="voc", **changes):
        content = yaml.safe_load(MINIMAL.read_text())
        dataset = {"kind": "voc", "root": "voc", "classes": ["cat", "dog"], "labels": "voc/labels.csv"}
        content = content | {"run": run, "dataset": dataset}
        return self.checkout.write_config(deep_update(content, changes))

    def place(self, run="voc", seed=0):
        return f"results/{run}/classifier/resnet50/seed{seed}"

    def options(self, run="voc", seed=0, **changes):
        return "--configfile", self.config(run, **changes), "--", f"{self.place(run, seed)}/weights.safetensors"

    def train(self, *options, run="voc", **changes):
        self.checkout.run("--cores", 2, "--cache", *options, *self.options(run, **changes), **self.environment)
        return self.checkout.folder / self.place(run)

    def would_train(self, *, seed=0, environment=None, **changes):
        """Return whether a dry run finds no classifier in the cache."""
        options = ("--dry-run", "--cache", "--force", *self.options(seed=seed, **changes))
        printed = self.checkout.run(*options, **self.environment, **(environment or {}))
        asked = {word for word in ("written to", "obtained from") if f"will be {word} global" in printed}
        assert len(asked) == 1, printed
        return asked == {"written to"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(tmp_path_factory, cache):
    """Return a checkout that has trained a classifier and left it in the cache."""
    handed = Handed(tmp_path_factory.mktemp("first"), cache)
    handed.train()
    return handed


@pytest.fixture(scope="module")
def second(tmp_path_factory, cache, first):
    """Return a checkout that has asked for the same classifier, under another run, with other threads and time."""
    handed = Handed(tmp_path_factory.mktemp("second"), cache)
    handed.train("--set-resources", "classifier:runtime=5", run="another", threads=2)
    return handed


def test_a_second_checkout_takes_the_classifier_without_training(first, second, cache):
    theirs, ours = first.checkout.folder / first.place(), second.checkout.folder / second.place("another")
    assert (first.checkout.folder / "results/voc/logs/classifier/resnet50/seed0.log").is_file()
    log = second.checkout.folder / "results/another/logs/classifier/resnet50/seed0.log"
    assert not log.exists() or not log.read_text()  # a training tells of its steps
    for name in NAMES:
        assert (ours / name).resolve().parent == cache
        assert sha256(ours / name) == sha256(theirs / name)
    assert len(list(cache.iterdir())) == len(NAMES)


def test_with_and_without_the_cache_nothing_is_left_to_do(second):
    options = second.options("another", threads=2)
    assert second.checkout.planned(*options) == second.checkout.planned("--cache", *options, **second.environment) == {}


@pytest.mark.parametrize(
    ("changes", "trains"),
    [
        ({}, False),
        ({"environment": {"CUDA_VISIBLE_DEVICES": "0,1"}}, False),
        ({"seed": 1}, True),
        ({"classifier": {"crop_size": 48}}, True),
    ],
    ids=str,
)
def test_what_the_key_of_a_classifier_tells(first, changes, trains):
    assert first.would_train(**changes) == trains


def test_another_image_of_the_same_name_is_another_classifier(tmp_path, first, cache):
    handed = Handed(tmp_path, cache)
    write_image(handed.checkout.folder / "voc", "a1", np.full((*SIZE, 3), 7, np.uint8))
    lists = [f"results/voc/dataset/{name}" for name in ("train_aug.csv", "classes.json")]
    handed.checkout.run("--cores", 2, *handed.options()[:3], *lists)
    assert handed.would_train()


def test_a_training_in_the_place_of_a_link_leaves_the_cache_as_it_is(first, second, cache):
    kept = {path: sha256(path) for path in cache.iterdir()}
    folder = second.checkout.folder / second.place("another")
    second.checkout.run("--cores", 2, *second.options("another", classifier={"crop_size": 48}))
    assert not any((folder / name).is_symlink() for name in NAMES)
    assert {path: sha256(path) for path in cache.iterdir()} == kept


@pytest.mark.parametrize("folder", ["", "/no/such/folder"])
def test_a_cache_without_a_folder_is_refused_before_anything_is_trained(fresh, folder):
    code, printed = fresh.snakemake("-n", "--cache", "--configfile", "tiny.yaml", SNAKEMAKE_OUTPUT_CACHE=folder)
    assert code == 1
    assert f"SNAKEMAKE_OUTPUT_CACHE is '{folder}'; set it to a folder that is there" in printed
    assert "Traceback" not in printed


def test_without_the_option_nothing_is_said_of_caches(fresh):
    assert "cach" not in fresh.run("-n", "--quiet", "--configfile", "tiny.yaml")
