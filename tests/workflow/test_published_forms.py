"""The forms of the published experiment that the default run leaves out, in one run of the workflow."""

import csv
import tarfile

import numpy as np
import pytest
import yaml

from checkout import TINY
from orandnet.dataset.index import read_index
from orandnet.files.manifest import sha256
from orandnet.files.store import CamStore
from orandnet.settings import deep_update
from orandnet.submission.stage import validate

pytestmark = pytest.mark.pipeline

CHANGES = {
    "dataset": {"scenes": {"num_test": 4}},
    "sources": {
        "vit": {
            "classifier": {"frozen_layers": ["patch_embed.proj.weight"], "training": {"schedule": "constant"}},
            "cam": {"attribution": "lrp", "interpolation": "bilinear"},
        }
    },
    "classifier": {"color_jitter": {"before_padding": True, "random_order": True}},
    "ensembles": {"naive": {"output": "sum", "fusion": {"offsets": {"vit": 0.15}, "clip": False}}},
    "irn": {"cams": []},
    "segmenter": {
        "methods": {"naive": "naive"},
        "schedules": ["baseline", "scale", "scale_same_pixels"],
        "frozen_layers": ["conv1"],
        "freeze_affine": True,
        "head_init": "xavier",
        "scale_per_batch": True,
        "small_images": "top_left",
    },
    "prediction": {"splits": ["val", "test"], "variants": ["ss", "ms_crf"], "flip": False},
    "report": {"legacy20": True},
}


def configured(checkout):
    """Write the config of a small run with all of the forms and one ensemble."""
    content = yaml.safe_load(TINY.read_text())
    del content["ensembles"]["ours"], content["segmenter"]["methods"]
    return checkout.write_config(deep_update(content, CHANGES))


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_sum_relevance_same_pixels_legacy_numbers_and_archive_in_one_run(fresh):
    fresh.run("--cores", 2, "--configfile", configured(fresh))
    results = fresh.results
    assert [path.name for path in (results / "fusion/naive/seed0").iterdir()] == ["sum"]
    store = CamStore(sorted((results / "fusion/naive/seed0/sum").glob("*.npz")))
    highest = max(store[image_id].scores.max() for image_id in store.image_ids)
    assert 1.15 < highest <= 2.1505
    (table3,) = rows(results / "tables/table3_scale_scheduling.csv")
    assert all(table3[name] for name in ("baseline", "scale_scheduling", "scale_same_pixels"))
    weights = [results / f"segmenter/naive/{name}/seed0/weights.safetensors" for name in ("scale", "scale_same_pixels")]
    assert sha256(weights[0]) != sha256(weights[1])
    assert all(np.isfinite(float(row["legacy20_miou"])) for row in rows(results / "tables/table2_variants.csv"))
    check_submission(results)


def check_submission(results):
    validate(archive=results / "submission/naive.tar.gz", index=results / "dataset/index.csv")
    with tarfile.open(results / "submission/naive.tar.gz") as archive:
        found = archive.getmembers()
        member = archive.extractfile(found[0]).read()
    tests = sorted(record.image_id for record in read_index(results / "dataset/index.csv").subset("test"))
    assert [member.name.rpartition("/")[2] for member in found] == [f"{name}.png" for name in tests]
    # the ids of the scenes in mask files are those of the class list: the masks are the predicted ones
    assert (results / f"prediction/naive/scale/seed0/test/ms_crf/{tests[0]}.png").read_bytes() == member


def test_archives_are_made_where_the_test_split_is_predicted_and_of_one_method_on_demand(fresh):
    assert fresh.planned("--configfile", configured(fresh))["submission"] == 1
    assert not {"submission", "fusion_sum"} & fresh.planned("--configfile", "tiny.yaml").keys()
    archive = "results/tiny/submission/ours.tar.gz"
    assert fresh.planned("--configfile", "tiny.yaml", "--", archive)["submission"] == 1
