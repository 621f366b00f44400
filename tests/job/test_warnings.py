"""Doubts are said once, and stand in the manifest of what was made."""

import json

from orandnet import cli
from orandnet.dataset.stage import make_all
from orandnet.job.warnings import collected_warnings, warn
from voc_folder import write_voc


def test_a_doubt_is_said_once_and_kept_as_data(capsys):
    with collected_warnings() as found:
        warn("flat", "the map is flat.")
        warn("flat", "the map is flat.")
        warn("flat", "another is.")
    assert found == [{"code": "flat", "message": "the map is flat."}, {"code": "flat", "message": "another is."}]
    assert capsys.readouterr().err == "warning: the map is flat.\nwarning: another is.\n"
    with collected_warnings() as found:
        assert found == []


def test_the_manifest_holds_the_warnings_of_its_command(tmp_path):
    settings = write_voc(tmp_path / "voc")
    image = tmp_path / "voc" / "JPEGImages"
    (image / "b1.jpg").write_bytes((image / "a1.jpg").read_bytes())
    make_all(tmp_path, settings)
    parts = [str(tmp_path / f"{part}.csv") for part in ("train_aug", "val", "test")]
    outputs = ["--output", str(tmp_path / "i.csv"), "--manifest-output", str(tmp_path / "m.json")]
    command = ["dataset", "--parts", *parts, *outputs, "--settings", settings.canonical_json()]
    found = []
    for _ in range(2):
        cli.main(command)
        found.append(json.loads((tmp_path / "i.manifest.json").read_text())["warnings"])
    assert found[0] == found[1]
    assert "a1 (train) and b1 (val)" in {one["code"]: one["message"] for one in found[0]}["images_in_two_splits"]
