"""CAMs of CLIP: Softmax-GradCAM, and its refinement (CLIP-ES, Lin et al., CVPR 2023).

With the output F of the last block's first normalisation, (patches, D), and the score s_c of class c, a softmax over
the labels of the image and the background words,

    w_c = mean over patches of ds_c / dF,    m_c(i) = max(0, F(i) . w_c),

brought to [0, 1] and spread by `affinity`. The softmax is what makes the map of a class sharp: evidence for its rivals
counts against it.
"""

from contextlib import ExitStack

import torch
from torch import Tensor, nn

from orandnet.cam.clip.affinity import spread
from orandnet.cam.clip.network import ClipNetwork
from orandnet.cam.clip.settings import ClipSettings
from orandnet.cam.multiscale import Classes, positions, resize_image
from orandnet.cam.recording import recorded_attention
from orandnet.maps.grid import grid_shape
from orandnet.maps.score_maps import min_max, resize_maps
from orandnet.networks.device import full_precision


def compared(network: ClipNetwork, classes: Classes, device: torch.device) -> Tensor:
    """Return (N, C + B) bool: the words each image is compared with, its own labels and all of the background."""
    found = torch.ones(len(classes), len(network.words), dtype=torch.bool)
    found[:, : network.num_foreground] = False
    for row, own in enumerate(classes):
        found[row, [class_id - 1 for class_id in own]] = True
    return found.to(device)


def softmax_grad_cam(network: ClipNetwork, rgb: Tensor, classes: Classes) -> tuple[Tensor, list[Tensor]]:
    """Return the maps of each image's classes, and the attention of each block.

    The gradient is that of log s_c, which is that of s_c but for a factor of each map, and does not vanish where s_c is
    nearly 0; in float64 neither does it where s_c is nearly 1. Both are common with cosines times 100.

    Args:
        network: in inference mode.
        rgb: (N, 3, H, W) uint8, H and W multiples of a patch.
        classes: mask ids of each image's labels.

    Returns:
        maps (N, T, patches) float32, at least 0, of an image with fewer classes some twice; and per block (N, tokens,
        tokens), its heads averaged.
    """
    prefix, seen = network.model.num_prefix_tokens, []
    with ExitStack() as stack:

        def cut(_: nn.Module, __: tuple, output: Tensor) -> Tensor:
            """Start the gradient here, and compute in full precision from here on."""
            stack.enter_context(full_precision(output.device))
            seen.append(output.detach().float().requires_grad_())
            return seen[0]

        attentions = stack.enter_context(recorded_attention(network.model, keep=lambda a: a.detach().mean(dim=1)))
        stack.callback(network.model.blocks[-1].norm1.register_forward_hook(cut).remove)
        with torch.enable_grad():
            logits = network.logits(network.model(network.normalise(rgb)))
            others = ~compared(network, classes, rgb.device)
            scores = logits.masked_fill(others, -torch.inf).log_softmax(dim=1)
    (patches,) = seen
    maps = []
    for target in positions(classes, rgb.device).T:
        chosen = scores.gather(1, target[:, None]).sum()  # images do not mix: one backward pass serves all
        (gradient,) = torch.autograd.grad(chosen, patches, retain_graph=True)
        weights = gradient[:, prefix:].mean(dim=1, keepdim=True)
        maps.append((patches.detach()[:, prefix:] * weights).sum(dim=2).relu())
    return torch.stack(maps, dim=1), attentions


def localisation(network: ClipNetwork, rgb: Tensor, classes: Classes, settings: ClipSettings) -> Tensor:
    """Return (N, T, h, w) maps of each image's classes in [0, 1], h and w in tokens; see `softmax_grad_cam`.

    Raises:
        ValueError: if more blocks are to be averaged than the model has.
    """
    maps, attentions = softmax_grad_cam(network, rgb, classes)
    number, prefix = settings.attention_blocks, network.model.num_prefix_tokens
    if number > len(attentions):
        raise ValueError(f"cam.attention_blocks: {number}, but there are {len(attentions)} blocks; lower it.")
    maps = maps.unflatten(2, grid_shape(tuple(rgb.shape[-2:]), network.model.patch_embed.feat_ratio()))
    maps = torch.stack([min_max(own) for own in maps])
    if not settings.refine:
        return maps
    with full_precision(rgb.device):
        between = (
            torch.stack([attention[:, prefix:, prefix:] for attention in attentions[-number:]]).float().mean(dim=0)
        )
        refined = spread(maps, between, settings.box_threshold)
    return torch.stack([min_max(own) for own in refined])


def clip_maps(network: ClipNetwork, rgb: Tensor, classes: Classes, settings: ClipSettings) -> list[Tensor]:
    """Return the maps of each image's own classes on its grid, summed over scales.

    Args:
        network: in inference mode.
        rgb: (N, 3, H, W) uint8 on the network's device.
        classes: mask ids of each image's labels.
        settings: scales, of the image's size, whose sides are rounded up to whole patches; flip, interpolation,
            attention_blocks, refine and box_threshold.

    Returns:
        Per image (K, h, w) float32, at least 0, not normalised.
    """
    shape, patch = grid_shape(tuple(rgb.shape[-2:])), network.model.patch_embed.feat_ratio()
    total = torch.zeros((), device=rgb.device)
    for scale in settings.scales:
        size = tuple(-int(-(length * scale) // patch) * patch for length in rgb.shape[-2:])
        image = resize_image(rgb, size, settings.interpolation)
        maps = localisation(network, image, classes, settings)
        if settings.flip:
            maps = maps + localisation(network, image.flip(-1), classes, settings).flip(-1)
        total = total + resize_maps(maps, shape)
    return [found[: len(own)] for found, own in zip(total, classes, strict=True)]
