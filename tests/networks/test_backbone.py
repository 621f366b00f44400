"""Models of timm as feature extractors: whatever their stride and the sizes they take, maps of any image."""

import re
from functools import partial

import pytest
import timm
import torch
from safetensors.torch import save_file

from orandnet.cam.attention import vit_maps
from orandnet.classifier.network import create_classifier
from orandnet.classifier.settings import Settings
from orandnet.irn.boundary import BoundaryNetwork
from orandnet.irn.settings import BoundarySettings
from orandnet.networks.backbone import create_backbone
from orandnet.settings import Backbone

# model -> stride of its last map where 16 is asked for; families that refuse the stride, or some sizes, or both
STRIDES = {
    "test_resnet": 16,
    "convnext_atto": 16,  # not below 16 pixels
    "densenet121": 32,
    "hrnet_w18_small": 32,  # multiples of 32
    "edgenext_xx_small": 32,
    "pvt_v2_b0": 32,
    "swin_tiny_patch4_window7_224": 32,  # channels last
    "test_vit": 16,
}
SMALLER = {"densenet121": {"growth_rate": 4}, "swin_tiny_patch4_window7_224": {"embed_dim": 24}}
SIZES = [(24, 30), (12, 15), (3, 4), (45, 61), (94, 125)]


def extractor(model, **options):
    torch.manual_seed(0)
    settings = Backbone(model=model, pretrained=False, model_options=SMALLER.get(model, {}))
    return create_backbone(settings, **{"output_stride": 16, **options}).eval()


