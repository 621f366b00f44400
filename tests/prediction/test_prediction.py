"""Prediction: sizes, flips, fusion, variants, and the files it leaves."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import nn

from orandnet.dataset.index import read_index
from orandnet.files.checkpoint import save_weights
from orandnet.files.mask import MaskList, write_mask, write_mask_list
from orandnet.job.training_job import TrainingJob
from orandnet.prediction import stage as prediction
from orandnet.prediction.inference import class_probabilities
from orandnet.prediction.settings import PredictSettings
from orandnet.prediction.variants import variant_masks
from orandnet.prediction.workers import ordered_starmap
from orandnet.segmenter import stage as segmenter
from orandnet.segmenter.deeplab import DeepLab, describe
from orandnet.segmenter.settings import TrainSettings

CPU = torch.device("cpu")
NUM_CLASSES = 3
SCALES = (0.5, 1.0, 1.5)


@pytest.fixture
def settings():
    return TrainSettings(
        backbone={"model": "test_resnet", "pretrained": False}, hidden_channels=8, dilation=1, dropout=0.5
    )


@pytest.fixture
def network(settings):
    torch.manual_seed(0)
    network = DeepLab(settings, num_classes=NUM_CLASSES)
    for convolution in (network.head[0], network.head[3]):
        nn.init.normal_(convolution.weight, std=0.3)  # as sure of itself as a trained network
    return network.eval()


def photograph(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def predict(network, rgb, *, scales=SCALES, flip=True, fusion="mean"):
    return class_probabilities(network, rgb, scales=scales, flip=flip, fusion=fusion, device=CPU)


@pytest.mark.parametrize("fusion", ["mean", "max"])
@pytest.mark.parametrize("size", [(32, 48), (37, 53), (1, 9)])
def test_probabilities_fit_the_image_whatever_its_size(network, size, fusion):
    for probabilities in predict(network, photograph(*size), fusion=fusion).values():
        assert probabilities.shape == (NUM_CLASSES, *size)
        assert probabilities.dtype == np.float32
        assert probabilities.min() >= 0
        np.testing.assert_allclose(probabilities.sum(axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_with_flips_the_mirrored_image_gives_the_mirrored_probabilities(network, fusion):
    rgb = photograph(37, 53)
    straight = predict(network, rgb, fusion=fusion)
    mirrored = predict(network, np.ascontiguousarray(rgb[:, ::-1]), fusion=fusion)
    np.testing.assert_allclose(mirrored["ms"][..., ::-1], straight["ms"], atol=1e-5)
    assert abs(mirrored["ss"][..., ::-1] - straight["ss"]).max() > 1e-3


def test_single_scale_does_not_depend_on_the_other_scales(network):
    rgb = photograph(24, 40)
    alone = predict(network, rgb, scales=(1.0,), flip=False)
    np.testing.assert_allclose(alone["ss"], alone["ms"], atol=1e-6)
    np.testing.assert_allclose(predict(network, rgb)["ss"], alone["ss"], atol=1e-6)


class ByBrightness(nn.Module):
    """Two classes; the logit of class 1 is the same everywhere and differs with the width of the input."""

    def forward(self, rgb, size):
        sure = {4: 2.0, 8: -1.0}[rgb.shape[-1]]
        return torch.stack([torch.zeros(len(rgb), *size), torch.full((len(rgb), *size), sure)], dim=1)


def test_fusion_is_the_mean_or_the_maximum_over_scales():
    small, whole = (1 / (1 + np.exp(-logit)) for logit in (2.0, -1.0))
    rgb = photograph(8, 8)
    for fusion, other, one in (
        ("mean", (1 - small + 1 - whole) / 2, (small + whole) / 2),
        ("max", max(1 - small, 1 - whole), max(small, whole)),
    ):
        fused = predict(ByBrightness(), rgb, scales=(0.5, 1.0), fusion=fusion)["ms"]
        np.testing.assert_allclose(fused[1], one / (one + other), rtol=1e-5)


def test_the_crf_variants_smooth_and_the_others_are_the_arg_max():
    rgb = np.zeros((12, 12, 3), np.uint8)
    rgb[:, 6:] = 255
    single = np.stack([np.full((12, 12), 0.3), np.full((12, 12), 0.7)]).astype(np.float32)
    single[:, 3, 3] = 0.6, 0.4  # a speck of background
    multi = single[::-1].copy()
    settings = PredictSettings()
    masks = variant_masks(
        rgb, {"ss": single, "ms": multi}, variants=settings.variants, crf=settings.crf, min_probability=0.01
    )
    assert list(masks) == ["ss", "ms", "ss_crf", "ms_crf"]
    assert all(mask.dtype == np.uint8 and mask.shape == (12, 12) for mask in masks.values())
    np.testing.assert_array_equal(masks["ss"], single.argmax(axis=0))
    np.testing.assert_array_equal(masks["ms"], multi.argmax(axis=0))
    assert (masks["ss_crf"] == 1).all()
    assert (masks["ms_crf"] == 0).all()


def test_work_in_processes_comes_back_in_order():
    items = [(number, 3) for number in range(7)]
    assert list(ordered_starmap(divmod, items, processes=2)) == [divmod(*item) for item in items]
    assert list(ordered_starmap(divmod, items, processes=0)) == [divmod(*item) for item in items]


@pytest.fixture
def data_set(tmp_path):
    """An index of four images to train on and three to predict, all sizes different, and their masks."""
    (tmp_path / "dataset").mkdir()
    rows = ["image_id,image,mask,split,height,width,labels"]
    for number in range(7):
        name, size = f"i{number}", (20 + number, 31 - number)
        rgb, mask = photograph(*size, seed=number), np.zeros(size, np.uint8)
        rgb[:, 15:], mask[:, 15:] = 255, 1 + number % 2
        Image.fromarray(rgb).save(tmp_path / f"{name}.png")
        write_mask(tmp_path / "masks" / f"{name}.png", mask)
        split = "train" if number < 4 else "val"
        place, label = tmp_path / f"{name}.png", ("cat", "dog")[number % 2]
        rows.append(f"{name},{place},{tmp_path}/masks/{name}.png,{split},{size[0]},{size[1]},{label}")
    write_mask_list(tmp_path / "masks" / "1-of-1.csv", [{"image_id": f"i{number}"} for number in range(4)])
    (tmp_path / "dataset" / "index.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "dataset" / "classes.json").write_text('{"classes": ["cat", "dog"]}')
    masks = {f"i{number}": f"{tmp_path}/masks/i{number}.png" for number in range(len(rows) - 1)}
    ids = {
        "ids": {"0": 0, "1": 1, "2": 2, "255": 255},
        "other_ids": "error",
        "colors": None,
        "turned": {},
        "masks": masks,
    }
    (tmp_path / "dataset" / "ground_truth.json").write_text(json.dumps(ids))
    return tmp_path


def train(folder, name, settings, **options):
    place = folder / name
    job = TrainingJob(place / "weights.safetensors", place / "history.csv", place / ".state", key="1", device="cpu")
    segmenter.run(index=folder / "dataset" / "index.csv", settings=settings, job=job, **options)
    return folder / name / "weights.safetensors"


def test_the_stages_leave_masks_of_the_images_own_sizes(data_set, settings):
    training = {"epochs": 2, "batch_size": 2}
    settings = TrainSettings.model_validate({**settings.model_dump(), "training": training, "crop_size": 24})
    masks = [data_set / "masks" / "1-of-1.csv"]
    weights = train(data_set, "scale", settings, masks=masks, schedule="scale")
    assert not (data_set / "scale" / ".state").exists()
    lists = [data_set / "val" / f"{part}-of-2.csv" for part in (1, 2)]
    for part, output in enumerate(lists, start=1):
        prediction.run(
            index=data_set / "dataset" / "index.csv",
            weights=weights,
            output=output,
            settings=PredictSettings(scales=SCALES),
            split="val",
            shard=f"{part}-of-2",
            device="cpu",
            threads=part,  # the second part runs its CRFs in another process
        )
    predicted = MaskList(lists)
    assert sorted(predicted.image_ids) == ["i4", "i5", "i6"]
    assert predicted.variants == ["ss", "ms", "ss_crf", "ms_crf"]
    for number in (4, 5, 6):
        for variant in predicted.variants:
            mask = predicted.read(f"i{number}", variant)
            assert mask.shape == (20 + number, 31 - number)
            assert mask.max() < NUM_CLASSES


def test_the_fully_supervised_reference_trains_like_masks_of_the_same_content(data_set, settings):
    training = {"epochs": 1, "batch_size": 2}
    settings = TrainSettings.model_validate({**settings.model_dump(), "training": training, "crop_size": 24})
    weak = train(data_set, "weak", settings, masks=[data_set / "masks" / "1-of-1.csv"], schedule="baseline")
    truth = data_set / "dataset" / "ground_truth.json"
    full = train(data_set, "full", settings, masks=[], ground_truth=truth, schedule="baseline")
    assert weak.read_bytes() == full.read_bytes()


def test_a_segmenter_of_other_classes_is_refused(data_set, settings, network):
    weights = data_set / "w.safetensors"
    save_weights(weights, network.state_dict(), describe(settings, ("cow", "dog")))
    with pytest.raises(ValueError, match="train on this data set"):
        prediction.trained_network(weights, read_index(data_set / "dataset" / "index.csv"))


@pytest.mark.parametrize("split", ["train_aug", "test", "vall"])
def test_a_split_without_images_is_an_error_and_leaves_no_list(data_set, settings, network, split):
    weights, output = data_set / "w.safetensors", data_set / "out" / "1-of-1.csv"
    save_weights(weights, network.state_dict(), describe(settings, ("cat", "dog")))
    lines = (data_set / "dataset/index.csv").read_text().splitlines()
    (data_set / "dataset/val.csv").write_text("\n".join(line for line in lines if ",train," not in line) + "\n")
    options = {"weights": weights, "output": output, "settings": PredictSettings(), "device": "cpu"}
    with pytest.raises(ValueError, match=f"split.*'{split}'"):
        prediction.run(index=data_set / "dataset/val.csv", split=split, **options)
    assert not output.exists()


@pytest.mark.parametrize("scales", [(), (0.5, 2.0), (0.0, 1.0)])
def test_scales_must_hold_1(scales):
    with pytest.raises(ValidationError):
        PredictSettings(scales=scales)
