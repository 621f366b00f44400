"""CAMs of an MCTformer (Xu et al., "Multi-class token transformer", CVPR 2022, section 3).

With the attention A of a block, its heads averaged, the map of class c on patch i is

    m(c, i) = P * mean over the last blocks of A[class token c, patch i],    in v2 times ReLU(PatchCAM(c, i)),

and the attention between patches, averaged over all blocks, spreads it to what looks alike:

    refined(c, i) = sum over patches j of A[patch i, patch j] m(c, j).

P, the number of patches, and means where the release has sums are factors that the normalisation of each map takes out;
with them, maps of all scales have the same level: 1 is an even share of the attention. Rows of A[patch, patch] are used
as the softmax left them, that is, short of 1 by what a patch gives to the class tokens.
"""

from functools import partial

import torch
from torch import Tensor

from orandnet.cam.multiscale import Classes, positions, summed_maps
from orandnet.cam.recording import recorded_attention
from orandnet.classifier.mctformer import MctformerClassifier
from orandnet.maps.grid import grid_shape

HEADS = {"mean": lambda attention: attention.mean(dim=1), "max": lambda attention: attention.amax(dim=1)}


def class_to_patch(attentions: list[Tensor], *, num_classes: int, prefix: int, blocks: int) -> Tensor:
    """Return (N, C, patches) mean attention of the class tokens to patches over the last `blocks`; 1 is an even share.

    Args:
        attentions: per block (N, tokens, tokens) in [0, 1], class tokens first.
        num_classes: number C of class tokens.
        prefix: number of tokens before the patches.
        blocks: number of last blocks.

    Raises:
        ValueError: if there are fewer blocks.
    """
    if blocks > len(attentions):
        raise ValueError(f"cam.attention_blocks: {blocks}, but there are {len(attentions)} blocks; lower it.")
    maps = torch.stack([attention[:, :num_classes, prefix:] for attention in attentions[-blocks:]]).mean(dim=0)
    return maps * maps.shape[2]


def spread(maps: Tensor, attentions: list[Tensor], *, prefix: int) -> Tensor:
    """Return (N, C, patches) maps spread by the attention between patches, averaged over blocks."""
    affinity = torch.stack([attention[:, prefix:, prefix:] for attention in attentions]).mean(dim=0)
    return maps @ affinity.mT


def localisation(
    network: MctformerClassifier, rgb: Tensor, *, blocks: int, heads: str, patch_cam: bool, refine: bool
) -> Tensor:
    """Return (N, C, h, w) maps of all classes of (N, 3, H, W) RGB, at least 0, h and w in tokens."""
    prefix = network.model.num_prefix_tokens
    with recorded_attention(network.model, keep=HEADS[heads]) as recorded:
        _, patch_map = network.evidence(rgb)
    maps = class_to_patch(recorded, num_classes=network.num_foreground, prefix=prefix, blocks=blocks)
    if patch_cam and patch_map is not None:
        maps = maps * patch_map.relu().flatten(2)
    if refine:
        maps = spread(maps, recorded, prefix=prefix)
    return maps.unflatten(2, grid_shape(tuple(rgb.shape[-2:]), network.model.patch_embed.feat_ratio()))


@torch.inference_mode()
def class_attention_maps(
    network: MctformerClassifier,
    rgb: Tensor,
    classes: Classes,
    *,
    scales: list[float],
    flip: bool,
    blocks: int,
    heads: str,
    patch_cam: bool,
    refine: bool,
    interpolation: str = "bicubic",
) -> list[Tensor]:
    """Return the maps of each image's own classes on its grid, summed over scales.

    Args:
        network: a trained MCTformer in inference mode.
        rgb: (N, 3, H, W) uint8 on the network's device.
        classes: mask ids of each image's labels.
        scales: of the images' size; rounded to whole tokens.
        flip: add the mirrored images at each scale.
        blocks: last blocks whose class attention counts.
        heads: `mean` or `max`.
        patch_cam: multiply with PatchCAM, if the network has it.
        refine: spread the maps by the attention between patches.
        interpolation: of the images, as in `resize_image`.

    Returns:
        Per image (K, h, w) float32, at least 0, not normalised.
    """
    maps = summed_maps(
        partial(localisation, network, blocks=blocks, heads=heads, patch_cam=patch_cam, refine=refine),
        rgb,
        scales=scales,
        flip=flip,
        chosen=positions(classes, rgb.device),
        stride=network.model.patch_embed.feat_ratio(),
        interpolation=interpolation,
    )
    return [found[: len(own)] for found, own in zip(maps, classes, strict=True)]
