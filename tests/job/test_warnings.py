"""Doubts are said once, and stand in the manifest of what was made."""

import json

from orandnet import cli
from orandnet.job.warnings import collected_warnings, warn


def test_a_doubt_is_said_once_and_kept_as_data(capsys):
    with collected_warnings() as found:
        warn("flat", "the map is flat.")
        warn("flat", "the map is flat.")
        warn("flat", "another is.")
    assert found == [{"code": "flat", "message": "the map is flat."}, {"code": "flat", "message": "another is."}]
    assert capsys.readouterr().err == "warning: the map is flat.\nwarning: another is.\n"
    with collected_warnings() as found:
        assert found == []


def test_the_manifest_holds_the_warnings_of_its_command(tmp_path, monkeypatch):
    from voc_folder import write_voc

    settings = write_voc(tmp_path / "voc").canonical_json()
    image = tmp_path / "voc" / "JPEGImages"
    (image / "b1.jpg").write_bytes((image / "a1.jpg").read_bytes())
    outputs = [f"--{name}={tmp_path / name}.json" for name in ("output", "manifest-output", "ground-truth-output")]
    cli.main(["dataset", *outputs, "--settings", settings])
    manifest = json.loads((tmp_path / "output.manifest.json").read_text())
    found = {warning["code"]: warning["message"] for warning in manifest["warnings"]}
    assert "a1 (train) and b1 (val)" in found["images_in_two_splits"]
    cli.main(["dataset", *outputs, "--settings", settings])
    assert json.loads((tmp_path / "output.manifest.json").read_text())["warnings"] == manifest["warnings"]
