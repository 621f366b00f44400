"""AMN in the job graph: it follows the CAM of its seed source, whose inter-pixel labels it shares with IRN."""

import pytest

from checkout import Checkout
from job_graph import jobs_of

pytestmark = pytest.mark.pipeline

TARGET = "results/tiny/classifier/amn/seed0/weights.safetensors"
SECOND = "results/tiny/cam/second/seed0/1-of-1.npz"
SMALL = {"model": "test_resnet", "pretrained": False}
CHANGES = {
    "shards": 1,
    "dataset": {"scenes": {"num_train": 6, "num_train_aug": 8, "num_val": 1, "size": 48}},
    "sources": {"amn": {"kind": "amn", "seed_source": "resnet50", "classifier": {"backbone": SMALL}}},
    "classifier": {"crop_size": 32, "amn": {"start_from_seed": True}},
    "cam": {"scales": [1.0]},
    "irn": {"cams": ["resnet50", "ours"]},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Checkout:
    """Return a checkout in which an AMN has been trained, and what that needs."""
    checkout = Checkout(tmp_path_factory.mktemp("amn") / "checkout")
    checkout.run("--cores", 2, "--configfile", checkout.config(CHANGES), "--", TARGET)
    return checkout


def test_amn_reads_the_labels_of_its_seed_source_and_irn_reads_the_same(fresh):
    jobs = jobs_of(fresh, "--configfile", fresh.config(CHANGES))
    labels = "results/tiny/irn/resnet50/seed0/labels/1-of-1.csv"
    weights = "results/tiny/classifier/resnet50/seed0/weights.safetensors"
    (amn,) = [job for job in jobs if job.rule == "classifier_amn"]
    (irn,) = [job for job in jobs if job.rule == "irn" and job.wildcards["cam"] == "resnet50"]
    assert {labels, weights} <= set(amn.inputs)
    assert labels in irn.inputs
    assert f"--labels {labels} --initial-weights {weights} " in amn.command
    assert [job.wildcards["cam"] for job in jobs if job.rule == "irn_labels"].count("resnet50") == 1
    assert all(labels not in job.inputs for job in jobs if job.rule == "cam")
    assert {job.wildcards["source"] for job in jobs if job.rule == "classifier"} == {"resnet50", "vit"}
    assert {job.wildcards["source"] for job in jobs if job.rule == "cam"} == {"resnet50", "vit", "amn"}


def test_the_cam_of_amn_reads_those_labels_too_where_its_background_stays_raw(trained):
    changes = {**CHANGES, "sources": {"amn": {**CHANGES["sources"]["amn"], "cam": {"raw_background": True}}}}
    config, store = trained.config(changes), "results/tiny/cam/amn/seed0/1-of-1.npz"
    labels = "results/tiny/irn/resnet50/seed0/labels/1-of-1.csv"
    (job,) = jobs_of(trained, "--configfile", config, "--", store)
    assert job.rule == "cam"
    assert labels in job.inputs
    assert f"--labels {labels} --output {store} " in job.command
    trained.run("--cores", 1, "--configfile", config, "--", store)
    assert (trained.folder / store).is_file()


def test_a_second_round_learns_from_the_labels_of_an_ensemble(trained):
    second = {
        "kind": "amn",
        "seed_source": "ours",
        "classifier": {"backbone": SMALL, "amn": {"start_from_seed": False}},
    }
    config = trained.config({**CHANGES, "sources": {**CHANGES["sources"], "second": second}})
    labels = "results/tiny/irn/ours/seed0/labels/1-of-1.csv"
    jobs = jobs_of(trained, "--configfile", config, "--", SECOND)
    (amn,) = [job for job in jobs if job.rule == "classifier_amn"]
    assert f"--labels {labels} " in amn.command
    assert amn.wildcards["source"] == "second"
    assert {"orandnet", "orandnet_cam", "pseudo_mask_otsu", "irn_labels"} <= {job.rule for job in jobs}
    trained.run("--cores", 2, "--configfile", config, "--", SECOND)
    assert (trained.folder / SECOND).is_file()
    assert trained.planned("--configfile", config, "--", SECOND) == {}
    ends = {"ensembles={ours: {orandnet: {width: 12}}}", "ensembles={ours: {members: [vit, resnet50, resnet50@1]}}"}
    for change in ends:
        assert trained.planned("--configfile", config, "--config", change, "--", SECOND)["classifier_amn"] == 1


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ("sources={amn: {classifier: {amn: {dropout: 0.2}}}}", {"classifier_amn": 1}),
        ("sources={resnet50: {irn: {labels: {confidence: 0.8}}}}", {"irn_labels": 1, "classifier_amn": 1}),
        (
            "sources={resnet50: {classifier: {frozen_layers: [conv1]}}}",
            {"classifier": 1, "cam": 1, "pseudo_mask_otsu": 1, "irn_labels": 1, "classifier_amn": 1},
        ),
        ("sources={amn: {cam: {power: 0.5}}}", {}),
        ("sources={vit: {cam: {power: 0.5}}}", {}),
    ],
)
def test_a_change_of_the_seed_source_trains_amn_again(trained, change, jobs):
    config = trained.config(CHANGES)
    assert trained.planned("--configfile", config, "--config", change, "--", TARGET) == jobs
