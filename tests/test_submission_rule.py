"""The rule of the submission: archives are made where the test split is predicted, and can be asked for anywhere."""

import pytest

pytestmark = pytest.mark.pipeline
TEST_IMAGES = {"dataset": {"scenes": {"num_test": 4}}}


def test_a_run_that_predicts_the_test_split_ends_with_archives(fresh):
    config = fresh.config({**TEST_IMAGES, "prediction": {"splits": ["val", "test"]}})
    assert fresh.planned("--configfile", config)["submission"] == 3
    assert "submission" not in fresh.planned("--configfile", "tiny.yaml")


def test_the_archive_of_one_method_is_a_target(fresh):
    config = fresh.config(
        {**TEST_IMAGES, "segmenter": {"schedules": ["baseline"]}, "report": {"segmentation_schedule": "baseline"}}
    )
    archive = "results/tiny/submission/naive.tar.gz"
    fresh.run("--cores", 2, "--configfile", config, "--", archive)
    assert (fresh.folder / archive).stat().st_size > 0
