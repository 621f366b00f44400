"""What is said of the version, of who is to be cited and of conduct agrees."""

import re
import tomllib

import yaml

from checkout import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_version_and_its_date_stand_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    (released,) = (title for title in newest if title != "Unreleased" and title.startswith(version))
    assert str(CITATION["version"]) == version
    assert released == f"{version} - {CITATION['date-released']}"


def test_the_paper_is_cited_by_its_number_and_its_authors():
    (paper,) = (work for work in CITATION["references"] if "arxiv.org" in work.get("url", ""))
    assert [author["family-names"] for author in paper["authors"]] == ["Park", "Shim"]
    (number,) = (entry["value"] for entry in paper["identifiers"])
    assert paper["url"].endswith(number.removeprefix("arXiv:"))
    assert paper["title"].split(":")[0] in (ROOT / "README.md").read_text()


def test_the_license_is_the_packages():
    assert CITATION["license"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
    assert "Apache License" in (ROOT / "LICENSE").read_text()