@pytest.mark.parametrize("model", STRIDES)
def test_any_model_with_feature_maps_gives_them_for_images_of_any_size(model, capsys):
    network = extractor(model)
    assert network.strides == [STRIDES[model]]
    told = f"the stride of '{model}' cannot be chosen; its last map has a cell for 32 pixels, not 16."
    assert (told in capsys.readouterr().err) == (STRIDES[model] == 32)
    for size in SIZES:
        with torch.inference_mode():
            (found,) = network(torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8))
        assert found.shape[1] == network.channels[-1]
        cells = [max(1, -(-side // STRIDES[model])) for side in size]
        assert all(abs(have - want) <= 1 for have, want in zip(found.shape[2:], cells, strict=True)), size


def test_a_network_that_takes_any_size_sees_images_as_they_are():
    network = extractor("test_resnet")
    rgb = torch.randint(0, 256, (1, 3, 21, 34), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(network(rgb)[0], network.stages(network.normalise(rgb))[-1])


def test_stretched_images_keep_their_places():
    """The brightest place of a map is where the image is bright, also if the network sees it stretched."""
    network = extractor("hrnet_w18_small")
    rgb = torch.zeros(1, 3, 200, 330, dtype=torch.uint8)
    rgb[..., 100:, 220:] = 255
    with torch.inference_mode():
        change = (network(rgb)[0] - network(torch.zeros_like(rgb))[0]).abs().sum(dim=1)[0]
    rows, columns = change.shape
    assert change[rows // 2 :, 2 * columns // 3 :].mean() > 2 * change[: rows // 4, : columns // 3].mean()


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("no_such_model", {}, "timm cannot make 'no_such_model' (Unknown model"),
        ("levit_128s", {}, "no feature maps of images of any size (it takes images of one size only)"),
        ("convnext_atto", {"out_indices": (0, 1, 2, 3, 4)}, "stages: [0, 1, 2, 3, 4] are not all there"),
    ],
)
def test_a_model_that_cannot_serve_is_refused_with_the_cause(model, options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        extractor(model, **options)


def test_keywords_that_the_model_does_not_know_are_told(capsys):
    settings = Backbone(model="test_resnet", pretrained=False, model_options={"colour": "red"})
    with pytest.raises(ValueError, match=r"unexpected keyword argument 'colour'"):
        create_backbone(settings, output_stride=16)


@pytest.mark.parametrize("content", [b"", b"cut off", (2**60).to_bytes(8, "little") + b"{}"])
def test_damaged_weights_are_named_with_the_model(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    settings = Backbone(model="test_resnet", weights=str(tmp_path / "w.safetensors"))
    with pytest.raises(
        ValueError, match=r"timm cannot make 'test_resnet' \(.*give a local `weights` file that is whole"
    ):
        create_backbone(settings, output_stride=16)


def test_weights_of_another_model_are_refused_and_not_left_at_random(tmp_path):
    path = tmp_path / "w.safetensors"
    right = timm.create_model("test_resnet", pretrained=False).state_dict()
    save_file({f"encoder.{name}": tensor for name, tensor in right.items()}, path)
    settings = Backbone(model="test_resnet", weights=str(path))
    with pytest.raises(ValueError, match=r"w.safetensors lacks \d+ of the network's weights, such as conv1"):
        create_backbone(settings, output_stride=16)
    save_file({name: tensor for name, tensor in right.items() if not name.startswith("fc.")}, path)
    made = create_backbone(settings, output_stride=16)
    assert torch.equal(made.stages.state_dict()["conv1.0.weight"], right["conv1.0.weight"])


@pytest.mark.parametrize(("model", "number"), [("convnext_atto", 4), ("test_resnet", 5)])
def test_the_boundary_network_reads_all_stages_its_backbone_has(model, number):
    network = BoundaryNetwork(BoundarySettings(backbone={"model": model, "pretrained": False}))
    assert len(network.stages) == number
    assert network(torch.zeros(1, 3, 50, 71, dtype=torch.uint8)).shape == (1, 13, 18)


def vit(model, crop_size, **changes):
    return Settings(kind="vit", backbone={"model": model, "pretrained": False}, crop_size=crop_size, **changes)


@pytest.mark.parametrize(
    ("model", "changes", "words"),
    [
        (
            "vit_small_patch14_reg4_dinov2",
            {},
            "crop_size 512 is no multiple of the model's patch of 14 pixels; write 504 or 518.",
        ),
        ("deit_small_patch16_224.fb_in1k", {"vit": {"patch_size": 24}}, "patch of 24 pixels; write 504 or 528."),
        ("test_vit", {"vit": {"stem": {"model": "test_resnet"}, "stem_stride": 24}}, "patch of 24 pixels"),
    ],
)
def test_a_window_without_whole_patches_is_refused_with_the_config(model, changes, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        vit(model, 512, **changes)


def test_a_patch_that_the_name_does_not_tell_is_found_when_the_model_is_made():
    with pytest.raises(
        ValueError, match="crop_size 56 is no multiple of the model's patch of 16 pixels; write 48 or 64"
    ):
        create_classifier(vit("test_vit", 56), 2)


@pytest.mark.parametrize("model", ["beit_base_patch16_224", "eva02_tiny_patch14_224", "deit_tiny_patch16_224"])
def test_transformers_that_usually_score_a_mean_score_their_class_token_if_they_have_one(model):
    side = 2 * int(re.search(r"patch(\d+)", model)[1])
    torch.manual_seed(0)
    network = create_classifier(vit(model, side, vit={"depth": 1}), 3).eval()
    rgb = torch.randint(0, 256, (1, 3, side, side), dtype=torch.uint8)
    maps = partial(vit_maps, network, rgb, torch.tensor([[0, 2]]), size=side, flip=True, start_block=0)
    (found,) = maps(scales=[1.0])
    assert found.shape == (1, 2, 2, 2)
    assert found.min() >= 0 < found.max()
    if model.startswith("beit"):  # its table of positions is of one size
        with pytest.raises(ValueError, match=r"cam.scales: 0.5, but this transformer takes .*; write scales: \[1.0\]"):
            maps(scales=[0.5])
    else:
        assert [tuple(one.shape[2:]) for one in maps(scales=[0.5, 1.0])] == [(1, 1), (2, 2)]


@pytest.mark.parametrize("model", ["swin_tiny_patch4_window7_224", "xcit_nano_12_p16_224"])
def test_a_model_without_a_class_token_among_its_patches_is_no_vit(model):
    with pytest.raises(
        ValueError, match=r"is no vision transformer that scores its class token; choose .* or kind: cnn"
    ):
        create_classifier(vit(model, 224), 2)
