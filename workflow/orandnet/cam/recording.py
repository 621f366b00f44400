"""The attention of a timm transformer's blocks, read while the model runs its own code."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def recorded_attention(model: nn.Module, keep: Callable[[Tensor], Tensor] | None = None) -> Iterator[list[Tensor]]:
    """Record the attention (N, heads, tokens, tokens) of each block of a timm transformer, in order.

    Fused attention, which never holds the matrix, is switched off inside and restored after. A matrix is recorded
    before its dropout, so its rows sum to 1 in training too.

    Args:
        model: a timm transformer with global attention in its `blocks` (VisionTransformer, DeiT, EVA, BEiT, ...).
        keep: what is recorded of each matrix, such as its mean over heads; by default the matrix itself.

    Raises:
        ValueError: if the model has no such attention, or at the end, if not every block has shown one in each pass.
    """
    name = (getattr(model, "pretrained_cfg", None) or {}).get("architecture") or type(model).__name__
    layers = [_attention_layer(block, name) for block in getattr(model, "blocks", ())]
    if not layers:
        raise _uncaptured(name, "it has no `blocks`")
    recorded: list[Tensor] = []

    def record(_: nn.Module, inputs: tuple[Tensor]) -> None:
        _check_rows(inputs[0], name)
        recorded.append(keep(inputs[0]) if keep else inputs[0])

    with ExitStack() as stack:
        for layer in layers:
            if hasattr(layer, "fused_attn"):
                stack.callback(setattr, layer, "fused_attn", layer.fused_attn)
                layer.fused_attn = False
            stack.callback(layer.attn_drop.register_forward_pre_hook(record).remove)
        yield recorded
    if not recorded or len(recorded) % len(layers):
        raise _uncaptured(name, f"{len(layers)} blocks showed {len(recorded)} matrices")


def _attention_layer(block: nn.Module, name: str) -> nn.Module:
    """Return the one module of a block whose softmax goes through a dropout, as in all of timm's transformers."""
    found = [module for module in block.modules() if isinstance(getattr(module, "attn_drop", None), nn.Module)]
    if len(found) != 1:
        raise _uncaptured(name, f"a block has {len(found)} layers with an `attn_drop`")
    return found[0]


def _check_rows(attention: Tensor, name: str) -> None:
    if attention.ndim != 4 or attention.shape[2] != attention.shape[3]:
        raise _uncaptured(name, f"a matrix of shape {tuple(attention.shape)} is not (N, heads, tokens, tokens)")
    if not torch.allclose(attention.sum(dim=-1), attention.new_ones(()), atol=0.02):  # half precision has 3 digits
        raise _uncaptured(name, "rows of a matrix do not sum to 1")


def _uncaptured(name: str, reason: str) -> ValueError:
    return ValueError(
        f"backbone.model: the attention of {name!r} cannot be captured: {reason}; choose a timm model with global "
        "attention, such as deit_small_patch16_224.fb_in1k."
    )
