"""What runs again after a change: the stage that was changed and what follows from it, and nothing else.

All but the last test ask for a dry run in the finished tiny run and put everything back.
"""

import os
import signal
import time

import pytest
import yaml

from checkout import TINY, edited
from orandnet.config.sections import load

pytestmark = pytest.mark.pipeline

FUSION = "workflow/orandnet/fusion/probability.py"
LOOP = "workflow/orandnet/training/loop.py"
TABLES = {"tables": 1, "report_charts": 1, "report_page": 1, "tables_and_figures": 1}
REPORT = {**TABLES, "figures": 1}
DOWNSTREAM_OF_MAPS = {
    "pseudo_mask": 6,
    "segmenter": 4,  # not the fully supervised reference
    "prediction": 8,
    "evaluation_prediction": 4,
    **REPORT,
}
FROM_FUSION_ON = {
    "fusion": 4,
    "orandnet": 1,
    "orandnet_cam": 2,
    "irn_labels": 2,
    "irn": 1,
    "irn_walk": 2,
    **DOWNSTREAM_OF_MAPS,
}
TINY_CONFIG = yaml.safe_load(TINY.read_text())


def planned(finished, changes):
    return finished.planned("--configfile", finished.config(changes))


def test_an_unchanged_run_has_nothing_to_do(finished):
    assert finished.planned("--configfile", "tiny.yaml") == {}


