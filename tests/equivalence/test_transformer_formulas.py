"""CAMs of transformers against the formulas of their papers, on small networks with fixed weights and fixed results."""

import numpy as np
import pytest
import torch
from PIL import Image

from equivalence import transformer_formulas
from orandnet.cam import lrp
from orandnet.cam.class_attention import class_attention_maps
from orandnet.classifier.network import create_classifier
from orandnet.classifier.settings import Settings

SMALL = {"backbone": {"model": "test_vit", "pretrained": False}, "crop_size": 32, "vit": {"patch_size": 8, "depth": 2}}
# made once by the formulas: relevance of three classes for two of the patches, in shares of each map
RELEVANCE = np.array([[0.066044, 0.038774], [0.040987, 0.042698], [0.048134, 0.041553]])


def fixed_network(kind):
    """Return a network in inference mode whose weights are waves: no random number is drawn."""
    network = create_classifier(Settings(kind=kind, **SMALL), 3).eval()
    with torch.no_grad():
        for number, (name, parameter) in enumerate(network.named_parameters()):
            wave = torch.arange(parameter.numel(), dtype=torch.float64).mul(0.7 + 0.13 * number).sin()
            norm = "norm" in name and name.endswith("weight")
            scale = 0.3 if parameter.ndim < 2 else 2.0 / parameter[0].numel() ** 0.5
            parameter.copy_((wave * scale + norm).view(parameter.shape))
    return network


def fixed_image(height, width):
    y, x, channel = np.mgrid[:height, :width, :3]
    return ((np.sin(y / 5 + channel) * np.cos(x / 7 - channel) + 1) * 127).astype(np.uint8)


def tokens_of(network, rgb):
    """Return the (T, D) tokens that go into the first block, in float32."""
    seen = []
    hook = network.model.blocks[0].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    with torch.no_grad():
        network(rgb)
    hook.remove()
    return seen[0][0]


def test_relevance_propagation():
    network, image = fixed_network("vit"), fixed_image(32, 32)
    rgb = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    expected = torch.stack(
        [transformer_formulas.relevance_map(network.model, tokens_of(network, rgb), target) for target in range(3)]
    )
    shares = (expected / expected.sum(dim=1, keepdim=True)).numpy()
    np.testing.assert_allclose(shares[:, [0, 9]], RELEVANCE, rtol=1e-3)
    ours = lrp.attribution(network, rgb, torch.tensor([[0, 1, 2]]), start_block=0)[0].flatten(1)
    assert ours.shape == expected.shape == (3, 16)
    np.testing.assert_allclose(ours.numpy(), expected.numpy(), rtol=2e-3)


@pytest.mark.parametrize(("size", "shape"), [((37, 45), (5, 6)), ((32, 48), (4, 6)), ((27, 20), (3, 2))])
def test_class_attention_at_sizes_that_are_no_multiple_of_a_token(size, shape):
    network, image = fixed_network("mctformer"), fixed_image(*size)
    resized = Image.fromarray(image).resize((8 * shape[1], 8 * shape[0]), Image.Resampling.BICUBIC)
    tokens = tokens_of(network, torch.from_numpy(np.array(resized).transpose(2, 0, 1))[None])
    assert len(tokens) == 3 + shape[0] * shape[1]
    maps = transformer_formulas.class_attention(
        network.model, network.patch_cam, tokens, shape, blocks=2, classes=[0, 2]
    )
    grid = (-(-size[0] // 4), -(-size[1] // 4))
    expected = torch.nn.functional.interpolate(maps[None], grid, mode="bilinear")[0]
    rgb = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    options = {"blocks": 2, "heads": "mean", "patch_cam": True, "refine": True}
    (ours,) = class_attention_maps(network, rgb, [(1, 3)], scales=[1.0], flip=False, **options)
    assert ours.shape == (2, *grid)
    peaks = expected.amax(dim=(1, 2), keepdim=True)
    assert (peaks > 0).all()
    ours = ours / ours.amax(dim=(1, 2), keepdim=True)
    np.testing.assert_allclose(ours.numpy(), (expected / peaks).numpy(), atol=5e-3)
