"""The published numbers: those of the paper's poster, to the digit, and only beside a run that they compare with."""

import csv
import json

import pytest

from checkout import ROOT
from orandnet.dataset.index import PART_COLUMNS
from orandnet.report import voc2012
from orandnet.report.table_files import PUBLISHED

# copied from the poster, row by row
TABLE_1 = """
| ResNet-50 | 48.3 | 66.9 | 64.8 |
| ViT | 53.4 | 67.7 | 72.4 |
| Naive ensemble | 49.0 | 61.5 | 72.2 |
| Ours | 54.3 | 71.0 | 70.9 |
| Ours w/ IRN | 70.9 | 82.9 | 82.6 |
| AMN | 62.8 | 74.0 | 80.5 |
| MCTformer | 62.1 | 74.7 | 78.8 |
| Ours* | 64.3 | 78.9 | 77.9 |
| Ours* w/ IRN | 74.3 | 85.5 | 84.3 |
"""
TABLE_2 = """
| EDAM (Wu et al. 2021) | 1st | I+S | 70.9 | 70.6 |
| EPS (Lee et al. 2021) | 1st | I+S | 71.0 | 71.8 |
| SANCE (Li, Fan, and Zhang 2022) | 1st | I+S | 72.0 | 72.9 |
| OC-CSE (Kweon et al. 2021) | 1st | I | 68.4 | 68.2 |
| CDA (Su et al. 2021) | 1st | I | 66.1 | 66.8 |
| PPC (Du et al. 2022) | 1st | I | 72.6 | 73.6 |
| URN (Li et al. 2022) | 2nd | I | 69.5 | 69.7 |
| ADELE (Liu et al. 2022) | 2nd | I | 69.3 | 68.9 |
| BECO (Rong et al. 2023) | 2nd | I | 73.7 | 73.5 |
| IRN (Ahn, Cho, and Kwak 2019) | 1st | I | 63.5 | 64.8 |
| Ours | 1st | I | 70.3 | 72.1 |
| AMN (Lee, Kim, and Shim 2022) | 1st | I | 70.7 | 70.6 |
| MCTformer (Xu et al. 2022) | 1st | I | 71.9 | 71.6 |
| Ours* | 1st | I | 72.2 | 72.9 |
"""
TABLE_3 = """
| DeepLabv1 (FSSS) | 76.4 | 76.3 |
| Naive ensemble | 68.5 | 68.4 |
| Ours | 70.1 | 70.3 |
| Ours* | 71.3 | 72.2 |
"""
STAGES = {"1": "1st", "2": "2nd"}


def rows(name):
    with (PUBLISHED / f"published_{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lines(name, *columns):
    cells = [[row[column] for column in columns] for row in rows(name)]
    return [f"| {' | '.join(STAGES.get(cell, cell) for cell in row)} |" for row in cells]


@pytest.mark.parametrize(
    ("poster", "name", "columns"),
    [
        (TABLE_1, "pseudo_masks", ("name", "miou", "precision", "recall")),
        (TABLE_2, "segmentation", ("name", "stage", "supervision", "val", "test")),
        (TABLE_3, "scale_scheduling", ("name", "baseline", "scale_scheduling")),
    ],
)
def test_tables_are_the_posters_to_the_digit(poster, name, columns):
    assert lines(name, *columns) == poster.strip().splitlines()
    assert {row["source"] for row in rows(name)} == {rows(name)[0]["source"]}
    assert "poster, Table" in rows(name)[0]["source"]


@pytest.mark.parametrize("document", ["README.md", "docs/results.md"])
def test_documents_show_the_posters_tables_once(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for table in (TABLE_1, TABLE_2, TABLE_3):
        assert text.count(table) == 1


@pytest.fixture
def lists(tmp_path):
    """Lists of a data set with VOC's classes: two images in train, one more in train_aug, one in val."""
    splits = {"train_aug": [("b", "train"), ("a", "train"), ("c", "train_aug")], "val": [("d", "val")]}
    for part, images in splits.items():
        listed = [f"{name},{name}.jpg,{split},4,4,cat,1,0" for name, split in images]
        (tmp_path / f"{part}.csv").write_text("\n".join([",".join(PART_COLUMNS), *listed]) + "\n")
    write_classes(tmp_path, voc2012.CLASSES, range(1, 21))
    return tmp_path / "train_aug.csv", tmp_path / "val.csv"


def write_classes(folder, names, ids):
    (folder / "classes.json").write_text(json.dumps({"classes": list(names), "file_ids": list(ids)}))


def test_a_run_is_on_voc_if_classes_and_lists_are_its_own(lists, monkeypatch):
    assert not voc2012.is_voc2012(*lists)
    known = {"train": voc2012.digest("ab"), "train_aug": voc2012.digest("abc"), "val": voc2012.digest("d")}
    monkeypatch.setattr(voc2012, "LISTS", known)
    assert voc2012.is_voc2012(*lists)
    write_classes(lists[0].parent, voc2012.CLASSES, [*range(1, 20), 25])
    assert not voc2012.is_voc2012(*lists)
    write_classes(lists[0].parent, [*voc2012.CLASSES[:-1], "cup"], range(1, 21))
    assert not voc2012.is_voc2012(*lists)
    write_classes(lists[0].parent, voc2012.CLASSES, range(1, 21))
    monkeypatch.setattr(voc2012, "LISTS", known | {"train": voc2012.digest("abc")})
    assert not voc2012.is_voc2012(*lists)
