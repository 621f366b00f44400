"""Relevance propagation through a vision transformer: conservation, each rule by hand, and the maps."""

import pytest
import torch
from torch import nn

from orandnet.cam import lrp
from orandnet.cam.maps import ATTRIBUTIONS
from orandnet.cam.relevance import linear_relevance, product_relevance, sum_relevance
from orandnet.classifier.network import create_classifier
from orandnet.classifier.settings import Settings as ClassifierSettings

TEST_VIT = {"model": "test_vit", "pretrained": False}
SETTINGS = {
    "plain": {"backbone": TEST_VIT, "crop_size": 32, "vit": {"patch_size": 8}},
    "layer scale, norms of queries and keys": {
        "backbone": {**TEST_VIT, "model_options": {"init_values": 0.5, "qk_norm": True}},
        "crop_size": 32,
        "vit": {"patch_size": 8},
    },
    "hybrid": {
        "backbone": TEST_VIT,
        "crop_size": 64,
        "vit": {"stem": {"model": "test_resnet", "pretrained": False}, "stem_stride": 16},
    },
}


@pytest.fixture(scope="module", params=SETTINGS)
def network(request):
    torch.manual_seed(0)
    return create_classifier(ClassifierSettings(kind="vit", **SETTINGS[request.param]), 4).eval()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def photographs(number, side):
    return torch.randint(0, 256, (number, 3, side, side), generator=torch.Generator().manual_seed(1)).float()


def sums(values):
    return values.flatten(1).sum(dim=1)


def test_a_linear_layer_by_hand():
    layer = nn.Linear(3, 2).double()
    layer.weight.data = torch.tensor([[1.0, -2.0, 1.0], [3.0, 1.0, -1.0]], dtype=torch.float64)
    inputs = torch.tensor([[2.0, -1.0, -4.0]], dtype=torch.float64)
    # products: 2, 2, -4 and 6, -1, 4; the negative ones get nothing
    found = linear_relevance(layer, inputs, torch.tensor([[8.0, 20.0]], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([[4.0 + 12, 4.0, 8.0]], dtype=torch.float64))


def test_a_linear_layer_conserves_relevance():
    layer = nn.Linear(16, 8).double()
    relevance = random(2, 5, 8, seed=1)
    found = linear_relevance(layer, random(2, 5, 16), relevance)
    torch.testing.assert_close(found.sum(dim=-1), relevance.sum(dim=-1))


def test_a_sum_by_hand():
    # 3 + 1 and 1 - 2: the shares 3/4 and 1/4 of 8, and -1 and 2 times 2
    left, right = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, -2.0]])
    lefts, rights = sum_relevance(left, right, torch.tensor([[8.0, 2.0]]))
    # unnormalised (6, -2) and (2, 4), sums 4 and 6: they share the sum 10 as 4 to 6, which they have already
    torch.testing.assert_close(lefts, torch.tensor([[6.0, -2.0]]))
    torch.testing.assert_close(rights, torch.tensor([[2.0, 4.0]]))


def test_terms_of_opposite_sign_share_by_size():
    # unnormalised 6 and -4 for a relevance of 2: six and four tenths of it
    left, right = sum_relevance(torch.tensor([[3.0]]), torch.tensor([[-2.0]]), torch.tensor([[2.0]]))
    torch.testing.assert_close(torch.cat([left, right]), torch.tensor([[1.2], [0.8]]))


@pytest.mark.parametrize("rule", ["sum", "product"])
def test_two_operands_share_the_relevance_of_each_image(rule):
    shapes = ((3, 4, 6), (3, 4, 6), (3, 4, 6)) if rule == "sum" else ((3, 4, 6), (3, 6, 5), (3, 4, 5))
    left, right, relevance = (random(*shape, seed=seed) for seed, shape in enumerate(shapes))
    parts = {"sum": sum_relevance, "product": product_relevance}[rule](left, right, relevance)
    assert [part.shape for part in parts] == [left.shape, right.shape]
    torch.testing.assert_close(sums(parts[0]) + sums(parts[1]), sums(relevance))


def test_the_factors_of_a_product_get_one_half_each():
    relevance = random(2, 4, 5, seed=2)
    left, right = product_relevance(random(2, 4, 6), random(2, 6, 5, seed=1), relevance)
    torch.testing.assert_close(sums(left), sums(relevance) / 2)
    torch.testing.assert_close(sums(right), sums(relevance) / 2)


def test_nothing_is_divided_by_zero():
    zeros = torch.zeros(1, 2, 2)
    for rule in (sum_relevance, product_relevance):
        for part in rule(zeros, zeros, torch.ones(1, 2, 2)):
            assert torch.equal(part, zeros)


