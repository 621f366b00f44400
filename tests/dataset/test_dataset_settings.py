"""Settings of the data set that cannot work are refused with the key and the way out."""

import pytest
from pydantic import ValidationError

from orandnet.dataset.labels import class_list
from orandnet.dataset.settings import Settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "coco17"}, "'scenes', 'voc'"),
        ({"kind": "voc", "classes": ["cat"]}, "root: is missing"),
        ({"kind": "voc", "root": "x"}, "classes: are missing"),
        ({"root": "VOC2012"}, "root: VOC2012 is given with kind: scenes"),
        ({"kind": "voc", "root": "x", "classes": ["cat", "cat"]}, "'cat' occurs twice"),
        ({"kind": "voc", "root": "x", "classes": {"cat": 8, "dog": 8}}, "8 occurs twice"),
        ({"kind": "voc", "root": "x", "classes": {"cat": 255}}, "less than or equal to 254"),
        ({"kind": "voc", "root": "x", "classes": ["background", "cat"]}, "leave out the background"),
        ({"kind": "voc", "root": "x", "classes": ["cat;dog"]}, "cannot be a class name"),
        ({"scenes": {"num_train": 50, "num_train_aug": 20}}, "num_train_aug: 20 is less than num_train, 50"),
        ({"kind": "folder", "root": "x"}, "labels: annotations is no CSV"),
        ({"kind": "folder", "labels": "a.csv"}, "root: is missing; kind: folder needs a folder, that of the images"),
        ({"kind": "coco", "root": "x", "classes": ["cat"]}, "kind: coco takes both from the annotations"),
        ({"download": True}, "download: is not for kind: scenes"),
        ({"kind": "voc", "root": "x", "classes": ["a"], "download_test": True}, "download_test: goes with"),
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limits": 3}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_work_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        Settings(**values)


def test_the_order_of_a_mapping_does_not_matter_since_json_loses_it():
    first = Settings(kind="voc", root="x", classes={"dog": 12, "cat": 8})
    again = Settings.model_validate_json(first.canonical_json())
    assert class_list(first) == class_list(again) == (("cat", "dog"), (8, 12))


def test_a_list_of_classes_is_numbered_from_one():
    settings = Settings(kind="voc", root="x", classes=["dog", "cat"])
    assert class_list(settings) == (("dog", "cat"), (1, 2))
