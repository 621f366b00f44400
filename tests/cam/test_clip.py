"""CLIP as a source: its words, both towers from files in their real formats, and its CAMs."""

import builtins
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from cam.small_clip import (
    DIMENSIONS,
    MODEL,
    SIDE,
    as_open_clip,
    as_openai,
    as_timm,
    small_clip,
    text_settings,
    write_config,
)
from cam.test_cam import CPU, data_set, photographs  # noqa: F401
from orandnet.cam import maps as cam_maps
from orandnet.cam.clip.features import WordFeatures, read_features, write_features
from orandnet.cam.clip.network import ClipNetwork, image_tower
from orandnet.cam.clip.settings import ClipBackbone, ClipSettings
from orandnet.cam.clip.text import text_features
from orandnet.cam.clip.words import background_words, class_phrases, published_background, published_phrases
from orandnet.cam.stage import clip, text
from orandnet.files.store import CamStore
from orandnet.maps.grid import grid_shape

WRITERS = {"openai.pt": as_openai, "open_clip.safetensors": as_open_clip, "timm.safetensors": as_timm}
WORDS = ("w", "x", "y", "z")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a small CLIP in all formats, and open_clip's form of it, in the folder's name for open_clip."""
    folder = tmp_path_factory.mktemp("clip")
    name = write_config(folder / "model")
    model = small_clip(name)
    for file, write in WRITERS.items():
        write(model, folder / file)
    return folder, name, model


def test_published_words_are_those_of_voc_and_coco():
    voc, coco = published_phrases("voc"), published_phrases("coco")
    assert (len(voc), len(coco)) == (20, 80)
    assert [name for name, phrase in voc.items() if name != phrase] == ["bird", "chair", "person", "tvmonitor"]
    assert voc["person"] == coco["person"] == "person with clothes,people,human"
    assert coco["tie"] == "necktie"
    assert len(published_background("voc")) == 25
    assert {*published_background("voc")} - {*published_background("coco")} == {"keyboard", "sign"}
    assert published_phrases("plain") == {}
    assert published_background("plain") == published_background("voc")


def test_a_class_has_the_users_phrase_or_the_published_one_or_its_name():
    settings = text_settings("", prompts={"cow": "cow bull"})
    assert class_phrases(["cow", "bird", "fire_engine"], settings) == ["cow bull", "bird avian", "fire engine"]
    assert class_phrases(["bird"], text_settings("", words="plain")) == ["bird"]


@pytest.mark.parametrize(
    ("names", "prompts", "message"),
    [
        (["cat"], {"dog": "dog"}, "prompts: 'dog' is no class; the classes are cat."),
        (["cat", "17"], {}, "prompts: the class '17' says nothing to CLIP; write 17: <what it looks like>."),
    ],
)
def test_phrases_that_cannot_be_meant_are_refused(names, prompts, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        class_phrases(names, text_settings("", prompts=prompts))


def test_a_class_is_no_background_whatever_it_is_called():
    settings = text_settings("", background_words=["Sky", "lake", "boat ship"])
    assert background_words(["sky", "boat"], ["sky", "boat ship"], settings) == ["lake"]
    with pytest.raises(ValueError, match=r"^text\.background_words: all of them are classes"):
        background_words(["sky"], ["lake"], text_settings("", background_words=["sky", "Lake"]))


@pytest.mark.parametrize("file", WRITERS)
def test_the_image_tower_of_each_format_sees_what_open_clip_sees(files, file):
    folder, _, model = files
    tower = image_tower(ClipBackbone(**MODEL, weights=str(folder / file)))
    network = ClipNetwork(ClipBackbone(**MODEL, weights=str(folder / file)), a_few_words())
    rgb = photographs(2, SIDE, SIDE)
    with torch.no_grad():
        image = network.normalise(rgb)
        expected = model.encode_image(image)
        found = tower.eval()(image)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=0.02 if file == "openai.pt" else 1e-5, rtol=0.02)
    cosines = torch.nn.functional.normalize(expected.double(), dim=1) @ network.words.T
    torch.testing.assert_close(network.logits(expected), 100 * cosines)


def a_few_words(number=6, dimensions=DIMENSIONS):
    units = np.random.default_rng(1).normal(size=(number, dimensions))
    units = (units / np.linalg.norm(units, axis=1, keepdims=True)).astype(np.float32)
    return WordFeatures(units[:4], units[4:], 100.0)


@pytest.mark.parametrize("file", ["openai.pt", "open_clip.safetensors"])
def test_sentences_have_the_features_that_open_clip_gives_them(files, file):
    import open_clip

    folder, name, model = files
    settings = text_settings(name, weights=str(folder / file), template="a photo of {}.")
    features, scale = text_features(["a cat", "a dog"], settings)
    assert scale == pytest.approx(100, rel=1e-2)
    with torch.no_grad():
        expected = model.encode_text(open_clip.get_tokenizer(name)(["a photo of a cat.", "a photo of a dog."]))
    expected = torch.nn.functional.normalize(expected, dim=1).numpy()
    assert np.abs(expected[0] - expected[1]).max() > 5e-3
    np.testing.assert_allclose(features, expected, atol=2e-3 if file == "openai.pt" else 1e-6)


def test_random_towers_for_a_rehearsal_are_the_same_each_time(files):
    _, name, _ = files
    first, second = (text_features(["cat"], text_settings(name, pretrained=False))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    state = torch.random.get_rng_state()
    one, other = (image_tower(ClipBackbone(**MODEL, pretrained=False)).head.weight for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_torchscript_archive_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "ViT-B-16.pt"
    with zipfile.ZipFile(path, "w") as archive:  # torch writes one no more without a warning
        for name in ("data.pkl", "constants.pkl", "version", "code/__torch__.py"):
            archive.writestr(f"archive/{name}", b"3")
    with pytest.raises(ValueError, match=r"ViT-B-16\.pt: is a TorchScript archive, which is a program; .*state_dict"):
        image_tower(ClipBackbone(**MODEL, weights=str(path)))


def test_weights_of_another_model_are_refused(files, tmp_path):
    folder, name, model = files
    backbone = MODEL | {"model_options": MODEL["model_options"] | {"depth": 4}}
    with pytest.raises(ValueError, match=r"open_clip\.safetensors: is not the image tower .* 12 tensors are missing"):
        image_tower(ClipBackbone(**backbone, weights=str(folder / "open_clip.safetensors")))
    with pytest.raises(
        ValueError, match=r"timm\.safetensors: is not the text tower of text\.model: .* give text\.weights"
    ):
        text_features(["cat"], text_settings(name, weights=str(folder / "timm.safetensors")))
    odd = {"visual.class_embedding": torch.ones(32), "visual.positional_embedding": torch.ones(7)}
    safetensors.torch.save_file(odd, tmp_path / "odd.safetensors")
    with pytest.raises(ValueError, match=r"odd\.safetensors: no image tower in names of timm, OpenAI or open_clip"):
        image_tower(ClipBackbone(**MODEL, weights=str(tmp_path / "odd.safetensors")))
    spoilt = model.state_dict() | {"visual.proj": torch.full_like(model.visual.proj, torch.nan)}
    safetensors.torch.save_file({key: part.contiguous() for key, part in spoilt.items()}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"w\.safetensors: 1 tensors hold nan or inf, first head\.weight"):
        image_tower(ClipBackbone(**MODEL, weights=str(tmp_path / "w.safetensors")))
    with pytest.raises(ValueError, match=r"there is no such|no.*file|missing"):
        image_tower(ClipBackbone(**MODEL, weights=str(tmp_path / "absent.safetensors")))


@pytest.mark.parametrize(
    ("model", "options"),
    [("test_resnet", {}), ("test_vit", {"class_token": False, "global_pool": "avg"}), ("test_vit", {"num_classes": 0})],
)
def test_what_is_no_image_tower_with_a_class_token_is_refused(model, options):
    with pytest.raises(ValueError, match=rf"^backbone\.model: .*'{model}'"):
        image_tower(ClipBackbone(model=model, pretrained=False, model_options=options))


def test_towers_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="makes features of 16 numbers, and those of the words have 9"):
        ClipNetwork(ClipBackbone(**MODEL, pretrained=False), a_few_words(dimensions=9))


def test_a_text_model_that_open_clip_does_not_have_is_named(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match=r"^text\.model: open_clip cannot make 'ViT-B-17' with 'openai'"):
        text_features(["cat"], text_settings("ViT-B-17", tag="openai"))


def test_without_open_clip_the_job_says_what_to_install(monkeypatch):
    def refuse(name, *arguments, **options):
        if name == "open_clip":
            raise ModuleNotFoundError("No module named 'open_clip'")
        return original(name, *arguments, **options)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        ValueError, match=r"pip install open_clip_torch, or give their features as a file: text\.features"
    ):
        text_features(["cat"], text_settings("ViT-B-16"))


def test_features_come_back_as_unit_vectors_in_the_order_of_the_classes(tmp_path):
    features = np.array([[3, 4], [0, 2], [5, 0]], dtype=np.float16)
    write_features(tmp_path / "f.npz", ["sky", "cat", "dog"], features, 100.0)
    found = read_features(tmp_path / "f.npz", ["dog", "cat"])
    np.testing.assert_allclose(found.classes, [[1, 0], [0, 1]])
    np.testing.assert_allclose(found.background, [[0.6, 0.8]])
    assert found.scale == 100.0
    first = (tmp_path / "f.npz").read_bytes()
    write_features(tmp_path / "f.npz", ["sky", "cat", "dog"], features, 100.0)
    assert (tmp_path / "f.npz").read_bytes() == first


GOOD = {"names": np.array(["cat", "sky"]), "features": np.eye(2, dtype=np.float32), "scale": np.float32(100)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": np.array(["dog", "sky"])}, "has no features of the class 'cat'"),
        ({"names": np.array(["cat", "cat"])}, "each name once"),
        ({"names": np.array([1, 2])}, "names are int64"),
        ({"names": np.array(["cat"]), "features": np.ones((1, 2))}, "has the classes alone"),
        ({"features": np.eye(3)}, "one row of numbers for each of the 2 names"),
        ({"features": np.eye(2, dtype=int)}, "features are int64"),
        ({"features": np.array([[0.0, 0.0], [1.0, 0.0]])}, "a row of zeros"),
        ({"features": np.array([[np.nan, 0.0], [1.0, 0.0]])}, "hold a nan"),
        ({"scale": np.float32(np.inf)}, "scale is"),
        ({"scale": np.ones(2)}, "scale is"),
        ({"scale": np.array("100")}, "scale is"),
        ({"scale": np.float32(0)}, "scale is"),
    ],
)
def test_features_that_do_not_fit_are_refused(tmp_path, changes, message):
    np.savez(tmp_path / "f.npz", **GOOD | changes)
    with pytest.raises(ValueError, match=rf"f\.npz: .*{message}"):
        read_features(tmp_path / "f.npz", ["cat"])


def test_features_with_a_missing_array_or_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / "f.npz", names=GOOD["names"], features=GOOD["features"])
    with pytest.raises(ValueError, match=r"f\.npz: .*names and features and scale"):
        read_features(tmp_path / "f.npz", ["cat"])
    np.savez(tmp_path / "f.npz", **GOOD | {"names": np.array(["cat", None], dtype=object)})
    with pytest.raises(ValueError, match=r"f\.npz: .*Python objects"):
        read_features(tmp_path / "f.npz", ["cat"])


SETTINGS = ClipSettings(
    scales=[1.0], flip=False, attention_blocks=2, batch_size=2, backbone={**MODEL, "pretrained": False}
)


def test_every_image_gets_the_maps_of_its_own_labels_on_its_own_grid(data_set, files, monkeypatch):  # noqa: F811
    _, records = data_set
    network = ClipNetwork(ClipBackbone(**MODEL, weights=str(files[0] / "timm.safetensors")), a_few_words())
    alone = list(cam_maps.cams(network, records, SETTINGS, None, CPU))
    assert [cam.image_id for cam in alone] == ["a", "b", "c"]
    for cam, record in zip(alone, records, strict=True):
        assert tuple(cam.classes) == record.classes
        assert cam.scores.shape == (len(record.classes), *grid_shape(record.size))
        assert 0 <= cam.scores.min() <= cam.scores.max() <= 1
    monkeypatch.setattr(cam_maps, "images_at_once", lambda *_: 2)
    more = [*records, replace(records[0], image_id="d", classes=(1, 2, 4))]  # of the size of a, with more classes
    alone += cam_maps.cams(network, more[3:], SETTINGS, None, CPU)
    together = list(cam_maps.cams(network, more, SETTINGS, None, CPU))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(other.scores, one.scores, atol=1e-3)


def test_more_blocks_than_there_are_are_refused(data_set):  # noqa: F811
    _, records = data_set
    network = ClipNetwork(SETTINGS.backbone, a_few_words())
    with pytest.raises(ValueError, match=r"^cam\.attention_blocks: 8, but there are 3 blocks; lower it\.$"):
        next(cam_maps.cams(network, records, SETTINGS.model_copy(update={"attention_blocks": 8}), None, CPU))


def test_the_commands_make_features_and_then_cams(data_set, files, tmp_path):  # noqa: F811
    folder, _ = data_set
    clips, name, _ = files
    whole = str(clips / "open_clip.safetensors")
    text(classes=folder / "classes.json", output=tmp_path / "text.npz", settings=text_settings(name, weights=whole))
    words = read_features(tmp_path / "text.npz", WORDS)
    assert words.background.shape == (25, DIMENSIONS)
    settings = SETTINGS.model_copy(update={"backbone": ClipBackbone(**MODEL, weights=whole)})
    for shard in ("1-of-2", "2-of-2"):
        clip(
            index=folder / "index.csv",
            features=tmp_path / "text.npz",
            output=tmp_path / f"{shard}.npz",
            settings=settings,
            shard=shard,
            device="cpu",
        )
    store = CamStore([tmp_path / "1-of-2.npz", tmp_path / "2-of-2.npz"])
    assert store.image_ids == ["a", "b", "c"]
    assert store["c"].classes.tolist() == [1, 2, 4]
    assert store["c"].scores.max(axis=(1, 2)).min() > 0.99