def layers(network, side):
    """Return the activations of each block and the relevance at the top, one class per image."""
    tokens = []
    hook = network.model.blocks[0].register_forward_pre_hook(lambda _, arguments: tokens.append(arguments[0]))
    with torch.no_grad():
        network(photographs(2, side))
    hook.remove()
    network = network.double()
    seen, current = [], tokens[0].double()
    with torch.no_grad():
        for block in network.model.blocks:
            seen.append(lrp.block_activations(block, current))
            current = seen[-1].middle + seen[-1].computed
        return seen, lrp.class_relevance(network.model, current, torch.tensor([1, 3]))


def test_every_block_hands_down_all_the_relevance_it_got(network):
    side = 64 if network.freeze_stem else 32
    try:
        seen, relevance = layers(network, side)
        torch.testing.assert_close(sums(relevance), torch.ones(2, dtype=torch.float64))
        for block, part in reversed(list(zip(network.model.blocks, seen, strict=True))):
            with torch.no_grad():
                relevance, attention = lrp.block_relevance(block, part, relevance)
            torch.testing.assert_close(sums(relevance), torch.ones(2, dtype=torch.float64), atol=1e-6, rtol=0)
            assert attention.shape == part.attention.shape
            assert attention.abs().max() > 0
    finally:
        network.float()


def test_activations_are_those_of_the_model(network):
    tokens = torch.randn(2, 5, network.model.embed_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for block in network.model.blocks:
            seen = lrp.block_activations(block, tokens)
            torch.testing.assert_close(seen.middle + seen.computed, block(tokens), atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(seen.attention.sum(dim=-1), torch.ones(seen.attention.shape[:-1]))


def test_the_attribution_of_a_batch_is_that_of_its_images_one_by_one(network):
    rgb, targets = photographs(2, 64), torch.tensor([[0, 3], [1, 1]])
    together = lrp.attribution(network, rgb, targets, start_block=0)
    tokens = 64 // network.model.patch_embed.feat_ratio()
    assert together.shape == (2, 2, tokens, tokens)
    assert 0 <= together.min() < together.max() < torch.inf
    assert not together.requires_grad
    for row in range(2):
        for column in range(2):
            picked = targets[row : row + 1, column : column + 1]
            alone = lrp.attribution(network, rgb[row : row + 1], picked, start_block=0)[0, 0]
            torch.testing.assert_close(alone, together[row, column], rtol=1e-2, atol=1e-2 * alone.max().item())


def test_maps_differ_by_class_and_from_attention_alone(network):
    rgb, targets = photographs(1, 64), torch.tensor([[0, 1]])
    found = {name: make(network, rgb, targets, start_block=0) for name, make in ATTRIBUTIONS.items()}
    assert not torch.allclose(found["lrp"][0, 0], found["lrp"][0, 1])
    assert not torch.allclose(found["lrp"] / found["lrp"].max(), found["rollout"] / found["rollout"].max(), atol=1e-3)


def test_it_works_where_all_weights_are_frozen_and_leaves_no_hook(network):
    rgb, targets = photographs(1, 64), torch.tensor([[2]])
    expected = lrp.attribution(network, rgb, targets, start_block=1)
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.requires_grad_(False)
    with torch.no_grad():
        torch.testing.assert_close(lrp.attribution(network, rgb, targets, start_block=1), expected)
    for parameter in learning:
        parameter.requires_grad_(True)
    assert not network.model.blocks[0]._forward_pre_hooks
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attn_layer": "diff"}, "attention of type DiffAttention"),
        ({"mlp_layer": nn.Identity}, "blocks|MLP"),
    ],
)
def test_a_transformer_of_another_build_is_refused(options, message):
    settings = ClassifierSettings(kind="vit", **SETTINGS["plain"])
    network = create_classifier(settings, 4).eval()
    if "attn_layer" in options:
        backbone = {**TEST_VIT, "model_options": options}
        network = create_classifier(ClassifierSettings(kind="vit", **SETTINGS["plain"] | {"backbone": backbone}), 4)
    else:
        network.model.blocks[2].mlp = nn.Identity()
    with pytest.raises(ValueError, match=f"lrp does not know a transformer with .*({message}).*; choose rollout"):
        lrp.attribution(network.eval(), photographs(1, 32), torch.tensor([[0]]), start_block=0)


def test_a_layer_that_is_not_followed_shows_in_the_logits(network):
    handle = network.model.blocks[1].register_forward_hook(lambda _, __, output: output * 1.5 + 1)
    try:
        with pytest.raises(ValueError, match="lrp computes other logits than the network"):
            lrp.attribution(network, photographs(1, 64), torch.tensor([[0]]), start_block=0)
    finally:
        handle.remove()


def test_a_start_block_beyond_the_last_is_refused(network):
    with pytest.raises(ValueError, match=r"cam\.start_block: 6, but there are 6 blocks"):
        lrp.attribution(network, photographs(1, 64), torch.tensor([[0]]), start_block=6)
