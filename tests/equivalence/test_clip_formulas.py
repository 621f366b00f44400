"""CAMs of a small CLIP against the formulas of CLIP-ES."""

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from cam.small_clip import CONFIG, MODEL
from equivalence import clip_formulas
from orandnet.cam.clip import affinity
from orandnet.cam.clip.features import WordFeatures
from orandnet.cam.clip.maps import clip_maps, localisation
from orandnet.cam.clip.network import ClipNetwork
from orandnet.cam.clip.settings import ClipBackbone, ClipSettings
from orandnet.maps.score_maps import resize_maps

CLASSES = [(1, 3), (2,)]
SHAPE = (40, 56)  # 5 x 7 patches, where the model was made for 4 x 4
SETTINGS = ClipSettings(scales=[1.0], flip=False, attention_blocks=2, backbone=MODEL | {"pretrained": False})


@pytest.fixture(scope="module")
def network():
    """A network whose weights are waves, so that no map is flat; no random number is drawn."""
    backbone = ClipBackbone(**MODEL, pretrained=False)
    wave = np.sin(1.7 * np.arange(7 * CONFIG["embed_dim"])).reshape(7, -1).astype(np.float32)
    wave /= np.linalg.norm(wave, axis=1, keepdims=True)
    network = ClipNetwork(backbone, WordFeatures(wave[:3], wave[3:], 20.0))
    with torch.no_grad():
        for number, (name, parameter) in enumerate(network.model.named_parameters()):
            values = torch.arange(parameter.numel(), dtype=torch.float64).mul(0.7 + 0.13 * number).sin()
            norm = "norm" in name and name.endswith("weight")
            scale = 0.05 if parameter.ndim < 2 else 3.0 / parameter[0].numel() ** 0.5
            parameter.copy_((values * scale + norm).view(parameter.shape))
    return network


def images(height, width):
    y, x, channel = np.mgrid[:height, :width, :3]
    waves = [np.sin(y / 5 + channel + k) * np.cos(x / 7 - channel * k) for k in (1, 2)]
    return torch.from_numpy(((np.stack(waves) + 1) * 127).astype(np.uint8).transpose(0, 3, 1, 2).copy())


def expected(network, rgb, classes, settings):
    """Return each image's maps, by the formulas, from the tokens before its last block."""
    model, seen, attentions = network.model, [], []
    hooks = [block.register_forward_pre_hook(lambda _, given: seen.append(given[0].double())) for block in model.blocks]
    with torch.no_grad():
        model(network.normalise(rgb))
    for hook in hooks:
        hook.remove()
    found = []
    for image, own in enumerate(classes):
        words = torch.cat([network.words[[number - 1 for number in own]], network.words[3:]])
        attentions = []
        for block, tokens in zip(model.blocks, seen, strict=True):
            normed = clip_formulas.layer_norm(block.norm1, tokens[image])
            heads = block.attn.num_heads
            query, key, _ = (
                clip_formulas.linear(block.attn.qkv, normed).view(len(normed), 3, heads, -1).permute(1, 2, 0, 3)
            )
            attentions.append((query @ key.mT / key.shape[-1] ** 0.5).softmax(dim=-1).mean(dim=0)[1:, 1:].numpy())
        maps = []
        for target in range(len(own)):
            flat = clip_formulas.grad_cam(model, seen[-1][image], words, target, network.scale)
            cam = clip_formulas.min_max(flat.view(5, 7).numpy())
            if settings.refine:
                spread = np.mean(attentions[-settings.attention_blocks :], axis=0)
                cam = clip_formulas.min_max(clip_formulas.refine(cam, spread, settings.box_threshold))
            maps.append(cam)
        found.append(np.stack(maps))
    return found


@pytest.mark.parametrize("refine", [False, True])
def test_maps_are_those_of_the_formulas(network, refine):
    rgb, settings = images(*SHAPE), SETTINGS.model_copy(update={"refine": refine})
    ours = localisation(network, rgb, CLASSES, settings)
    assert ours.shape == (2, 2, 5, 7)
    for found, own, formula in zip(ours, CLASSES, expected(network, rgb, CLASSES, settings), strict=True):
        assert 0.05 < formula.mean() < 0.95
        np.testing.assert_allclose(found[: len(own)].numpy(), formula, atol=2e-4)


