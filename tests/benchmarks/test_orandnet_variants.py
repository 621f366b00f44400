"""Variants of ORANDNet: the one that changes nothing has the package's bytes, and the others see what they should."""

import numpy as np
import pytest
import torch

import orandnet_variants
import variant_trainings
from orandnet.dataset.index import Record
from orandnet.files.store import Cam, CamStore, write_shard
from orandnet.job.training_job import TrainingJob
from orandnet.orandnet import stage
from orandnet.orandnet.samples import CamSamples
from orandnet.orandnet.settings import Settings

SETTINGS = Settings(architecture="unet", width=4, input_stride=4, crop_size=10, training={"epochs": 2, "batch_size": 2})


@pytest.fixture(scope="module")
def examples():
    """Three images with one, two and no class, the first grid larger than the window and the second smaller."""
    made, generator = [], np.random.default_rng(0)
    for number, (classes, grid) in enumerate([([1], (12, 14)), ([1, 3], (7, 11)), ([], (5, 5))]):
        a, b = generator.random((2, len(classes), *grid), dtype=np.float32)
        fused = {"or": 1 - (1 - a) * (1 - b), "and": a * b, "mean": (a + b) / 2}
        size = (4 * grid[0], 4 * grid[1])
        cams = {
            name: variant_trainings.stored(Cam(str(number), np.array(classes, np.int64), scores, size))
            for name, scores in fused.items()
        }
        record = Record(str(number), "", "train", size, tuple(classes))
        image = generator.random((3, *grid), dtype=np.float32)
        made.append(variant_trainings.Example(record, cams, np.stack([a, b], axis=1), image))
    return made


@pytest.fixture(scope="module")
def shards(examples, tmp_path_factory):
    paths = {operator: tmp_path_factory.mktemp("cams") / f"{operator}.npz" for operator in ("or", "and")}
    for operator, path in paths.items():
        write_shard(path, [example.cams[operator] for example in examples])
    return paths


def test_samples_are_those_of_the_package(examples, shards):
    theirs = CamSamples(CamStore([shards["or"]]), CamStore([shards["and"]]), SETTINGS)
    maps = [variant_trainings.channels(example, orandnet_variants.VARIANTS["or_and"], {}) for example in examples]
    ours = variant_trainings.Samples(maps, SETTINGS)
    assert len(ours.maps) == len(theirs) == 3
    for position in range(3):
        for seed in range(8):
            pairs = zip(*(its(position, np.random.default_rng(seed), 0.0) for its in (ours, theirs)), strict=True)
            assert all(a.equal(b) for a, b in pairs)


def test_or_and_is_trained_to_the_bytes_of_the_stage(examples, shards, tmp_path):
    jobs = [TrainingJob(tmp_path / n, tmp_path / f"{n}.csv", tmp_path / f"{n}.state", "", device="cpu") for n in "ab"]
    stage.train(or_cams=[shards["or"]], and_cams=[shards["and"]], settings=SETTINGS, job=jobs[0])
    variant_trainings.trained(examples, orandnet_variants.VARIANTS["or_and"], {}, SETTINGS, jobs[1])
    assert jobs[0].output.read_bytes() == jobs[1].output.read_bytes()


@pytest.mark.parametrize(("name", "inputs"), [("or_and", 1), ("members", 2), ("members_image", 5), ("agreement", 1)])
def test_a_variant_sees_its_inputs_and_gives_a_map_for_each_class(examples, tmp_path, name, inputs):
    variant, sure = orandnet_variants.VARIANTS[name], {"and": 0.3, "or": 0.5}
    job = TrainingJob(tmp_path / "w", tmp_path / "h.csv", tmp_path / "state", "", device="cpu")
    network = variant_trainings.trained(examples[:2], variant, sure, SETTINGS, job)
    for example in examples:
        assert variant_trainings.inputs_of(example, variant.inputs).shape[1] == inputs
        cam = variant_trainings.refined(network, example, variant.inputs, SETTINGS, torch.device("cpu"))
        assert cam.scores.shape == example.cams["or"].scores.shape


def test_the_target_of_agreement_is_what_both_thresholds_tell_alike():
    scores = {"and": [0.6, 0.1, 0.1, 0.6], "or": [0.9, 0.2, 0.9, 0.4]}
    cams = {name: Cam("", np.array([1]), np.array([[row]], np.float32), (4, 16)) for name, row in scores.items()}
    example = variant_trainings.Example(None, cams, np.zeros((1, 2, 1, 4)), np.zeros((3, 1, 4)))
    target, weight = variant_trainings.targets(example, "agreement", {"and": 0.5, "or": 0.5})
    assert weight.ravel().tolist() == [1, 1, 0, 0]
    assert target.ravel().tolist()[:2] == [1, 0]


def row(variant, seed, miou):
    measures = dict.fromkeys(orandnet_variants.MEASURES, miou)
    return {"run": "demo", "ensemble": "ours", "limit": "", "variant": variant, "seed": seed, "steps": "9"} | measures


def test_variants_are_held_against_the_mean_seed_by_seed():
    rows = [row("mean", "0", "50"), row("mean", "1", "60"), row("members", "0", "51"), row("members", "1", "63")]
    mean, members = list(orandnet_variants.table(rows))[2:]
    assert mean.endswith("| 55.0 ± 7.1 |  |  |")
    assert members.endswith("| 57.0 ± 8.5 | +2.0 ± 1.4 | +2.0 ± 1.4 |")


def test_other_forms_of_orandnet_are_refused():
    orandnet_variants.check(SETTINGS)
    with pytest.raises(ValueError, match="fcn8s_vgg16"):
        orandnet_variants.check(SETTINGS.model_copy(update={"architecture": "fcn8s_vgg16"}))
