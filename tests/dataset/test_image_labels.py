"""Image labels come from XML, cls_labels.npy or CSV, and mean the same."""

import re

import numpy as np
import pytest

from orandnet.dataset.labels import read_labels
from orandnet.dataset.settings import Settings
from voc_folder import write_voc

SPLITS = {"2007_000032": "train", "2007_000033": "val", "2007_000039": "test"}
DOG, PERSON = 11, 14  # columns of cls_labels.npy


@pytest.fixture
def settings(tmp_path):
    return write_voc(tmp_path / "voc")


def changed(settings, **changes):
    return Settings(**{**settings.model_dump(), **changes})


def vector(*columns, size=20):
    labels = np.zeros(size, np.float32)
    labels[list(columns)] = 1
    return labels


def npy_settings(settings, content, **changes):
    np.save(settings.root / "cls_labels.npy", content, allow_pickle=True)
    classes = {"person": 15, "dog": 12}
    return changed(settings, **{"labels": str(settings.root / "cls_labels.npy"), "classes": classes, **changes})


def write_annotation(settings, image_id, *names):
    folder = settings.root / "Annotations"
    folder.mkdir(exist_ok=True)
    objects = "".join(f"<object><name>{name}</name><difficult>1</difficult></object>" for name in names)
    (folder / f"{image_id}.xml").write_text(f"<annotation>{objects}</annotation>")
    return changed(settings, labels="annotations")


def write_csv(settings, text):
    (settings.root / "labels.csv").write_text(text)
    return settings


@pytest.mark.parametrize("key", [2007000032, np.int32(2007000032), "2007_000032", np.str_("2007_000032")])
def test_both_kinds_of_keys_of_cls_labels_are_understood(settings, key):
    labels = read_labels(npy_settings(settings, {key: vector(DOG, PERSON)}), SPLITS)
    assert labels == {"2007_000032": ("dog", "person"), "2007_000033": (), "2007_000039": ()}


def test_columns_outside_the_classes_are_dropped_only_if_told_so(settings):
    content = {2007000032: vector(0, DOG)}
    with pytest.raises(ValueError, match=r"2007_000032 with id 1, outside dataset.classes; .*other_mask_ids: ignore"):
        read_labels(npy_settings(settings, content), SPLITS)
    labels = read_labels(npy_settings(settings, content, other_mask_ids="ignore"), SPLITS)
    assert labels["2007_000032"] == ("dog",)


def test_a_plain_list_of_classes_must_fit_the_columns(settings):
    with pytest.raises(ValueError, match=r"has 20 labels per image, dataset.classes ask for 2; .*mapping"):
        read_labels(npy_settings(settings, {2007000032: vector(0)}, classes=["cat", "dog"]), SPLITS)


def test_a_file_that_holds_no_labels_is_refused(settings):
    with pytest.raises(ValueError, match="holds a ndarray, not a dict of labels"):
        read_labels(npy_settings(settings, [1, None, "x"]), SPLITS)
    with pytest.raises(ValueError, match="2007_000032 has no vector of 20 zeros and ones"):
        read_labels(npy_settings(settings, {1: vector(), 2007000032: vector() + 0.5}), SPLITS)


def test_xml_counts_every_object_also_difficult_ones(settings):
    labels = read_labels(write_annotation(settings, "2007_000032", "dog", "cat", "dog"), SPLITS)
    assert labels["2007_000032"] == ("cat", "dog")


def test_xml_and_cls_labels_say_the_same(settings):
    objects = {"2007_000032": ("dog", "person", "dog"), "2007_000033": ("person",), "2007_000039": ("dog",)}
    for image_id, names in objects.items():
        write_annotation(settings, image_id, *names)
    columns = {"dog": DOG, "person": PERSON}
    vectors = {
        int(image_id.replace("_", "")): vector(*(columns[name] for name in names))
        for image_id, names in objects.items()
    }
    from_npy = npy_settings(settings, vectors)
    assert read_labels(from_npy, SPLITS) == read_labels(changed(from_npy, labels="annotations"), SPLITS)


def test_xml_objects_outside_the_classes_are_dropped_only_if_told_so(settings):
    told = write_annotation(settings, "2007_000032", "dog", "sofa")
    with pytest.raises(ValueError, match=r"2007_000032 with sofa, outside dataset\.classes"):
        read_labels(told, SPLITS)
    assert read_labels(changed(told, other_mask_ids="ignore"), SPLITS)["2007_000032"] == ("dog",)


def test_broken_xml_is_named(settings):
    told = write_annotation(settings, "2007_000032", "dog")
    (settings.root / "Annotations" / "2007_000032.xml").write_text("<annotation>")
    with pytest.raises(ValueError, match=r"2007_000032.xml: is not well-formed XML"):
        read_labels(told, SPLITS)


def test_csv_labels_are_joined_by_semicolons_in_any_order(settings):
    told = write_csv(settings, "image_id,labels\n2007_000032,dog; cat\n2007_000033,\n")
    assert read_labels(told, SPLITS)["2007_000032"] == ("cat", "dog")


