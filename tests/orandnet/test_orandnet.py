"""ORANDNet: shapes, losses, samples, and the stage from two stores to the refined CAM."""

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from orandnet import cli
from orandnet.files.checkpoint import save_weights
from orandnet.files.store import CamStore, write_shard
from orandnet.orandnet.loss import bce, official_softmax
from orandnet.orandnet.maps import at_stride, network_inputs, refine
from orandnet.orandnet.network import FIXED_OFFSETS, bilinear_kernel, create_network, crop
from orandnet.orandnet.samples import CamSamples
from orandnet.orandnet.settings import Settings
from random_cams import random_cam, random_shard

CPU = torch.device("cpu")
UNET = Settings(architecture="unet", width=4, input_stride=4, crop_size=8)


@pytest.mark.parametrize("size", [(40, 56), (37, 51), (3, 5), (1, 1)])
@pytest.mark.parametrize("inputs", [["or"], ["or", "others"]])
def test_the_unet_gives_a_map_of_its_inputs_size_and_learns_in_every_layer(size, inputs):
    network = create_network(UNET.model_copy(update={"inputs": inputs}))
    logits = network(torch.rand(2, len(inputs), *size))
    assert logits.shape == (2, 1, *size)
    logits.square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_classes_do_not_mix_in_a_batch():
    network, maps = create_network(UNET).eval(), torch.rand(3, 1, 10, 14)
    with torch.no_grad():
        torch.testing.assert_close(network(maps)[1:2], network(maps[1:2]))


@pytest.mark.parametrize("size", [(40, 56), (37, 51), (1, 1), (281, 500)])
def test_fcn8s_gives_a_map_of_its_inputs_size(size):
    with torch.device("meta"):  # shapes without numbers: the network has 134 million weights
        network = create_network(Settings(pretrained=False, inputs=["or", "others"]))
        assert network(torch.rand(3, 2, *size)).shape == (3, 1, *size)


