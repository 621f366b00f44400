"""What a listing of jobs says of a data set before any of it is read."""

import pytest

from orandnet.dataset.listing import refuse_without_test
from orandnet.dataset.settings import Settings
from voc_folder import write_voc


def test_a_split_test_without_images_is_refused_with_the_key_that_gives_some(tmp_path):
    voc = write_voc(tmp_path / "voc")
    (tmp_path / "labels.csv").write_text("image_id,labels,split\na,cat,train\nb,dog,val\n")
    folder = Settings(kind="folder", root=tmp_path, labels=str(tmp_path / "labels.csv"))
    refuse_without_test(voc)
    refuse_without_test(Settings(scenes={"num_test": 1}))
    (voc.root / "ImageSets/Segmentation/test.txt").unlink()
    fetched = {"kind": "voc", "root": tmp_path / "none", "classes": ["cat"], "download": True}
    for settings, key in (
        (Settings(scenes={"num_test": 0}), r"dataset\.scenes\.num_test is 0"),
        (Settings(kind="coco", root=tmp_path), r"dataset\.coco\.test names none"),
        (voc, r"voc has no list test \(dataset\.lists\.test\); make it, or drop test"),
        (Settings(**fetched), r"write dataset\.download_test: true"),
        (folder, r"labels\.csv gives no image the split test"),
    ):
        with pytest.raises(ValueError, match=rf"prediction\.splits: test is to be predicted, but .*{key}"):
            refuse_without_test(settings)


def test_what_may_still_come_or_is_told_elsewhere_is_not_refused(tmp_path):
    refuse_without_test(Settings(kind="voc", root=tmp_path / "none", classes=["cat"]))
    refuse_without_test(
        Settings(kind="voc", root=tmp_path / "none", classes=["cat"], download=True, download_test=True)
    )
    refuse_without_test(Settings(kind="folder", root=tmp_path, labels=str(tmp_path / "none.csv")))
    labels = tmp_path / "labels.csv"
    labels.write_text("image_id,labels,split\na,cat,train\nb,dog,test\n")
    refuse_without_test(Settings(kind="folder", root=tmp_path, labels=str(labels)))