@pytest.mark.parametrize(
    ("changes", "jobs"),
    [
        ({"evaluation": {"num_thresholds": 51}}, {"evaluation_cam": 7, **TABLES}),
        ({"report": {"panels": 1}}, REPORT),
        (
            {"segmenter": {"label_smoothing": 0.2}},
            {"segmenter": 6, "prediction": 12, "evaluation_prediction": 6, **TABLES},
        ),
        (
            {"segmenter": {"scale_schedule": {"fraction": 0.4}}},
            {"segmenter": 3, "prediction": 6, "evaluation_prediction": 3, **TABLES},
        ),
        ({"prediction": {"flip": False}}, {"prediction": 12, "evaluation_prediction": 6, **TABLES}),
        (
            {"pseudo_mask": {"overrides": {"ours+irn": 0.4}}},
            {
                "pseudo_mask": 2,
                "evaluation_cam": 1,
                "segmenter": 2,
                "prediction": 4,
                "evaluation_prediction": 2,
                **REPORT,
            },
        ),
        (
            {"irn": {"walk": {"beta": 8}}},
            {
                "irn_walk": 2,
                "pseudo_mask_otsu": 1,
                "pseudo_mask": 2,
                "evaluation_cam": 1,
                "segmenter": 2,
                "prediction": 4,
                "evaluation_prediction": 2,
                **REPORT,
            },
        ),
        (
            {"sources": {"vit": {"cam": {"power": 0.5}}}},
            {"cam": 2, "pseudo_mask_otsu": 6, "evaluation_cam": 6, **FROM_FUSION_ON},
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_changed_key_runs_its_stage_and_what_follows(finished, changes, jobs):
    assert planned(finished, changes) == jobs


def test_another_seed_leaves_the_first_seeds_work_and_the_data_set_alone(finished):
    jobs = planned(finished, {"seeds": [0, 1]})
    assert "dataset" not in jobs
    assert jobs["classifier"] == 2
    assert jobs["segmenter"] == 6


def test_a_new_row_of_the_tables_runs_that_row_alone(finished):
    jobs = planned(finished, {"segmenter": {"methods": {"vit": "vit"}}})
    assert jobs == {"pseudo_mask": 2, "segmenter": 2, "prediction": 4, "evaluation_prediction": 2, **REPORT}


def test_more_threads_run_nothing_again(finished):
    assert planned(finished, {"threads": 2}) == {}


def test_another_number_of_shards_splits_inference_anew_but_trains_no_classifier(finished):
    jobs = planned(finished, {"shards": 3})
    assert "classifier" not in jobs
    assert "dataset" not in jobs
    assert jobs["cam"] == 6


def test_another_number_of_jobs_for_a_prediction_predicts_anew_and_touches_nothing_else(finished):
    jobs = planned(finished, {"prediction": {"shards": 1}})
    assert jobs.pop("prediction") == jobs.pop("evaluation_prediction") > 0
    assert jobs == TABLES


def test_spelling_out_every_default_runs_nothing_again(finished):
    config = load(TINY_CONFIG)
    complete = config.model_dump(mode="json")
    for name, source in complete["sources"].items():  # a ViT has defaults of its own, which the sections would overrule
        source["classifier"] = config.classifier_of(name).model_dump(mode="json")
        source["cam"] = config.cam_of(name).model_dump(mode="json")
    assert finished.planned("--configfile", finished.write_config(complete)) == {}


def test_the_order_of_keys_and_the_spelling_of_numbers_run_nothing_again(finished):
    config = reversed_keys(TINY_CONFIG)
    for section in ("sources", "ensembles"):  # their order is the order of the tables' rows
        config[section] = {name: config[section][name] for name in TINY_CONFIG[section]}
    config["segmenter"]["methods"] = TINY_CONFIG["segmenter"]["methods"]
    config["segmenter"]["training"]["learning_rate"] = "0.1e-2"
    assert list(config) != list(TINY_CONFIG)
    assert finished.planned("--configfile", finished.write_config(config)) == {}


def reversed_keys(content):
    if isinstance(content, dict):
        return {key: reversed_keys(content[key]) for key in reversed(content)}
    return content


def test_an_edit_of_the_fusion_runs_fusion_and_what_follows(finished):
    with edited(finished.folder / FUSION, "_sum(*cams) /", "1.0 * _sum(*cams) /"):
        jobs = finished.planned("--configfile", "tiny.yaml")
    assert jobs == {"pseudo_mask_otsu": 5, "evaluation_cam": 5, **FROM_FUSION_ON}


def test_an_edit_of_the_confusion_matrix_runs_the_evaluations_only(finished):
    with edited(
        finished.folder / "workflow/orandnet/evaluation/confusion.py",
        "import numpy as np\n",
        "import numpy as np\n\nADDED = 1\n",
    ):
        jobs = finished.planned("--configfile", "tiny.yaml")
    assert jobs == {"evaluation_cam": 7, "evaluation_prediction": 6, **TABLES}


def test_comments_and_docstrings_run_nothing_again(finished):
    sources = {path: path.read_text() for suffix in (".py", ".smk") for path in finished.sources(suffix)}
    assert len(sources) > 50
    for path, text in sources.items():
        path.write_text(f"{text}\n\n# a remark\n")
    try:
        with edited(
            finished.folder / FUSION, '"""Return the mean of the members', '"""Return, as ever, the mean of the members'
        ):
            assert finished.planned("--configfile", "tiny.yaml") == {}
    finally:
        for path, text in sources.items():
            path.write_text(text)


def test_dates_alone_run_nothing_again(finished):
    kept = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()}
    kept = {path: date for path, date in kept.items() if ".snakemake" not in path.parts}
    latest = max(kept.values())
    assert max(path.stat().st_size for path in finished.results.rglob("*.safetensors")) > 1_000_000
    try:
        for path, date in kept.items():  # every input becomes newer than what was made from it
            os.utime(path, ns=(2 * latest - date, 2 * latest - date))
        assert finished.planned("--configfile", "tiny.yaml") == {}
    finally:
        for path, date in kept.items():
            os.utime(path, ns=(date, date))


RUNS = ("whole", "stopped", "killed")


def test_a_training_stopped_or_killed_half_way_goes_on_and_ends_with_the_same_bytes(fresh):
    with edited(fresh.folder / LOOP, "SECONDS_BETWEEN_STATES = 60.0", "SECONDS_BETWEEN_STATES = 0.0"):
        whole, stopped, killed = (fresh.folder / f"results/{run}/classifier/vit/seed0" for run in RUNS)
        fresh.run(*training(fresh, "whole"))
        # Ctrl-C reaches all processes of a terminal
        end_half_way(fresh.start(*training(fresh, "stopped")), stopped / ".state/state.safetensors", signal.SIGINT)
        fresh.run(*training(fresh, "stopped"))
        # as a machine that fails
        end_half_way(fresh.start(*training(fresh, "killed")), killed / ".state/state.safetensors", signal.SIGKILL)
        assert not (killed / "weights.safetensors").exists()
        fresh.run("--unlock", "--configfile", "changed.yaml")
        fresh.run(*training(fresh, "killed"))
    for folder in (stopped, killed):
        for name in ("weights.safetensors", "history.csv"):
            assert (folder / name).read_bytes() == (whole / name).read_bytes()
        assert not (folder / ".state").exists()
    assert num_steps(fresh, "whole") == 60
    assert 0 < num_steps(fresh, "stopped") < 60
    assert 0 < num_steps(fresh, "killed") < 60


def training(checkout, run):
    """Return the arguments that train one classifier for 60 steps."""
    config = checkout.config({"run": run, "classifier": {"training": {"epochs": 20}}})
    return ("--cores", 2, "--configfile", config, "--", f"results/{run}/classifier/vit/seed0/weights.safetensors")


def end_half_way(process, state, number):
    """Send a signal to `snakemake` and its jobs once a state has been saved."""
    while not state.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    os.killpg(process.pid, number)
    process.communicate(timeout=120)
    assert process.returncode != 0


def num_steps(checkout, run):
    """Return how many steps the last job of a training did."""
    log = checkout.folder / f"results/{run}/logs/classifier/vit/seed0.log"
    return int(log.read_text().split("done, ")[1].split()[0])
