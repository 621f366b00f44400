"""What a config needs of a GPU: the package's table, the batch that fits, and the page made from it."""

import pytest
import yaml

import capacity as counting_script
from checkout import ROOT
from orandnet.capacity import needs, table
from orandnet.capacity.cards import CARDS, LAUNCH, roofline
from orandnet.capacity.jobs import INDIFFERENT, gpu_jobs, largest_images
from orandnet.capacity.needs import cost_of, gpu_needs, peak_mib
from orandnet.capacity.table import Cost, counted, needed, needed_mib
from orandnet.config.sections import load


def config(name, **changes):
    return load(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) | changes)


@pytest.mark.parametrize("name", ["voc2012", "coco2014"])
def test_every_gpu_job_of_the_published_configs_was_counted(name):
    chosen = config(name)
    rules = {job.rule for job in gpu_jobs(chosen)}
    assert rules >= {"classifier", "cam", "orandnet", "orandnet_cam", "irn", "irn_walk", "segmenter", "prediction"}
    for job in gpu_jobs(chosen):
        assert needed_mib(job, largest_images(chosen)) > table.CONTEXT_MIB
        assert counted()[job.key(largest_images(chosen))].products in CARDS[0].flops


def test_the_table_holds_nothing_else():
    assert counted().keys() == {key for key, *_ in counting_script.wanted()}


def test_the_page_is_what_the_script_writes():
    assert (ROOT / "docs/scaling.md").read_text() == counting_script.page()


@pytest.mark.parametrize("rule", ["orandnet_cam", "irn"])
def test_counting_again_gives_the_table(rule):
    chosen = config("voc2012")
    job = next(job for job in gpu_jobs(chosen) if job.rule == rule)
    again, known = cost_of(job, largest_images(chosen)), counted()[job.key(largest_images(chosen))]
    assert again.peak_mib == pytest.approx(known.peak_mib, rel=0.02)  # of another torch, perhaps
    assert again.gflop == pytest.approx(known.gflop, rel=0.02)
    assert again.gbyte == pytest.approx(known.gbyte, rel=0.02)
    assert again.operations == pytest.approx(known.operations, rel=0.02)


def test_keys_that_memory_does_not_depend_on_change_no_key():
    images = largest_images(config("voc2012"))
    keys = [
        {job.key(images) for job in gpu_jobs(chosen)}
        for chosen in (config("voc2012"), config("voc2012", seeds=[5], pseudo_mask={"background_threshold": 0.2}))
    ]
    assert keys[0] == keys[1]
    assert "batch_size" not in INDIFFERENT
    segmenter = {"methods": {"fsss": "ground_truth"}, "training": {"epochs": 3, "learning_rate": 0.5}}
    other = config("coco2014", segmenter=segmenter, report={})
    (job,) = [job for job in gpu_jobs(other) if job.rule == "segmenter"]
    assert needed_mib(job, largest_images(other))
    larger = job._replace(settings=(job.settings[0].model_copy(update={"crop_size": 641}),))
    assert needed_mib(larger, largest_images(other)) == 0


def test_a_device_that_is_large_enough_takes_every_batch():
    for need in gpu_needs(config("voc2012"), 81_920):
        assert need.fitting == need.job.batch_size
        assert need.advice == ""


def test_without_a_device_there_is_no_advice():
    assert {(need.fitting, need.advice) for need in gpu_needs(config("coco2014"))} == {(None, "")}


@pytest.fixture
def of_ten(monkeypatch):
    """A training of ten images that takes 100 MiB, and 20 for each image."""
    chosen = config("voc2012")
    job = next(job for job in gpu_jobs(chosen) if job.rule == "irn")
    training = job.settings[0].training.model_copy(update={"batch_size": 10})
    job = job._replace(settings=(job.settings[0].model_copy(update={"training": training}),), batch_size=10)
    cost = Cost(300, 1, 1, 1, "bfloat16")
    monkeypatch.setattr(needs, "peak_mib", lambda job, images, batch_size: 100 + 20 * batch_size)
    monkeypatch.setattr(needs, "gpu_jobs", lambda _: [job])
    monkeypatch.setattr(needs, "counted", lambda: {job.key(largest_images(chosen)): cost})
    return chosen


@pytest.mark.parametrize(
    ("images", "fitting", "advice"),
    [
        (10, 10, ""),
        (9, 9, "training: {accumulate: 2}"),
        (5, 5, "training: {accumulate: 2}"),
        (3, 3, "training: {accumulate: 4}"),
        (1, 1, "training: {accumulate: 10}"),
    ],
)
def test_the_batch_that_fits_and_what_to_write(of_ten, images, fitting, advice):
    (need,) = gpu_needs(of_ten, needed(100 + 20 * images) + 1)
    assert (need.fitting, need.advice) == (fitting, advice)


def test_a_device_for_which_one_image_is_too_much(of_ten):
    (need,) = gpu_needs(of_ten, needed(119) - 1)
    assert need.fitting == 0
    assert "not even one image" in need.advice


def test_what_is_not_in_the_table_is_counted():
    own = config("voc2012")
    job = next(job for job in gpu_jobs(own) if job.rule == "orandnet")
    small = job._replace(settings=(job.settings[0].model_copy(update={"crop_size": 64}),))
    assert 0 < peak_mib(small, largest_images(own)) < peak_mib(job, largest_images(own))


@pytest.mark.parametrize(
    ("flops", "moved", "kernels", "seconds"),
    [(142e12, 0, 1, 2), (71e12, 936e9 * 3, 1, 3), (71e12, 936e9, 1_000_000, 1_000_000 * LAUNCH)],
)
def test_the_roofline_is_the_longest_of_three(flops, moved, kernels, seconds):
    found = roofline(CARDS[0], products="bfloat16", flops=flops, moved=moved, kernels=kernels)
    assert found == pytest.approx(seconds)
