"""Softmax-GradCAM and class-aware affinity of CLIP-ES, term by term in float64, without autograd.

Lin et al., CVPR 2023. Of the model only weights are read, and the tokens of the image that go into its last block.
"""

import numpy as np
import torch

from equivalence.transformer_formulas import layer_norm, linear

STEP = 1e-5


def last_block(model, tokens, normed):
    """Return the features (D,) of one image from the (T, W) tokens before the last block and their normalised form."""
    block, heads = model.blocks[-1], model.blocks[-1].attn.num_heads
    query, key, value = linear(block.attn.qkv, normed).view(len(tokens), 3, heads, -1).permute(1, 2, 0, 3)
    attention = (query @ key.mT / key.shape[-1] ** 0.5).softmax(dim=-1)
    tokens = tokens + linear(block.attn.proj, (attention @ value).transpose(0, 1).reshape(len(tokens), -1))
    hidden = linear(block.mlp.fc1, layer_norm(block.norm2, tokens))
    tokens = tokens + linear(block.mlp.fc2, hidden * torch.sigmoid(1.702 * hidden))
    return linear(model.head, layer_norm(model.norm, tokens[0])), attention.mean(dim=0)


def probability(features, words, target, scale):
    """Return the softmax, over the words, of the scaled cosines with features, at one word."""
    cosines = torch.stack([features @ word / features.norm() / word.norm() for word in words])
    return (scale * cosines).softmax(dim=0)[target]


def grad_cam(model, tokens, words, target, scale):
    """Return the (patches,) map of a word, at least 0; the mean gradient over patches by central differences."""
    normed = layer_norm(model.blocks[-1].norm1, tokens)
    weights = []
    for channel in range(tokens.shape[1]):
        ends = []
        for step in (STEP, -STEP):
            moved = normed.clone()
            moved[1:, channel] += step
            ends.append(probability(last_block(model, tokens, moved)[0], words, target, scale))
        weights.append((ends[0] - ends[1]) / (2 * STEP) / (len(tokens) - 1))
    return torch.stack([(patch * torch.stack(weights)).sum().clamp(min=0) for patch in normed[1:]])


def min_max(values):
    return (values - values.min()) / (values.max() - values.min())


def parts(above):
    """Return the connected parts of a (h, w) bool array as lists of cells, by a flood from each cell."""
    left, found = {tuple(cell) for cell in np.argwhere(above)}, []
    while left:
        waiting, part = [left.pop()], []
        while waiting:
            y, x = waiting.pop()
            part.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            waiting += near
        found.append(part)
    return found


def refine(cam, attention, threshold):
    """Return the (h, w) map spread by the (P, P) attention from within its boxes."""
    inside = np.zeros(cam.shape)
    for part in parts(cam > threshold * cam.max()):
        (top, left), (bottom, right) = np.min(part, axis=0), np.max(part, axis=0)
        inside[top : bottom + 1, left : right + 1] = 1
    mutual = attention.copy()
    for _ in range(3):
        for column in range(len(mutual)):
            mutual[:, column] /= mutual[:, column].sum()
        for row in range(len(mutual)):
            mutual[row] /= mutual[row].sum()
    mutual = (mutual + mutual.T) / 2
    affinity = (mutual @ mutual) * inside.reshape(1, -1)
    return (affinity @ cam.reshape(-1, 1)).reshape(cam.shape)
