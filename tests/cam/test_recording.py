"""The attention of timm's transformer families is recorded, changes nothing, and leaves nothing behind."""

import pytest
import timm
import torch
from torch import nn

from orandnet.cam.recording import recorded_attention

SMALL = {"depth": 2, "embed_dim": 32, "num_heads": 2, "num_classes": 3, "img_size": 32, "patch_size": 8}
MODELS = {
    "deit_tiny_patch16_224": {},
    "deit_tiny_distilled_patch16_224": {},
    "deit3_small_patch16_224": {},
    "vit_tiny_patch16_224": {"qk_norm": True},
    "vit_small_patch16_36x1_224": {"global_pool": "avg", "class_token": False},
    "vit_base_patch16_siglip_224": {},  # pools by an attention of its own, which is not a block's
    "vit_small_patch14_reg4_dinov2": {},
    "vit_relpos_small_patch16_224": {},
    "beit_base_patch16_224": {},
    "beitv2_base_patch16_224": {},
    "eva02_tiny_patch14_224": {},
    "eva_giant_patch14_224": {},
    "vit_small_patch16_rope_224": {},
}


def make(name, **changes):
    torch.manual_seed(0)
    return timm.create_model(name, **{**SMALL, **MODELS.get(name, {}), **changes}).eval()


def images(number=2):
    return torch.randn(number, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def flags_and_hooks(model):
    flags = [module.fused_attn for module in model.modules() if hasattr(module, "fused_attn")]
    return flags, sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("name", MODELS)
def test_each_block_shows_its_softmax_and_the_logits_stay(name):
    model = make(name)
    before = flags_and_hooks(model)
    assert any(before[0])
    with torch.no_grad():
        expected = model(images())
        with recorded_attention(model) as recorded:
            logits = model(images())
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)
    tokens = 16 + model.num_prefix_tokens
    assert [tuple(attention.shape) for attention in recorded] == [(2, 2, tokens, tokens)] * 2
    for attention in recorded:
        torch.testing.assert_close(attention.sum(dim=-1), torch.ones(2, 2, tokens))
    assert flags_and_hooks(model) == before


def test_the_recorded_matrix_is_the_one_that_the_logits_come_from():
    model = make("vit_small_patch16_rope_224")
    with recorded_attention(model) as recorded:
        logits = model(images())
    gradients = torch.autograd.grad(logits.sum(), recorded)
    assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_only_what_is_to_be_kept_is_recorded_in_training_too():
    model = make("deit_tiny_patch16_224", attn_drop_rate=0.5).train()
    with recorded_attention(model, keep=lambda attention: attention.mean(dim=1)) as recorded:
        model(images())
        model(images())
    assert [tuple(attention.shape) for attention in recorded] == [(2, 17, 17)] * 4
    torch.testing.assert_close(recorded[0].sum(dim=-1), torch.ones(2, 17))


def fail_while_recording(model):
    with recorded_attention(model):
        assert flags_and_hooks(model) == ([False, False], 2)
        raise KeyError("stop")


def test_everything_is_put_back_after_an_exception():
    model = make("deit_tiny_patch16_224")
    model.blocks[1].attn.fused_attn = False
    before = flags_and_hooks(model)
    with pytest.raises(KeyError, match="stop"):
        fail_while_recording(model)
    assert flags_and_hooks(model) == before


class _Deaf(nn.Module):
    """A block that never asks its dropout."""

    def __init__(self):
        super().__init__()
        self.attn_drop = nn.Dropout()


@pytest.mark.parametrize(
    ("make_model", "message"),
    [
        (lambda: timm.create_model("test_resnet"), "attention of 'test_resnet' cannot be captured: it has no `blocks`"),
        (lambda: timm.create_model("test_mambaout"), "'test_mambaout' cannot be captured: it has no `blocks`"),
        (lambda: timm.create_model("hiera_tiny_224"), "'hiera_tiny_224' .*: a block has 0 layers with an `attn_drop`"),
        (lambda: timm.create_model("cait_xxs24_224", depth=2), "'cait_xxs24_224' .*: rows of a matrix do not sum to 1"),
    ],
)
def test_a_model_without_such_attention_is_named(make_model, message):
    model = make_model().eval()
    before = flags_and_hooks(model)
    with pytest.raises(ValueError, match=message), torch.no_grad(), recorded_attention(model):
        model(torch.zeros(1, 3, 224, 224))
    assert flags_and_hooks(model) == before


def test_a_pass_that_shows_nothing_is_an_error():
    model = nn.Module()
    model.blocks = nn.ModuleList([_Deaf()])
    with (
        pytest.raises(ValueError, match="'Module' cannot be captured: 1 blocks showed 0 matrices"),
        recorded_attention(model),
    ):
        pass
