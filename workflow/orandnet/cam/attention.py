"""CAMs of a vision transformer: gradient-weighted attention rollout.

Chefer, Gur and Wolf, "Generic attention-model explainability" (ICCV 2021), equations 5 and 6 for self-attention:
with the attention A of a block and the gradient of a class's logit towards it,

    A_bar = mean over heads of max(0, gradient * A),    R <- R + A_bar R,    R = identity at the start.

The row of the class token, over the patch tokens, is the class's map.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from orandnet.cam.multiscale import resize_image
from orandnet.cam.recording import recorded_attention
from orandnet.classifier.vit import VitClassifier

Attribution = Callable[..., Tensor]


def rollout(attentions: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """Return (N, tokens, tokens) relevance of each token for each token, accumulated over blocks.

    Args:
        attentions: per block (N, heads, tokens, tokens) in [0, 1].
        gradients: of the class's logit towards each attention, same shapes.
    """
    number, _, tokens, _ = attentions[0].shape
    relevance = torch.eye(tokens, device=attentions[0].device).expand(number, -1, -1)
    for attention, gradient in zip(attentions, gradients, strict=True):
        weighted = (attention * gradient).relu().mean(dim=1)
        relevance = relevance + weighted @ relevance
    return relevance


def attribution(network: VitClassifier, rgb: Tensor, targets: Tensor, *, start_block: int) -> Tensor:
    """Return the maps of some classes of each image.

    Args:
        network: a trained classifier in inference mode.
        rgb: (N, 3, S, S) uint8, or float in 0..255.
        targets: (N, T) int64 positions of classes among the logits; repeat one where an image has fewer.
        start_block: first block that counts.

    Returns:
        (N, T, h, w) float32, at least 0, h and w in tokens.

    Raises:
        ValueError: if the network has no block `start_block`.
    """
    prefix = network.model.num_prefix_tokens
    maps = []
    with recorded_attention(network.model) as recorded, torch.enable_grad():
        # the input carries the gradient, so that attention has one even where all weights are frozen
        logits = network(rgb.float().detach().requires_grad_())
    attentions = recorded[start_block:]
    if not attentions:
        raise ValueError(f"cam.start_block: {start_block}, but there are {len(recorded)} blocks; lower it.")
    with torch.enable_grad():
        for target in targets.T:
            chosen = logits.gather(1, target[:, None]).sum()  # images do not mix: one backward pass serves all
            gradients = torch.autograd.grad(chosen, attentions, retain_graph=True)
            relevance = rollout([a.detach() for a in attentions], list(gradients))
            maps.append(relevance[:, 0, prefix:])
    side = round(maps[0].shape[1] ** 0.5)
    return torch.stack(maps, dim=1).unflatten(2, (side, side)).detach()


def vit_maps(
    network: VitClassifier,
    rgb: Tensor,
    targets: Tensor,
    *,
    size: int,
    scales: list[float],
    flip: bool,
    start_block: int,
    attribute: Attribution = attribution,
    interpolation: str = "bicubic",
) -> list[Tensor]:
    """Return the maps of several scales, mirrored images added, each at its own resolution.

    Args:
        network: a trained classifier in inference mode.
        rgb: (N, 3, S, S) uint8, images resized to the square the network was trained on.
        targets: (N, T) int64 positions of classes among the logits.
        size: S, the training size in pixels.
        scales: of S; rounded to whole tokens.
        flip: add the mirrored images.
        start_block: first block that counts in the rollout.
        attribute: how the maps of an image are made; `attribution`, or another function of its form.
        interpolation: of the images, as in `resize_image`.

    Returns:
        Per scale (N, T, h, w) float32, at least 0, not normalised.
    """
    stride = network.model.patch_embed.feat_ratio()
    found = []
    for scale in scales:
        side = max(1, round(size * scale / stride)) * stride
        if side != size and getattr(network.model.patch_embed, "strict_img_size", False):
            raise ValueError(
                f"cam.scales: {scale:g}, but this transformer takes images of its training size alone; write scales: "
                "[1.0]."
            )
        image = resize_image(rgb, (side, side), interpolation)
        maps = attribute(network, image, targets, start_block=start_block)
        if flip:
            maps = maps + attribute(network, image.flip(-1), targets, start_block=start_block).flip(-1)
        found.append(maps)
    return found
