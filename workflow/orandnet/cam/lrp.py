"""CAMs of a vision transformer: relevance propagation.

Chefer, Gur and Wolf, "Transformer interpretability beyond attention visualization" (CVPR 2021). The relevance R of a
class's logit is handed down from layer to layer (sections 3.1 and 3.2) as far as the attention A of each block, and

  A_bar = I + mean over heads of max(0, gradient of A * relevance of A),   C = A_bar of the last ... A_bar of the first

(section 3.3) gives the class's map as the row of the class token over the patch tokens. Layers that act on each element
or normalise a token (GELU, softmax, layer norm, layer scale) hand relevance on unchanged.
"""

from typing import NamedTuple

import torch
from timm.layers import Attention, Mlp
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from orandnet.cam.attention import rollout
from orandnet.cam.relevance import linear_relevance, product_relevance, sum_relevance
from orandnet.classifier.vit import VitClassifier

TOLERANCE = 1e-3  # of the logits computed here to those of the model


class BlockActivations(NamedTuple):
    """What went through the linear and bilinear layers of a block.

    Attributes:
        tokens: (N, T, D) into the block.
        normed: (N, T, D) into the layer of queries, keys and values.
        query: (N, heads, T, d), scaled.
        key: (N, heads, T, d).
        value: (N, heads, T, d).
        attention: (N, heads, T, T) in [0, 1].
        mixed: (N, T, D) into the projection of the attention.
        attended: (N, T, D) added to `tokens`.
        middle: (N, T, D), their sum.
        normed_middle: (N, T, D) into the first layer of the MLP.
        hidden: (N, T, M) into its second layer.
        computed: (N, T, D) added to `middle`.
    """

    tokens: Tensor
    normed: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    attention: Tensor
    mixed: Tensor
    attended: Tensor
    middle: Tensor
    normed_middle: Tensor
    hidden: Tensor
    computed: Tensor


def block_activations(block: Block, tokens: Tensor) -> BlockActivations:
    """Return what goes through a block in inference mode, (N, T, D) `tokens` in."""
    layer, number, length = block.attn, *tokens.shape[:2]
    normed = block.norm1(tokens)
    query, key, value = layer.qkv(normed).view(number, length, 3, layer.num_heads, -1).permute(2, 0, 3, 1, 4)
    query, key = layer.q_norm(query) * layer.scale, layer.k_norm(key)
    attention = (query @ key.mT).softmax(dim=-1)
    mixed = layer.norm((attention @ value).transpose(1, 2).flatten(2))
    attended = block.ls1(layer.proj(mixed))
    middle = tokens + attended
    normed_middle = block.norm2(middle)
    hidden = block.mlp.norm(block.mlp.act(block.mlp.fc1(normed_middle)))
    computed = block.ls2(block.mlp.fc2(hidden))
    return BlockActivations(
        tokens, normed, query, key, value, attention, mixed, attended, middle, normed_middle, hidden, computed
    )