def test_a_csv_label_outside_the_classes_is_always_an_error(settings):
    told = write_csv(settings, "image_id,labels\n2007_000032,dog;cta\n")
    for other in ("error", "ignore"):
        with pytest.raises(ValueError, match=r"labels.csv: labels 2007_000032 with cta, .* correct the label"):
            read_labels(changed(told, other_mask_ids=other), SPLITS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,names\n", "it needs image_id and labels"),
        ("id,label\n", "has the column 'label'; rename it to 'labels'"),
        ("image_id,labels\na,cat,dog\n", "line 2 has 3 cells, 'a,cat,dog', the header 2"),
        ("image_id,labels\na,dog\na,cat\n", "a has two rows"),
        ("image_id,labels\n2007_000032,\n", "gives the training image 2007_000032 no label"),
        ("image_id,labels\n", "gives the training image 2007_000032 no label"),
    ],
)
def test_faulty_csv_files_are_named(settings, text, message):
    with pytest.raises(ValueError, match=rf"labels.csv: .*{message}"):
        read_labels(write_csv(settings, text), SPLITS)


@pytest.mark.parametrize("labels", ["annotations", "none.csv", "none.npy"])
def test_missing_labels_are_named(settings, labels):
    with pytest.raises(ValueError, match=r"Annotations does not exist|none.*: there is no such file"):
        read_labels(changed(settings, labels=labels), SPLITS)


def test_labels_of_an_unknown_kind_are_refused(settings):
    (settings.root / "labels.txt").write_text("a dog")
    with pytest.raises(ValueError, match=r"neither .npy nor .csv"):
        read_labels(changed(settings, labels="labels.txt"), SPLITS)


def test_a_label_in_another_form_of_a_class_is_never_dropped(settings):
    told = write_annotation(settings, "2007_000032", "Dog", "cat")
    for other in ("error", "ignore"):
        with pytest.raises(
            ValueError, match=r"labels 2007_000032 with 'Dog', which the classes write 'dog'; write it in"
        ):
            read_labels(changed(told, other_mask_ids=other), SPLITS)


def test_what_is_dropped_is_counted(settings, capsys):
    told = write_annotation(settings, "2007_000032", "dog", "sofa")
    write_annotation(settings, "2007_000033", "sofa")
    read_labels(changed(told, other_mask_ids="ignore"), SPLITS)
    assert "these labels are outside dataset.classes and dropped: sofa (2 images)." in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb2312", "iso-8859-1", "cp1252"])
def test_xml_is_read_in_the_encoding_that_it_declares(settings, encoding):
    name = "狗" if encoding == "gb2312" else "chien né"
    told = write_annotation(settings, "2007_000032", "dog")
    text = f'<?xml version="1.0" encoding="{encoding}"?><annotation><object><name>{name}</name></object></annotation>'
    (settings.root / "Annotations" / "2007_000032.xml").write_bytes(text.encode(encoding))
    assert read_labels(changed(told, classes=[name]), SPLITS)["2007_000032"] == (name,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'<?xml version="1.0" encoding="utf8mb4"?><annotation/>',
            "declares the unknown encoding 'utf8mb4'; save it as",
        ),
        (b'<?xml version="1.0" encoding="zip"?><annotation/>', "declares the unknown encoding 'zip'"),
        (
            b'<?xml version="1.0" encoding="gb2312"?><annotation>\xff\xff</annotation>',
            "is no gb2312 text, as it declares",
        ),
        (b"<annotation>\xff</annotation>", "line 1 is no UTF-8 text (byte 0xff)"),
        (b"<annotation><object></object></annotation>", "1 of its objects have no name; write one"),
        (b"<annotation><object><name> </name></object></annotation>", "1 of its objects have no name"),
        (b"", "is not well-formed XML"),
    ],
)
def test_xml_that_cannot_be_read_is_named(settings, content, message):
    told = write_annotation(settings, "2007_000032", "dog")
    (settings.root / "Annotations" / "2007_000032.xml").write_bytes(content)
    with pytest.raises(ValueError, match=rf"2007_000032\.xml: {re.escape(message)}"):
        read_labels(told, SPLITS)


@pytest.mark.parametrize("key", ["2007_000032.jpg", "JPEGImages/2007_000032.png", b"2007_000032"])
def test_keys_of_cls_labels_may_be_file_names(settings, key):
    labels = read_labels(npy_settings(settings, {key: vector(DOG)}), SPLITS)
    assert labels["2007_000032"] == ("dog",)


def test_an_id_of_another_form_than_vocs_takes_no_other_images_labels(settings):
    content = {"1_23": vector(DOG), 123: vector(PERSON), "000012": vector(DOG)}
    labels = read_labels(
        npy_settings(settings, content), {"1_23": "train", "123": "train", "12_3": "val", "000012": "val"}
    )
    assert labels == {"1_23": ("dog",), "123": ("person",), "12_3": (), "000012": ("dog",)}
    assert read_labels(npy_settings(settings, {12: vector(DOG)}), {"000012": "train"}) == {"000012": ("dog",)}


@pytest.mark.parametrize(
    ("content", "ids", "message"),
    [
        (
            {2007000032: vector(DOG)},
            ("2007_000032", "2007000032"),
            "one vector, 2007000032, for the images 2007_000032 and",
        ),
        ({12: vector(DOG)}, ("12", "012"), "one vector, 12, for the images 12 and 012"),
        ({"a.jpg": vector(DOG), "a": vector(DOG)}, ("a",), "several keys for one image; keep one form"),
        ({"a": "dog"}, ("a",), "has 1 labels per image"),
        ({"a": np.full(20, np.nan)}, ("a",), "a has no vector of 20 zeros and ones"),
        ({"a": np.array(["0"] * 20)}, ("a",), "a has no vector of 20 zeros and ones"),
    ],
)
def test_one_vector_serves_one_image(settings, content, ids, message):
    with pytest.raises(ValueError, match=message):
        read_labels(npy_settings(settings, content), dict.fromkeys(ids, "train"))
