"""MCTformer: a class token per class, what the classes learn, and the CAM from class attention."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from orandnet.cam.class_attention import class_attention_maps, class_to_patch, spread
from orandnet.cam.maps import MAPS
from orandnet.cam.settings import KIND_DEFAULTS as KIND_CAM
from orandnet.cam.settings import Settings as CamSettings
from orandnet.classifier.network import create_classifier, load_classifier
from orandnet.classifier.settings import Settings
from orandnet.classifier.stage import classification_loss
from orandnet.config.sections import load
from orandnet.files.checkpoint import encode, save_weights
from orandnet.maps.grid import grid_shape
from orandnet.maps.score_maps import min_max

STEM = {"model": "test_resnet", "pretrained": False}
BACKBONE = {"model": "test_vit", "pretrained": False}
V2 = {"kind": "mctformer", "backbone": BACKBONE, "crop_size": 32, "vit": {"patch_size": 8, "depth": 3}}
V1 = {**V2, "mctformer": {"variant": "v1"}}
HYBRID = {**V2, "vit": {"depth": 3, "stem": STEM, "stem_stride": 16}}
DISTILLED = {
    **V2,
    "backbone": {
        "model": "deit_tiny_distilled_patch16_224",
        "pretrained": False,
        "model_options": {"embed_dim": 32, "num_heads": 2},
    },
}
NETWORKS = {"v1": V1, "v2": V2, "hybrid": HYBRID, "distilled": DISTILLED}
CAM = {"scales": [1.0], "flip": True, "blocks": 3, "heads": "mean", "patch_cam": True, "refine": True}


def network_of(changes, num_foreground=4):
    torch.manual_seed(0)
    return create_classifier(Settings.model_validate(changes), num_foreground)


def images(number=2, height=32, width=32):
    return torch.randint(0, 256, (number, 3, height, width), generator=torch.Generator().manual_seed(0)).byte()


@pytest.fixture(scope="module")
def networks():
    return {name: network_of(changes).eval() for name, changes in NETWORKS.items()}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 80)])
def test_each_class_has_a_token_and_each_patch_its_place_at_any_size(networks, name, height, width):
    network = networks[name]
    with torch.no_grad():
        class_tokens, patch_map = network.evidence(images(2, height, width))
        logits = network(images(2, height, width))
    assert class_tokens.shape == (2, 4, network.model.embed_dim)
    torch.testing.assert_close(logits["class_tokens"], class_tokens.mean(dim=2))
    assert set(logits) == ({"class_tokens"} if name == "v1" else {"class_tokens", "patches"})
    if name != "v1":
        stride = network.model.patch_embed.feat_ratio()
        assert patch_map.shape == (2, 4, height // stride, width // stride)
        torch.testing.assert_close(logits["patches"], patch_map.mean(dim=(2, 3)))


def test_the_loss_is_the_sum_over_class_tokens_and_patches():
    network, labels = network_of(V2), torch.tensor([[1.0, 0, 0, 0], [0, 1, 1, 0]])
    with torch.no_grad():
        logits = network.eval()(images())
        losses = classification_loss(network, (images(), labels))
    assert list(losses) == ["loss", "class_tokens", "patches"]
    for name, scores in logits.items():
        expected = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels)
        torch.testing.assert_close(losses[name], expected)
    torch.testing.assert_close(losses["loss"], losses["class_tokens"] + losses["patches"])


@pytest.mark.parametrize("changes", [V1, V2])
def test_class_tokens_differ_and_each_learns_from_its_own_score(changes):
    network = network_of(changes)
    tokens = network.model.cls_token
    assert torch.pdist(tokens[0].detach()).min() > 0.01
    network(images())["class_tokens"][:, 2].sum().backward()
    reached = tokens.grad[0].norm(dim=1)
    assert reached.min() > 0  # the blocks mix the tokens
    assert reached.argmax() == 2


def test_position_embeddings_of_the_class_tokens_are_not_resized():
    network = network_of(V2)
    model = network.model
    before = model.pos_embed.detach().clone()
    assert before.shape == (1, 4 + 16, 64)
    torch.testing.assert_close(before[:, :4], before[:, :1].expand(-1, 4, -1))
    with torch.no_grad():
        patches = model.patch_embed(torch.zeros(1, 3, 48, 64))
        placed = model._pos_embed(patches)
    assert placed.shape == (1, 4 + 6 * 8, 64)
    torch.testing.assert_close(placed[:, :4], model.cls_token + before[:, :4])


def test_local_pretrained_weights_are_used_and_their_class_token_is_copied(tmp_path):
    torch.manual_seed(3)
    donor = timm.create_model("test_vit", depth=3, num_classes=1000)
    with torch.no_grad():
        donor.cls_token.normal_()
    save_file(donor.state_dict(), tmp_path / "w.safetensors")
    backbone = {"model": "test_vit", "weights": str(tmp_path / "w.safetensors")}
    network = network_of({**V2, "backbone": backbone, "vit": {"depth": 3}, "crop_size": donor.patch_embed.img_size[0]})
    learned = network.model.state_dict()
    for name in ("patch_embed.proj.weight", "blocks.2.attn.qkv.weight"):
        assert torch.equal(learned[name], donor.state_dict()[name])
    assert torch.equal(learned["pos_embed"][:, 4:], donor.pos_embed[:, 1:])
    assert torch.equal(learned["pos_embed"][:, 3:4], donor.pos_embed[:, :1])
    distance = (learned["cls_token"] - donor.cls_token).abs()
    assert 0 < distance.amax() < 0.2


def test_a_saved_mctformer_comes_back_without_its_pretrained_weights(tmp_path):
    network = network_of(V2).eval()
    named = Settings.model_validate({**V2, "backbone": {"model": "test_vit", "weights": str(tmp_path / "gone")}})
    metadata = {"classifier": named.canonical_json(), "classes": encode(list("abcd"))}
    save_weights(tmp_path / "w", network.state_dict(), metadata)
    loaded, found, _ = load_classifier(tmp_path / "w")
    assert found == named
    with torch.no_grad():
        for name, logits in network(images()).items():
            assert torch.equal(loaded(images())[name], logits)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (STEM, "timm cannot make 'test_resnet'"),
        ({"model": "test_vit2", "pretrained": False}, "no vision transformer that scores its class token"),
        (
            {
                "model": "eva02_tiny_patch14_224",
                "pretrained": False,
                "model_options": {"global_pool": "token", "embed_dim": 48},
            },
            "no plain vision transformer",
        ),
        ({**BACKBONE, "model_options": {"patch_drop_rate": 0.5}}, "patch_drop_rate: kind: mctformer needs all patches"),
    ],
)
def test_a_backbone_that_cannot_serve_is_named(backbone, message):
    with pytest.raises(ValueError, match=message):
        network_of({**V2, "backbone": backbone})


def test_the_recipe_is_that_of_the_paper_unless_the_config_names_a_key():
    source = {"kind": "mctformer", "classifier": {"training": {"epochs": 3}}}
    config = load({"sources": {"a": source}, "segmenter": {"methods": {"a": "a"}}})
    trained = config.classifier_of("a")
    assert (trained.kind, trained.mctformer.variant, trained.crop_size) == ("mctformer", "v2", 224)
    assert trained.backbone.model == "deit_small_patch16_224.fb_in1k"
    assert (trained.training.epochs, trained.training.batch_size, trained.training.optimizer) == (3, 64, "adamw")
    assert trained.training.learning_rate == pytest.approx(5e-4 * 64 / 512)
    cam = config.cam_of("a")
    assert (cam.scales, cam.flip, cam.normalise, cam.attention_blocks, cam.refine) == ([1.0], True, "min_max", 3, True)


def attentions(number, tokens):
    raw = torch.randn(number, 1, tokens, tokens, generator=torch.Generator().manual_seed(0))
    return list(raw.softmax(dim=-1))


def test_class_attention_and_its_spread_by_hand():
    found = attentions(3, 6)  # 2 class tokens, 4 patches
    maps = class_to_patch(found, num_classes=2, prefix=2, blocks=2)
    torch.testing.assert_close(maps[0, 1], 4 * (found[1][0, 1, 2:] + found[2][0, 1, 2:]) / 2)
    affinity = sum(attention[0, 2:, 2:] for attention in found) / 3
    torch.testing.assert_close(spread(maps, found, prefix=2)[0, 1], affinity @ maps[0, 1])
    with pytest.raises(ValueError, match=r"cam\.attention_blocks: 4, but there are 3 blocks"):
        class_to_patch(found, num_classes=2, prefix=2, blocks=4)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("refine", [True, False])
@pytest.mark.parametrize("size", [(40, 56), (37, 50)])
def test_maps_lie_on_the_grid_and_mirror_with_the_image(networks, name, refine, size):
    rgb, options = images(1, *size), {**CAM, "refine": refine, "scales": [1.0, 1.5]}
    (maps,) = class_attention_maps(networks[name], rgb, [(1, 4)], **options)
    assert maps.shape == (2, *grid_shape(size))
    assert maps.dtype == torch.float32
    assert maps.min() >= 0
    assert 0 <= min_max(maps).min() <= min_max(maps).max() <= 1
    if size == (40, 56):  # the grid of the other size hangs over at the right
        (mirrored,) = class_attention_maps(networks[name], rgb.flip(-1), [(1, 4)], **options)
        torch.testing.assert_close(mirrored.flip(-1), maps, atol=1e-5, rtol=1e-3)


def test_each_setting_of_the_map_counts(networks):
    rgb, classes = images(1, 40, 56), [(1, 4)]
    (maps,) = class_attention_maps(networks["v2"], rgb, classes, **CAM)
    for change in (
        {"blocks": 1},
        {"heads": "max"},
        {"patch_cam": False},
        {"refine": False},
        {"flip": False},
        {"scales": [1.5]},
    ):
        (other,) = class_attention_maps(networks["v2"], rgb, classes, **{**CAM, **change})
        assert (min_max(other) - min_max(maps)).abs().max() > 1e-3, change
    (alone,) = class_attention_maps(networks["v2"], rgb, [(4,)], **CAM)
    torch.testing.assert_close(alone[0], maps[1])


COLORS = torch.tensor([[220, 30, 30], [30, 220, 30], [30, 30, 220], [220, 220, 30]], dtype=torch.uint8)


def blobs(number, generator):
    """Return grey images with one coloured square, their labels and the squares' masks."""
    rgb = torch.randint(90, 140, (number, 3, 32, 32), generator=generator).byte()
    classes = torch.randint(0, 4, (number,), generator=generator)
    masks = torch.zeros(number, 32, 32, dtype=torch.bool)
    for image, mask, class_id in zip(rgb, masks, classes, strict=True):
        top, left = torch.randint(0, 3, (2,), generator=generator) * 8
        image[:, top : top + 16, left : left + 16] = COLORS[class_id][:, None, None]
        mask[top : top + 16, left : left + 16] = True
    return rgb, classes, masks


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_it_learns_colours_and_points_at_them(variant):
    generator = torch.Generator().manual_seed(0)
    network = network_of({**V2, "mctformer": {"variant": variant}, "vit": {"patch_size": 8, "depth": 2}}).train()
    optimizer, losses = torch.optim.AdamW(network.parameters(), lr=3e-3), []
    for _ in range(60):
        rgb, classes, _ = blobs(16, generator)
        loss = classification_loss(network, (rgb, torch.nn.functional.one_hot(classes, 4).float()))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    rgb, classes, masks = blobs(24, generator)
    hits = 0
    for image, class_id, mask in zip(rgb, classes, masks, strict=True):
        options = {**CAM, "blocks": 2, "refine": False}
        (maps,) = class_attention_maps(network.eval(), image[None], [(int(class_id) + 1,)], **options)
        row, column = divmod(int(maps[0].argmax()), maps.shape[2])
        hits += bool(mask[4 * row + 2, 4 * column + 2])
    assert hits > 12  # a quarter of the pixels is coloured: chance is 6


def test_the_kind_has_its_way_to_a_cam():
    assert set(MAPS) == set(KIND_CAM)
    assert CamSettings.model_validate(KIND_CAM["mctformer"]).normalise == "min_max"
