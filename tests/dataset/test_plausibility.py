"""Masks against labels, images against images: what cannot be meant is refused, what hardly can is said."""

from pathlib import Path

import pytest

from orandnet.dataset.labels import Classes
from orandnet.dataset.plausibility import compare_images, compare_masks, numbers_that_are_no_ids

CLASSES = Classes(("cat", "dog"), (8, 12))
CAT, DOG = 8, 12


def compared(*images, quick=False):
    """The warnings on images of (labels, ids in the mask or None, split)."""
    rows, found, said = [], {}, []
    for number, (names, ids, *split) in enumerate(images):
        image_id = f"x{number}"
        rows.append({"image_id": image_id, "split": (split or ["train"])[0], "labels": names.replace(" ", ";")})
        if ids is not None:
            found[image_id] = bytes(ids)
    compare_masks(rows, found, CLASSES, Path("masks"), quick=quick, warn=lambda *doubt: said.append(doubt))
    return said


def test_masks_that_show_what_the_labels_say_are_not_mentioned():
    assert compared(("cat", [0, CAT]), ("dog", [0, DOG, 255]), ("cat dog", [CAT, DOG]), ("cat", None)) == []


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            [("cat", [0, 255]), ("dog", [0, 255])],
            "hold no class, only 0 and 255, and 255 counts nowhere: the class 'cat'",
        ),
        ([("cat", [255])], "the 1 masks hold no class, only 0 and 255"),
        ([("cat", [0]), ("dog", [0, 3])] * 2, "the 4 masks show no class at all, while the class 'cat' has the id 8; "),
        (
            [("cat", [0, CAT]), ("dog", [0, CAT])] * 3,
            "3 of 6 masks show none of their images' labels: x1 is labelled 'dog' (id 12), and so are 2 more; 3 of "
            "these 3 masks show id 8 ('cat'); give dataset.classes in the order of the masks' ids",
        ),
        ([("cat", [DOG]), ("dog", [CAT])] * 2, "4 of 4 masks show none of their images' labels"),
    ],
)
def test_masks_in_other_ids_than_the_classes_are_refused(images, message):
    with pytest.raises(ValueError, match="masks") as error:
        compared(*images)
    assert message in str(error.value)
    assert str(error.value).startswith("masks: ")
    assert any(message in said for _, said in compared(*images, quick=True))


def test_a_single_slip_is_said_with_its_number():
    said = compared(*[("cat", [CAT])] * 4, ("dog", [CAT]), ("dog", [DOG]))
    assert [code for code, _ in said] == ["masks_unlike_labels"] * 2
    assert said[0][1].startswith(
        "dataset.masks: 1 of 6 masks show a class that is no label of their image, the first is x4"
    )
    assert said[1][1].startswith("dataset.masks: 1 of 6 masks lack a class that is a label")


def test_a_class_without_a_true_pixel_is_said_for_each_split_that_is_scored():
    said = compared(("cat", [CAT], "train"), ("dog", [DOG], "train_aug"), ("cat dog", [CAT, DOG], "val"))
    assert said == [
        (
            "classes_without_true_pixels",
            "dataset.masks: no mask of train (1 images) shows 'dog'; what is predicted as such a class there is an "
            "error, and its recall is undefined.",
        )
    ]


def test_one_image_may_show_nothing_which_is_said():
    (said,) = compared(("cat", [0], "val"))[:1]
    assert said[1].startswith("dataset.masks: no mask of val (1 images) shows 'cat', 'dog'; ")


def test_nothing_is_asked_of_data_without_masks():
    assert compared(("cat", None), ("dog", None)) == []


def test_equal_images_are_said_those_in_two_splits_by_themselves():
    said = []

    def compare(*hashes):
        said.clear()
        splits = {"a": "train", "b": "train_aug", "c": "val"}
        rows = [
            {"image_id": image_id, "split": split, "sha256": sha256}
            for (image_id, split), sha256 in zip(splits.items(), hashes, strict=True)
        ]
        compare_images(rows, warn=lambda *doubt: said.append(doubt))
        return [code for code, _ in said]

    assert compare("1", "2", "3") == []
    assert compare("1", "1", "3") == ["equal_images"]
    assert compare("1", "2", "1") == ["images_in_two_splits"]
    assert "a (train) and c (val)" in said[0][1]


def test_numbers_as_names_are_the_ids_or_are_refused():
    assert numbers_that_are_no_ids(Classes(("1", "2"), (1, 2))) == []
    assert numbers_that_are_no_ids(Classes(("cat", "2"), (1, 9))) == []
    assert numbers_that_are_no_ids(Classes(("3", "10"), (3, 10))) == []
    (line,) = numbers_that_are_no_ids(Classes(("3", "10"), (1, 2)))
    assert line.startswith(
        "dataset.classes: the names are the numbers 3, 10, their ids in the masks 1, 2; write the ids"
    )
    assert '{"3": 3, "10": 10, ...}' in line
