"""A vision transformer's forward pass, relevance propagation and class attention, term by term in float64.

Chefer, Gur and Wolf (CVPR 2021, sections 3.1 to 3.3) and Xu et al. (CVPR 2022, section 3). Of the model only weights
are read, and the tokens of the image that go into its first block.
"""

import math
from types import SimpleNamespace

import torch


def weights(layer):
    return layer.weight.detach().double(), layer.bias.detach().double()


def linear(layer, x):
    weight, bias = weights(layer)
    return x @ weight.T + bias


def layer_norm(layer, x):
    weight, bias = weights(layer)
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / (centred.square().mean(dim=-1, keepdim=True) + layer.eps).sqrt() * weight + bias


def run_block(block, x):
    """Return what goes through a block on (T, D) tokens of one image, by name."""
    heads = block.attn.num_heads
    width = x.shape[1] // heads
    normed = layer_norm(block.norm1, x)
    query, key, value = linear(block.attn.qkv, normed).view(len(x), 3, heads, width).permute(1, 2, 0, 3)
    query = query / math.sqrt(width)
    attention = (query @ key.mT).softmax(dim=-1)
    mixed = (attention @ value).transpose(0, 1).reshape(len(x), -1)
    attended = linear(block.attn.proj, mixed)
    middle = x + attended
    normed_middle = layer_norm(block.norm2, middle)
    hidden = linear(block.mlp.fc1, normed_middle)
    hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    computed = linear(block.mlp.fc2, hidden)
    return SimpleNamespace(**{name: part for name, part in locals().items() if name not in ("block", "heads", "width")})


def share(parts, relevance, dims):
    """Return relevance split among the parts of a sum (over `dims` of `parts`), in proportion to them."""
    total = parts.sum(dim=dims, keepdim=True)
    split = torch.where(total.abs() > 1e-9, parts / total, torch.zeros_like(parts))
    return split * relevance


def through_linear(layer, x, relevance):
    """Return the relevance of (T, D) inputs: each output's goes to its positive products x_i w_ij."""
    products = x[:, :, None] * weights(layer)[0].T[None]
    return share(products.clamp(min=0), relevance[:, None, :], (1,)).sum(dim=2)


def balanced(left, right, relevance):
    """Return both relevances scaled to |their sum| out of the sum of both sizes, times the relevance there is."""
    size = left.sum().abs() + right.sum().abs()
    return tuple(part * (part.sum().abs() / size * relevance.sum() / part.sum()) for part in (left, right))


def through_sum(left, right, relevance):
    parts = share(torch.stack([left, right]), relevance[None], (0,))
    return balanced(parts[0], parts[1], relevance)


def through_product(left, right, relevance):
    """Return the relevance of both factors of (heads, I, J) @ (heads, J, K), from all products of one of each."""
    products = left[:, :, :, None] * right[:, None, :, :]
    parts = share(products, relevance[:, :, None, :], (2,))
    return balanced(parts.sum(dim=3), parts.sum(dim=1), relevance)


def block_relevance(block, seen, relevance):
    """Return the relevance of the block's input and of its attention."""
    skipped, computed = through_sum(seen.middle, seen.computed, relevance)
    middle = skipped + through_linear(
        block.mlp.fc1, seen.normed_middle, through_linear(block.mlp.fc2, seen.hidden, computed)
    )
    skipped, attended = through_sum(seen.x, seen.attended, middle)
    mixed = through_linear(block.attn.proj, seen.mixed, attended)
    by_head = mixed.view(len(mixed), block.attn.num_heads, -1).transpose(0, 1)
    attention, value = through_product(seen.attention, seen.value, by_head)
    query, key = through_product(seen.query, seen.key.mT, attention)
    together = torch.stack([query, key.mT, value]).permute(2, 0, 1, 3).reshape(len(mixed), -1)
    return skipped + through_linear(block.attn.qkv, seen.normed, together), attention


def relevance_map(model, tokens, target):
    """Return the class token's row over the patches in the product of all I + mean over heads (gradient relevance)+."""
    x, seen = tokens.double().requires_grad_(), []
    for block in model.blocks:
        seen.append(run_block(block, x))
        x = seen[-1].middle + seen[-1].computed
    top = layer_norm(model.norm, x)[:1]
    logit = linear(model.head, top)[0, target]
    gradients = torch.autograd.grad(logit, [part.attention for part in seen])
    relevance = torch.zeros_like(x)
    with torch.no_grad():
        start = torch.nn.functional.one_hot(torch.tensor([target]), model.head.out_features).double()
        relevance[0] = through_linear(model.head, top, start)[0]
        factors = []
        for block, part, gradient in reversed(list(zip(model.blocks, seen, gradients, strict=True))):
            relevance, attention = block_relevance(block, part, relevance)
            factors.append(torch.eye(len(x)) + (gradient * attention).clamp(min=0).mean(dim=0))
        product = torch.eye(len(x), dtype=torch.float64)
        for factor in factors[::-1]:
            product = factor @ product
    return product[0, 1:]


def class_attention(model, patch_cam, tokens, shape, *, blocks, classes):
    """Return (K, h, w): attention of the class tokens to the patches, the mean over the last blocks, times PatchCAM
    where it is positive, spread by the mean attention between patches.
    """
    x, attentions, prefix = tokens.detach().double(), [], model.num_prefix_tokens
    for block in model.blocks:
        seen = run_block(block, x)
        attentions.append(seen.attention.mean(dim=0))
        x = seen.middle + seen.computed
    evidence = torch.nn.functional.conv2d(
        x[prefix:].T.reshape(1, -1, *shape), *(part.detach().double() for part in patch_cam.parameters()), padding=1
    )[0]
    affinity = sum(attention[prefix:, prefix:] for attention in attentions) / len(attentions)
    maps = []
    for own in classes:
        heat = sum(attention[own, prefix:] for attention in attentions[-blocks:]) / blocks
        heat = heat * evidence[own].flatten().clamp(min=0)
        maps.append((affinity @ heat).view(shape))
    return torch.stack(maps)