def pooled(length):
    """Sides of pool3, of pool4, of fc7's score at stride 16, of the sum at stride 8, and of the output at stride 1."""
    sides = [length + 198]
    for _ in range(5):
        sides.append(-(-sides[-1] // 2))
    coarse = 2 * (sides[5] - 6) + 2
    return sides[3], sides[4], coarse, 2 * coarse + 2, 8 * (2 * coarse + 2) + 8


@pytest.mark.parametrize(
    ("height", "offsets"),
    [(281, (5, 9, 31)), (333, (5, 8, 37)), (375, (5, 9, 32)), (500, (5, 9, 34)), (188, (4, 7, 46))],
)
def test_the_crops_of_the_release_follow_the_height_and_fit_any_width(height, offsets):
    pool3, pool4, coarse, fine, full = pooled(height)
    sides = ((pool4, coarse), (pool3, fine), (full, height))
    for (whole, part), offset, fixed in zip(sides, offsets, FIXED_OFFSETS, strict=True):
        maps = torch.arange(whole).view(1, 1, -1, 1).expand(1, 1, whole, whole)
        shape = torch.Size((1, 1, part, 7))
        found = [crop(maps, shape, choice)[0, 0, :, 0] for choice in (None, fixed)]
        assert [rows[0].item() for rows in found] == [offset, fixed]
        assert all(len(rows) == part for rows in found)


@pytest.mark.parametrize("size", [(188, 40), (333, 500), (37, 511)])
def test_fcn8s_with_the_crops_of_the_release_gives_a_map_of_its_inputs_size(size):
    with torch.device("meta"):
        network = create_network(Settings(pretrained=False, crops="official"))
        assert network(torch.rand(1, 1, *size)).shape == (1, 1, *size)


def test_the_gradient_of_fcn8s_reaches_the_first_layer():
    with torch.device("meta"):
        network = create_network(Settings(pretrained=False)).eval().requires_grad_(False)
    network.to_empty(device="cpu")
    for parameter in network.parameters():
        parameter.fill_(1 / parameter[0].numel())  # drawing them takes many seconds
    first = network.to_pool3[0].requires_grad_(True)  # the gradient must pass all others to reach it
    network(torch.rand(1, 1, 9, 14)).square().sum().backward()
    assert first.weight.shape == (64, 1, 3, 3)
    assert first.weight.grad.abs().max() > 0


def test_the_bilinear_kernel_keeps_a_plain_map_plain():
    layer = torch.nn.ConvTranspose2d(1, 1, 4, stride=2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(bilinear_kernel(4))
        enlarged = layer(torch.ones(1, 1, 5, 5))
    torch.testing.assert_close(enlarged[..., 2:-2, 2:-2], torch.ones(1, 1, 8, 8))
    torch.testing.assert_close(bilinear_kernel(3)[0, 0, 1], torch.tensor([0.5, 1.0, 0.5]))


def test_bce_is_smallest_where_the_sigmoid_is_the_target():
    target = torch.tensor([0.1, 0.5, 0.9]).view(1, 1, 1, 3)
    logits = target.logit().requires_grad_()
    bce(logits, target, torch.ones_like(target)).backward()
    torch.testing.assert_close(logits.grad, torch.zeros_like(target), atol=1e-7, rtol=0)
    best = bce(target.logit(), target, torch.ones_like(target))
    for shift in (-0.5, 0.5):
        assert bce(target.logit() + shift, target, torch.ones_like(target)) > best


def test_bce_does_not_see_what_has_no_weight():
    generator = torch.Generator().manual_seed(0)
    logits, target = torch.randn(2, 1, 4, 4, generator=generator), torch.rand(2, 1, 4, 4, generator=generator)
    weight = torch.zeros(2, 1, 4, 4)
    weight[:, :, :2] = 1
    expected = bce(logits[:, :, :2], target[:, :, :2], weight[:, :, :2])
    target[:, :, 2:] = 0.5
    torch.testing.assert_close(bce(logits, target, weight), expected)
    assert bce(logits, target, 0 * weight) == 0


def test_bce_takes_targets_that_an_unclipped_offset_raised_above_one():
    above, one = (torch.full((1, 1, 2, 2), value) for value in (1.3, 1.0))
    torch.testing.assert_close(bce(one, above, one), bce(one, one, one))


def test_the_official_loss_teaches_nothing_on_images_of_one_class():
    logits = torch.randn(1, 1, 4, 5, requires_grad=True)
    loss = official_softmax(logits, torch.rand(1, 1, 4, 5), torch.ones(1))
    loss.backward()
    assert loss == 0
    assert logits.grad.abs().max() == 0


def test_the_official_loss_is_the_soft_cross_entropy_over_the_classes():
    logits, target = torch.randn(3, 1, 4, 5), torch.rand(3, 1, 4, 5)
    expected = -(target * logits.log_softmax(dim=0)).sum(dim=0).mean()
    torch.testing.assert_close(official_softmax(logits, target, torch.ones(1)), expected)


def test_others_is_the_largest_of_the_other_classes():
    scores = np.array([[[0.1, 0.9]], [[0.5, 0.2]], [[0.3, 0.4]]], np.float32)
    inputs = network_inputs(scores, ["or", "others"])
    np.testing.assert_array_equal(inputs[:, 0], scores)
    np.testing.assert_array_equal(inputs[:, 1], np.array([[[0.5, 0.4]], [[0.3, 0.9]], [[0.5, 0.9]]], np.float32))
    np.testing.assert_array_equal(network_inputs(scores[:1], ["others"]), np.zeros((1, 1, 1, 2)))
    assert network_inputs(scores[:0], ["or", "others"]).shape == (0, 2, 1, 2)


def test_maps_are_brought_to_the_size_of_the_image_or_left_on_the_grid():
    cam = random_cam("a")
    maps = torch.from_numpy(network_inputs(cam.scores, ["or"]))
    assert at_stride(maps, cam, 1).shape == (2, 1, 24, 33)
    assert at_stride(maps, cam, 4) is maps


@pytest.fixture
def stores(tmp_path):
    """OR and AND stores of an image with one and one with three classes."""
    for name in ("or", "and"):
        cams = [random_cam("a", (2,)), random_cam("b", (1, 3, 4), (30, 19))]
        half = [cam._replace(scores=cam.scores if name == "or" else cam.scores**2) for cam in cams]
        write_shard(tmp_path / name / "1-of-1.npz", half)
    return tmp_path / "or" / "1-of-1.npz", tmp_path / "and" / "1-of-1.npz"


def samples_of(stores, **changes):
    return CamSamples(*(CamStore([path]) for path in stores), UNET.model_copy(update=changes))


@pytest.mark.parametrize("size", [5, 8, 40])
def test_a_sample_is_a_class_seen_through_one_window_in_all_maps(stores, size):
    samples = samples_of(stores, crop_size=size, inputs=["or", "others"])
    assert len(samples) == 4
    for position in range(4):
        maps, target, weight = samples(position, np.random.default_rng(position), 0.5)
        assert maps.shape == (1, 2, size, size)
        assert target.shape == weight.shape == (1, 1, size, size)
        assert {part.dtype for part in (maps, target, weight)} == {torch.float32}
        torch.testing.assert_close(target, maps[:, :1] ** 2, atol=1e-3, rtol=0)
        assert set(weight.unique().tolist()) <= {0.0, 1.0}
        assert maps[(weight == 0).expand_as(maps)].sum() == 0
    assert weight.sum() == min(size, 8) * min(size, 5)


def test_the_generator_alone_decides_flip_and_window(stores):
    samples = samples_of(stores, crop_size=5)
    first, again, other = (samples(1, np.random.default_rng(seed), 0.0)[0] for seed in (0, 0, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_map_of_a_few_cells_is_learnt_from_without_a_crop(tmp_path):
    for name in ("or", "and"):
        write_shard(tmp_path / f"{name}.npz", [random_cam("a", (2,), (16, 13))])
    settings = UNET.model_copy(update={"crop_size": None})
    maps, target, weight = samples_of((tmp_path / "or.npz", tmp_path / "and.npz"), crop_size=None)(
        0, np.random.default_rng(0), 0.0
    )
    assert weight.sum() == 16
    create_network(settings).train()(maps).sum().backward()
    assert target.shape == maps.shape


def test_the_official_loss_takes_whole_images_with_all_their_classes(stores):
    samples = samples_of(stores, crop_size=None, loss="official_softmax", input_stride=1)
    assert [len(samples(position, np.random.default_rng(0), 0.0)[0]) for position in range(len(samples))] == [1, 3]
    assert samples(1, np.random.default_rng(0), 0.0)[1].shape == (3, 1, 30, 19)


@pytest.mark.parametrize("random_flip", [True, False])
def test_maps_are_mirrored_only_where_asked_for(stores, random_flip):
    samples = samples_of(stores, crop_size=None, random_flip=random_flip)
    plain = torch.from_numpy(samples.or_store["a"].scores)
    seen = [samples(0, np.random.default_rng(seed), 0.0)[0][0] for seed in range(12)]
    mirrored = [bool((maps == plain.flip(-1)).all()) for maps in seen]
    assert any(mirrored) == random_flip
    assert all(flipped or (maps == plain).all() for flipped, maps in zip(mirrored, seen, strict=True))


def test_or_and_and_stores_of_different_labels_are_refused(stores, tmp_path):
    write_shard(tmp_path / "other.npz", [random_cam("a", (2,)), random_cam("b", (1, 3), (30, 19))])
    samples = samples_of((stores[0], tmp_path / "other.npz"))
    with pytest.raises(ValueError, match=r"b: OR CAM and AND CAM differ in their classes"):
        samples(1, np.random.default_rng(0), 0.0)


@pytest.mark.parametrize(
    "changes", [{}, {"input_stride": 1}, {"divide_by_max": True}, {"loss": "official_softmax", "inputs": ["others"]}]
)
def test_a_refined_cam_keeps_image_classes_grid_and_range(changes):
    settings, cam = UNET.model_copy(update=changes), random_cam("a", (1, 3, 4), (30, 19))
    refined = refine(create_network(settings).eval(), cam, settings, CPU)
    assert (refined.image_id, refined.size) == ("a", (30, 19))
    np.testing.assert_array_equal(refined.classes, cam.classes)
    assert refined.scores.shape == cam.scores.shape
    assert 0 <= refined.scores.min() <= refined.scores.max() <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"crop_size": None, "training": {"batch_size": 2}},
        {"crop_size": 16, "loss": "official_softmax", "training": {"batch_size": 2}},
    ],
)
def test_maps_of_different_sizes_are_not_put_in_one_batch(changes):
    with pytest.raises(ValidationError, match=r"training\.batch_size must be 1"):
        Settings.model_validate(changes)


TINY = {
    "architecture": "unet",
    "width": 4,
    "input_stride": 4,
    "crop_size": 8,
    "training": {"epochs": 6, "batch_size": 4, "optimizer": "adamw", "learning_rate": 0.01, "max_iterations": None},
}


def run_stage(folder, settings):
    """Train and refine through the command line; return the bytes of what came out."""
    (folder / "in").mkdir(parents=True)
    image_ids = [f"i{number}" for number in range(6)]
    seen = random_shard(folder / "in" / "or.npz", image_ids)
    cams = [CamStore([seen])[image_id] for image_id in image_ids]
    write_shard(folder / "in" / "and.npz", (cam._replace(scores=cam.scores**2) for cam in cams))
    weights, history, refined = folder / "weights.safetensors", folder / "history.csv", folder / "cam" / "1-of-1.npz"
    options = ["--settings", json.dumps(settings), "--device", "cpu"]
    stores = ["--or-cams", str(seen), "--and-cams", str(folder / "in" / "and.npz")]
    outputs = ["--output", str(weights), "--history-output", str(history)]
    cli.main(["orandnet", "train", *stores, *outputs, *options, "--random-seed", "3"])
    cli.main(["orandnet", "cam", "--weights", str(weights), *stores[:2], "--output", str(refined), *options])
    return [path.read_bytes() for path in (weights, history, refined)]


def test_the_stage_learns_writes_manifests_and_gives_the_same_bytes_again(tmp_path):
    first = run_stage(tmp_path / "1", TINY)
    assert run_stage(tmp_path / "2", TINY) == first
    assert not (tmp_path / "1" / ".state").exists()
    rows = first[1].decode().splitlines()
    assert rows[0] == "epoch,learning_rate,loss"
    assert float(rows[-1].split(",")[2]) < float(rows[1].split(",")[2])
    manifest = json.loads((tmp_path / "1" / "weights.manifest.json").read_text())
    assert manifest["stage"] == "orandnet train"
    assert manifest["random_seed"] == 3
    assert manifest["settings"]["settings"]["width"] == 4
    refined = json.loads((tmp_path / "1" / "cam" / "1-of-1.manifest.json").read_text())
    assert list(refined["inputs"]["weights"].values()) == [manifest["outputs"][str(tmp_path / "1/weights.safetensors")]]
    store = CamStore([tmp_path / "1" / "cam" / "1-of-1.npz"])
    assert store.image_ids == [f"i{number}" for number in range(6)]


def test_weights_of_another_network_are_refused(tmp_path, capsys):
    save_weights(tmp_path / "w", {"a": torch.zeros(1)}, {"classifier": "{}"})
    seen = random_shard(tmp_path / "or.npz", ["a"])
    files = ["--weights", str(tmp_path / "w"), "--or-cams", str(seen), "--output", str(tmp_path / "o.npz")]
    with pytest.raises(SystemExit, match="1"):
        cli.main(["orandnet", "cam", *files, "--settings", "{}"])
    assert "w: holds no ORANDNet; give the weights that" in capsys.readouterr().err