def block_relevance(block: Block, seen: BlockActivations, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the relevance of a block's input and of its attention.

    Args:
        block: the block.
        seen: its activations.
        relevance: (N, T, D) of its output.

    Returns:
        (N, T, D), with the sum of `relevance` for each image, and (N, heads, T, T).
    """
    layer, mlp = block.attn, block.mlp
    skipped, computed = sum_relevance(seen.middle, seen.computed, relevance)
    hidden = linear_relevance(mlp.fc2, seen.hidden, computed)
    middle = skipped + linear_relevance(mlp.fc1, seen.normed_middle, hidden)
    skipped, attended = sum_relevance(seen.tokens, seen.attended, middle)
    mixed = linear_relevance(layer.proj, seen.mixed, attended)
    by_head = mixed.unflatten(2, (layer.num_heads, -1)).transpose(1, 2)
    attention, value = product_relevance(seen.attention, seen.value, by_head)
    query, key = product_relevance(seen.query, seen.key.mT, attention)
    together = torch.stack([query, key.mT, value], dim=1).permute(0, 3, 1, 2, 4).flatten(2)
    return skipped + linear_relevance(layer.qkv, seen.normed, together), attention


def class_relevance(model: nn.Module, tokens: Tensor, target: Tensor) -> Tensor:
    """Return the relevance of the last block's output for one class of each image, 1 in sum.

    Args:
        model: a timm vision transformer that scores its class token.
        tokens: (N, T, D) out of the last block.
        target: (N,) positions of classes among the logits.
    """
    start = nn.functional.one_hot(target, model.head.out_features).to(tokens.dtype)
    relevance = torch.zeros_like(tokens)
    relevance[:, 0] = linear_relevance(model.head, model.fc_norm(model.norm(tokens)[:, 0]), start)
    return relevance


def attribution(network: VitClassifier, rgb: Tensor, targets: Tensor, *, start_block: int) -> Tensor:
    """Return the maps of some classes of each image; arguments, result and errors as `attention.attribution`.

    Raises:
        ValueError: also if the blocks of the network are of another build than the vision transformer's.
    """
    model = network.model
    check_model(model)
    if start_block >= len(model.blocks):
        raise ValueError(f"cam.start_block: {start_block}, but there are {len(model.blocks)} blocks; lower it.")
    inputs: list[Tensor] = []
    hook = model.blocks[0].register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    try:
        with torch.no_grad():
            expected = network(rgb)
    finally:
        hook.remove()
    with torch.enable_grad():
        tokens, seen = inputs[0].detach().requires_grad_(), []
        for block in model.blocks:
            seen.append(block_activations(block, tokens))
            tokens = seen[-1].middle + seen[-1].computed
        logits = model.forward_head(model.norm(tokens))
        _check_logits(logits, expected)
        maps = [
            _map(model, seen, tokens, logits, target, start_block)[:, 0, model.num_prefix_tokens :]
            for target in targets.T
        ]
    side = round(maps[0].shape[1] ** 0.5)
    return torch.stack(maps, dim=1).unflatten(2, (side, side)).detach()


def _map(
    model: nn.Module, seen: list[BlockActivations], tokens: Tensor, logits: Tensor, target: Tensor, start_block: int
) -> Tensor:
    """Return the (N, T, T) rollout of relevance times gradient for one class of each image."""
    chosen = logits.gather(1, target[:, None]).sum()  # images do not mix: one backward pass serves all
    gradients = torch.autograd.grad(chosen, [part.attention for part in seen[start_block:]], retain_graph=True)
    with torch.no_grad():
        relevances, relevance = [], class_relevance(model, tokens, target)
        for block, part in reversed(list(zip(model.blocks, seen, strict=True))[start_block:]):
            relevance, attention = block_relevance(block, part, relevance)
            relevances.append(attention)
    return rollout(relevances[::-1], list(gradients))


def check_model(model: nn.Module) -> None:
    """Refuse a transformer whose blocks this file does not know.

    Raises:
        ValueError: naming what is different.
    """
    problem = next((problem for block in model.blocks if (problem := _foreign_part(block))), None)
    if problem is None and not isinstance(model.head, nn.Linear):
        problem = f"a head of type {type(model.head).__name__}"
    if problem:
        raise ValueError(
            f"cam.attribution: lrp does not know a transformer with {problem}; choose rollout, or a plain timm model "
            "such as deit_base_patch16_224.fb_in1k."
        )


def _foreign_part(block: nn.Module) -> str | None:
    if type(block) is not Block:
        return f"blocks of type {type(block).__name__}"
    if type(block.attn) is not Attention or getattr(block.attn, "gate", None) is not None:
        return f"attention of type {type(block.attn).__name__} or with a gate"
    return None if type(block.mlp) is Mlp and isinstance(block.mlp.fc1, nn.Linear) else "another MLP than two layers"


def _check_logits(found: Tensor, expected: Tensor) -> None:
    off = (found - expected).abs().max().item()
    if not off <= TOLERANCE * (1 + expected.abs().max().item()):
        raise ValueError(
            f"cam.attribution: lrp computes other logits than the network (off by {off:.3g}), so it does not know all "
            "of its layers; choose rollout."
        )