def test_a_class_has_another_map_beside_another_label(network):
    rgb = images(*SHAPE)
    alone, beside = (localisation(network, rgb, [own, (2,)], SETTINGS)[0, 0] for own in ((1,), (1, 3)))
    assert (alone - beside).abs().max() > 1e-3


def test_the_gradient_does_not_vanish_where_the_softmax_is_sure(network):
    """With a factor of 20,000 the score of the first class is 0 or 1 to the last digit of float32."""
    rgb, scale = images(*SHAPE), network.scale
    network.scale = 2e4
    try:
        maps = localisation(network, rgb, [(1, 2, 3), (1, 2, 3)], SETTINGS.model_copy(update={"refine": False}))
    finally:
        network.scale = scale
    assert torch.isfinite(maps).all()
    assert (maps.amax(dim=(2, 3)) > 0.99).sum() >= 4  # a class that no patch speaks for has an empty map


def test_scales_and_mirror_images_are_summed_on_the_grid(network):
    rgb = images(37, 50)  # sides are rounded up to whole patches: 40 x 56 and 56 x 80
    settings = SETTINGS.model_copy(update={"scales": [1.0, 1.5], "flip": True})
    found = clip_maps(network, rgb, CLASSES, settings)
    assert [tuple(maps.shape) for maps in found] == [(2, 10, 13), (1, 10, 13)]
    total = torch.zeros(2, 2, 10, 13)
    for shape in ((40, 56), (56, 80)):
        image = torch.nn.functional.interpolate(rgb, shape, mode="bicubic", align_corners=False, antialias=True)
        for flip in (False, True):
            maps = localisation(network, image.flip(-1) if flip else image, CLASSES, settings)
            total += resize_maps(maps.flip(-1) if flip else maps, (10, 13))
    for maps, own, one in zip(found, CLASSES, total, strict=True):
        torch.testing.assert_close(maps, one[: len(own)], atol=1e-5, rtol=1e-4)


def test_half_precision_before_the_last_block_leaves_the_maps_where_they_are(network):
    """With the random weights of a start, which do not blow up a rounded digit as waves do."""
    words = WordFeatures(network.words[:3].float().numpy(), network.words[3:].float().numpy(), 100.0)
    started = ClipNetwork(ClipBackbone(**MODEL, pretrained=False), words)
    for parameter in started.model.parameters():
        parameter.mul_(2.5 if parameter.ndim > 1 else 1)
    rgb = images(*SHAPE)
    exact = localisation(started, rgb, CLASSES, SETTINGS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = localisation(started, rgb, CLASSES, SETTINGS)
    assert rounded.dtype == torch.float32
    assert 0 < (exact - rounded).abs().mean() < 0.02


def test_affinity_is_symmetric_and_its_rows_sum_to_about_one():
    attention = torch.rand(2, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(dim=-1)
    found = affinity.affinity(attention)
    torch.testing.assert_close(found, found.mT)
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(2, 12, dtype=torch.float64), atol=1e-3, rtol=0)
    # it is what many more steps would give, to three digits
    torch.testing.assert_close(affinity.sinkhorn(attention), affinity.sinkhorn(attention, 50), atol=1e-4, rtol=0)


def test_boxes_are_those_of_parts_that_touch_at_a_corner():
    cam = np.zeros((6, 9))
    cam[0, 0] = cam[1, 1] = cam[1, 2] = 1.0
    cam[4, 8], cam[5, 6] = 0.5, 0.41
    cam[3, 0] = 0.4  # not above the threshold
    expected = np.zeros((6, 9), dtype=bool)
    expected[:2, :3] = expected[4, 8] = expected[5, 6] = True
    np.testing.assert_array_equal(affinity.boxes(cam, 0.4), expected)
    assert not affinity.boxes(np.zeros((3, 3)), 0.4).any()


@pytest.mark.parametrize("seed", range(4))
def test_boxes_are_those_of_a_flood(seed):
    cam = zoom(np.random.default_rng(seed).random((4, 5)), 4, order=1)
    expected = np.zeros(cam.shape, dtype=bool)
    for part in clip_formulas.parts(cam > 0.7 * cam.max()):
        (top, left), (bottom, right) = np.min(part, axis=0), np.max(part, axis=0)
        expected[top : bottom + 1, left : right + 1] = True
    np.testing.assert_array_equal(affinity.boxes(cam, 0.7), expected)
