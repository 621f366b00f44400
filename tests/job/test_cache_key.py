"""The digest of what Snakemake's own key of a cached job leaves out."""

import pytest

from orandnet.job import cache_key as module
from orandnet.job.cache_key import cache_key


@pytest.fixture
def files(tmp_path):
    """Return three files, of which the first two have the same content."""
    paths = [tmp_path / name for name in ("one", "same", "other")]
    for path in paths:
        path.write_text("other" if path.name == "other" else "content")
    return [str(path) for path in paths]


def test_it_tells_contents_and_not_places(files):
    one, same, other = files
    key = cache_key({"index": [one]}, {"seed": "0"})
    assert len(key) == 64
    assert key == cache_key({"index": [same]}, {"seed": "0"})
    assert key != cache_key({"index": [other]}, {"seed": "0"})


def test_it_tells_names_of_inputs_their_order_and_options(files):
    one, _, other = files
    keys = [
        cache_key({"or": [one], "and": [other]}, {}),
        cache_key({"or": [other], "and": [one]}, {}),
        cache_key({"or": [one, other]}, {}),
        cache_key({"or": [other, one]}, {}),
        cache_key({"or": [one], "and": [other]}, {"seed": "0"}),
        cache_key({"or": [one], "and": [other]}, {"seed": "1"}),
    ]
    assert len(set(keys)) == len(keys)


def test_a_file_that_changes_is_read_again(files, tmp_path):
    before = cache_key({"index": files[:1]}, {})
    (tmp_path / "one").write_text("changed content")
    assert cache_key({"index": files[:1]}, {}) != before


def test_a_file_that_is_not_there_yet_fits_nothing_not_even_itself(tmp_path):
    missing = {"index": [str(tmp_path / "missing")]}
    assert cache_key(missing, {}) != cache_key(missing, {})


def test_other_packages_give_another_key(files, monkeypatch):
    before = cache_key({"index": files[:1]}, {})
    monkeypatch.setattr(module, "versions", lambda: {"torch": "0"})
    assert cache_key({"index": files[:1]}, {}) != before
