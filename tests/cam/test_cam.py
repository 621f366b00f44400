"""Class activation maps: own classes only, mirror images, attention rollout, and the grid they lie on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from orandnet.cam import maps as cam_maps
from orandnet.cam.attention import attribution, rollout, vit_maps
from orandnet.cam.maps import cams as make_cams
from orandnet.cam.multiscale import cnn_maps, resize_image, scaled_images
from orandnet.cam.settings import Settings
from orandnet.cam.stage import run
from orandnet.classifier.network import create_classifier
from orandnet.classifier.settings import Settings as ClassifierSettings
from orandnet.dataset.index import Record
from orandnet.dataset.scenes.drawing import CLASS_NAMES, draw_scene
from orandnet.files.checkpoint import encode, save_weights
from orandnet.files.store import CamStore
from orandnet.maps.grid import grid_shape
from orandnet.maps.score_maps import NORMALISATIONS, divide_by_max, min_max, resize_maps
from orandnet.training.augment import to_tensor

CPU = torch.device("cpu")
TRAINED = {
    "cnn": ClassifierSettings(kind="cnn", backbone={"model": "test_resnet", "pretrained": False}, crop_size=32),
    "vit": ClassifierSettings(
        kind="vit", backbone={"model": "test_vit", "pretrained": False}, crop_size=32, vit={"patch_size": 8}
    ),
    "hybrid": ClassifierSettings(
        kind="vit",
        backbone={"model": "test_vit", "pretrained": False},
        crop_size=64,
        vit={"stem": {"model": "test_resnet", "pretrained": False}, "stem_stride": 16},
    ),
    "mctformer": ClassifierSettings(
        kind="mctformer", backbone={"model": "test_vit", "pretrained": False}, crop_size=32, vit={"patch_size": 8}
    ),
}


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {kind: create_classifier(settings, 4).eval() for kind, settings in TRAINED.items()}


def photographs(number, height, width):
    return torch.randint(0, 256, (number, 3, height, width), generator=torch.Generator().manual_seed(1)).byte()


def maps_of(network, rgb, classes, **options):
    (maps,) = cnn_maps(network, rgb[None], [tuple(classes)], **{"scales": [0.5, 1.0], "flip": True, **options})
    return maps


@pytest.mark.parametrize("size", [(40, 56), (37, 50), (9, 70)])
def test_cnn_maps_lie_on_the_grid_of_the_image(networks, size):
    maps = maps_of(networks["cnn"], photographs(1, *size)[0], [1, 4])
    assert maps.shape == (2, *grid_shape(size))
    assert maps.dtype == torch.float32
    assert maps.min() >= 0


def test_each_class_has_its_own_map_whichever_others_are_asked_for(networks):
    rgb = photographs(1, 40, 56)[0]
    together = maps_of(networks["cnn"], rgb, [1, 2, 4])
    for row, class_id in enumerate([1, 2, 4]):
        torch.testing.assert_close(maps_of(networks["cnn"], rgb, [class_id])[0], together[row])


def test_one_scale_is_the_positive_class_map_brought_to_the_grid(networks):
    rgb = photographs(1, 64, 64)[0]
    with torch.no_grad():
        expected = resize_maps(networks["cnn"].class_map(rgb[None])[:, [1]].relu(), (16, 16))[0]
    torch.testing.assert_close(maps_of(networks["cnn"], rgb, [2], scales=[1.0], flip=False), expected)


def test_with_flips_the_mirrored_image_has_the_mirrored_cnn_map(networks):
    rgb = photographs(1, 64, 96)[0]
    straight, mirrored = (maps_of(networks["cnn"], image, [1, 3]) for image in (rgb, rgb.flip(-1)))
    torch.testing.assert_close(mirrored.flip(-1), straight, atol=1e-4, rtol=1e-4)
    one_sided = [maps_of(networks["cnn"], image, [1, 3], flip=False) for image in (rgb, rgb.flip(-1))]
    assert (one_sided[1].flip(-1) - one_sided[0]).abs().max() > 1e-3


def test_scales_are_summed(networks):
    rgb = photographs(1, 40, 56)[0]
    parts = [maps_of(networks["cnn"], rgb, [1], scales=[scale]) for scale in (0.5, 1.0, 1.5)]
    torch.testing.assert_close(maps_of(networks["cnn"], rgb, [1], scales=[0.5, 1.0, 1.5]), sum(parts))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(30, 41), (60, 80), (97, 130), (120, 160)])
def test_resized_images_are_those_of_pil_to_a_grey_level(size, interpolation):
    rgb = draw_scene(np.random.default_rng(0), (60, 80), CLASS_NAMES[0]).rgb
    resized = resize_image(to_tensor(rgb)[None], size, interpolation)
    expected = Image.fromarray(rgb).resize(size[::-1], Image.Resampling[interpolation.upper()])
    assert resized.dtype == torch.uint8
    assert np.abs(resized[0].permute(1, 2, 0).numpy().astype(int) - np.asarray(expected)).max() <= 1


def test_sharp_edges_stay_within_0_and_255():
    stripes = torch.tensor([0, 255] * 32, dtype=torch.uint8).view(1, 1, 8, 8).expand(1, 3, 8, 8)
    resized = resize_image(stripes, (8, 30)).int()
    assert (resized[..., :2].min(), resized[..., -2:].max()) == (0, 255)  # overshoot is cut, not wrapped


def test_each_scale_comes_with_the_mirror_images():
    rgb = photographs(2, 40, 56)
    images = list(scaled_images(rgb, scales=[0.5, 1.0], flip=True))
    assert [image.shape for image in images] == [(4, 3, 20, 28), (4, 3, 40, 56)]
    torch.testing.assert_close(images[1][:2], rgb)
    for image in images:
        torch.testing.assert_close(image[2:], image[:2].flip(-1))
    assert [image.shape for image in scaled_images(rgb, scales=[0.6], flip=False, stride=16)] == [(2, 3, 32, 32)]


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_normalised_maps_fill_the_unit_interval_and_empty_ones_stay_empty(name):
    maps = torch.randn(3, 5, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 100, 0])[:, None, None]
    scores = NORMALISATIONS[name](maps)
    assert scores.shape == maps.shape
    assert 0 <= scores.min() <= scores.max() <= 1
    assert scores[:2].amax(dim=(1, 2)).min() > 0.999
    assert scores[2].max() == 0


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e6])
def test_min_max_does_not_depend_on_the_level_of_the_evidence(scale):
    maps = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(min_max(scale * maps), min_max(maps))
    assert min_max(scale * maps).amax(dim=(1, 2)).min() > 0.9999


def test_min_max_keeps_a_map_empty_that_is_flat_but_for_rounding():
    flat = torch.full((1, 4, 4), 0.3)
    flat[0, 0, 0] += torch.finfo(torch.float32).eps
    assert 0 <= min_max(flat).max() < 0.05


def test_normalisations_by_hand():
    maps = torch.tensor([[[-1.0, 1.0, 3.0]]])
    torch.testing.assert_close(divide_by_max(maps), torch.tensor([[[0, 1 / 3, 1]]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(min_max(maps), torch.tensor([[[0, 0.5, 1]]]), atol=1e-5, rtol=0)


def test_rollout_of_two_blocks_and_three_tokens_by_hand():
    first, second = torch.rand(2, 1, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    slopes = torch.randn(2, 1, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    weighted = [(a * g).clamp(min=0)[0].mean(dim=0) for a, g in zip((first, second), slopes, strict=True)]
    identity = torch.eye(3)
    expected = (identity + weighted[1]) @ (identity + weighted[0])
    torch.testing.assert_close(rollout([first, second], list(slopes))[0], expected)


def test_attention_without_slope_leaves_each_token_to_itself():
    attention = torch.full((2, 1, 3, 3), 1 / 3)
    found = rollout([attention], [torch.zeros_like(attention)])
    torch.testing.assert_close(found, torch.eye(3).expand(2, 3, 3))


@pytest.mark.parametrize("kind", ["vit", "hybrid"])
def test_the_attribution_of_a_batch_is_that_of_its_images_one_by_one(networks, kind):
    rgb = photographs(3, 64, 64).float()
    targets = torch.tensor([[0, 3], [1, 1], [2, 0]])
    together = attribution(networks[kind], rgb, targets, start_block=1)
    tokens = 64 // networks[kind].model.patch_embed.feat_ratio()
    assert together.shape == (3, 2, tokens, tokens)
    assert together.min() >= 0
    assert together.max() > 0
    assert not together.requires_grad
    for row in range(3):
        for column in range(2):
            alone = attribution(
                networks[kind], rgb[row : row + 1], targets[row : row + 1, column : column + 1], start_block=1
            )
            torch.testing.assert_close(alone[0, 0], together[row, column], atol=1e-6, rtol=1e-4)


def test_attribution_leaves_image_and_weights_without_gradient_and_works_when_all_is_frozen(networks):
    network, rgb, targets = networks["vit"], photographs(1, 32, 32).float(), torch.tensor([[0]])
    expected = attribution(network, rgb, targets, start_block=0)
    assert not rgb.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.requires_grad_(False)
    with torch.no_grad():
        torch.testing.assert_close(attribution(network, rgb, targets, start_block=0), expected)
    for parameter in learning:
        parameter.requires_grad_(True)


def test_a_start_block_beyond_the_last_is_refused(networks):
    with pytest.raises(ValueError, match=r"cam\.start_block: 6, but there are 6 blocks"):
        attribution(networks["vit"], photographs(1, 32, 32).float(), torch.tensor([[0]]), start_block=6)


def test_vit_maps_of_each_scale_have_whole_tokens_and_mirror(networks):
    rgb, targets = photographs(2, 32, 32), torch.tensor([[0, 1], [2, 2]])
    options = {"size": 32, "scales": [1.0, 1.3], "start_block": 0}
    straight, mirrored = (vit_maps(networks["vit"], x, targets, flip=True, **options) for x in (rgb, rgb.flip(-1)))
    assert [tuple(maps.shape) for maps in straight] == [(2, 2, 4, 4), (2, 2, 5, 5)]
    for maps, other in zip(straight, mirrored, strict=True):
        torch.testing.assert_close(other.flip(-1), maps, atol=1e-5, rtol=1e-3)


@pytest.fixture
def data_set(tmp_path):
    """An index of three images of different sizes and numbers of classes."""
    rows, records = ["image_id,image,mask,split,height,width,labels"], []
    for name, size, classes in (("a", (40, 56), (1, 3)), ("b", (33, 35), (2,)), ("c", (50, 36), (1, 2, 4))):
        rgb = np.random.default_rng(len(records)).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(tmp_path / f"{name}.png")
        labels = ";".join("wxyz"[class_id - 1] for class_id in classes)
        rows.append(f"{name},{tmp_path}/{name}.png,,train,{size[0]},{size[1]},{labels}")
        records.append(Record(name, str(tmp_path / f"{name}.png"), "train", size, classes))
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "classes.json").write_text('{"classes": ["w", "x", "y", "z"]}')
    return tmp_path, records


@pytest.mark.parametrize("kind", TRAINED)
def test_every_image_gets_the_maps_of_its_own_labels_on_its_own_grid(data_set, networks, kind):
    _, records = data_set
    settings = Settings(scales=[1.0], batch_size=2)
    cams = list(make_cams(networks[kind], records, settings, TRAINED[kind], CPU))
    assert [cam.image_id for cam in cams] == ["a", "b", "c"]
    for cam, record in zip(cams, records, strict=True):
        assert tuple(cam.classes) == record.classes
        assert cam.size == record.size
        assert cam.scores.shape == (len(record.classes), *grid_shape(record.size))
        assert 0 <= cam.scores.min() <= cam.scores.max() <= 1
    (alone,) = make_cams(networks[kind], records[1:2], settings, TRAINED[kind], CPU)
    np.testing.assert_allclose(alone.scores, cams[1].scores, atol=1e-4)


@pytest.mark.parametrize("kind", TRAINED)
def test_images_that_go_through_together_have_the_maps_they_have_alone(data_set, networks, kind, monkeypatch):
    """As on a GPU; a and d are of one size, and d has more classes."""
    _, records = data_set
    records = [*records, replace(records[0], image_id="d", image=records[0].image, classes=(1, 2, 4))]
    settings = Settings(scales=[1.0, 1.3])
    alone = [cam for record in records for cam in make_cams(networks[kind], [record], settings, TRAINED[kind], CPU)]
    monkeypatch.setattr(cam_maps, "images_at_once", lambda *_: 2)
    together = list(make_cams(networks[kind], records, settings, TRAINED[kind], CPU))
    assert [cam.image_id for cam in together] == ["a", "b", "c", "d"]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(other.classes, one.classes)
        np.testing.assert_allclose(other.scores, one.scores, atol=1e-4)


def test_only_images_of_one_size_go_together(data_set):
    _, (a, b, c) = data_set
    groups = list(cam_maps.by_size([a, b, a, a, c], 2, squeezed=False))
    assert groups == [[a, a], [a], [b], [c]]
    assert list(cam_maps.by_size([a, b, c], 2, squeezed=True)) == [[a, b], [c]]


def test_the_stage_writes_the_same_maps_in_shards_as_in_one_file(data_set, networks):
    folder, _ = data_set
    metadata = {"classifier": TRAINED["cnn"].canonical_json(), "classes": encode(list("wxyz"))}
    save_weights(folder / "w.safetensors", networks["cnn"].state_dict(), metadata)
    shards = ["1-of-1", "1-of-2", "2-of-2"]
    for shard in shards:
        output = folder / f"{shard}.npz"
        run(
            index=folder / "index.csv",
            weights=folder / "w.safetensors",
            output=output,
            settings=Settings(scales=[1.0]),
            shard=shard,
            device="cpu",
        )
    whole, parts = CamStore([folder / "1-of-1.npz"]), CamStore([folder / f"{shard}.npz" for shard in shards[1:]])
    assert parts.image_ids == whole.image_ids == ["a", "b", "c"]
    for image_id in whole.image_ids:
        np.testing.assert_array_equal(parts[image_id].scores, whole[image_id].scores)


def test_a_list_without_training_images_is_an_error_and_leaves_no_shard(data_set, networks):
    folder, _ = data_set
    metadata = {"classifier": TRAINED["cnn"].canonical_json(), "classes": encode(list("wxyz"))}
    save_weights(folder / "w.safetensors", networks["cnn"].state_dict(), metadata)
    index, output = folder / "index.csv", folder / "1-of-1.npz"
    index.write_text(index.read_text().replace(",train,", ",val,"))
    with pytest.raises(ValueError, match=r"no image is in the split 'train_aug' \(it has val\)"):
        run(index=index, weights=folder / "w.safetensors", output=output, settings=Settings(), device="cpu")
    assert not output.exists()
