"""Which names are hardly meant as classes."""

import pytest

from orandnet.dataset.class_names import doubtful_names, likely_slips, name_key, nearest


def test_numbers_in_names_sort_as_numbers():
    names = ["10", "9", "cat", "a10", "a9", "1", "b", "Cat"]
    assert sorted(names, key=name_key) == ["1", "9", "10", "Cat", "a9", "a10", "b", "cat"]


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (["cat", "Cat"], "the class 'Cat' is t:0's 'cat' in another form"),
        (["dining table", "dining_table"], "in another form"),
        (["café", "cafe\u0301"], "in another form"),
        (["cat", "\uff43\uff41\uff54"], "in another form"),
        (["cat", "nan"], "'nan' reads as a missing label"),
        (["cat", "N/A"], "reads as a missing label"),
        (["cat", "None"], "reads as a missing label"),
        (["1", "0"], "'0' is the number of the background"),
        (['"cat', "dog"], "has a quote at its end"),
        (["“cat”", "dog"], "has a quote at its end"),
        (["cat", "dog", "cat|dog"], "looks like the classes cat, dog; join them with `;`"),
        (["cat", "dog", "cat dog"], "looks like the classes cat, dog"),
        (["cat", "dog", "cat / dog"], "looks like the classes cat, dog"),
    ],
)
def test_names_that_are_hardly_meant_are_lines_with_their_place(names, part):
    (line,) = doubtful_names({name: f"t:{number}" for number, name in enumerate(names)})
    assert part in line
    assert line.startswith("t:")
    assert "dataset.classes" in line


@pytest.mark.parametrize(
    "names",
    [["cat", "dog"], ["dining table", "table"], ["traffic light", "light"], ["1", "2", "10"], ["class_1", "class_2"]],
)
def test_plain_names_are_classes(names):
    assert doubtful_names(dict.fromkeys(names, "t")) == []


def test_a_rare_name_beside_a_frequent_one_that_looks_like_it_may_be_a_slip():
    assert likely_slips({"horse": 100, "hrose": 1, "dog": 3, "dogs": 40}) == [("hrose", "horse"), ("dog", "dogs")]
    assert likely_slips({"horse": 100, "house": 60, "class 1": 90, "class 2": 1}) == []


def test_the_nearest_class_has_the_same_letters():
    assert nearest("Dining-Table", ["diningtable", "cat"]) == "diningtable"
    assert nearest("cat", ["cat"]) is nearest("car", ["cat"]) is None
