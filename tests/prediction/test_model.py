"""A segmenter as an object: what it takes, what it returns, and what it costs to import."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import orandnet
from new_images import photograph, write_classifier, write_segmenter


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("weights") / "weights.safetensors")


@pytest.fixture(scope="module")
def model(weights):
    return orandnet.load(weights, device="cpu")


@pytest.mark.parametrize("variant", ["ss", "ms", "ss_crf", "ms_crf"])
def test_the_mask_is_the_most_probable_class_of_each_pixel(weights, variant):
    model, rgb = orandnet.load(str(weights), variant=variant, device="cpu"), photograph(1)
    mask, probabilities = model.predict(rgb), model.probabilities(rgb)
    assert model.class_names == ("background", "cat", "dog")
    assert (mask.shape, mask.dtype) == ((21, 30), np.uint8)
    assert (probabilities.shape, probabilities.dtype) == ((3, 21, 30), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, rtol=1e-4)
    np.testing.assert_array_equal(mask, probabilities.argmax(axis=0))
    assert len(np.unique(mask)) > 1


def test_views_and_read_only_arrays_are_images_like_any(model):
    rgb = photograph(2)
    expected = model.predict(rgb)
    turned = np.asarray(Image.fromarray(np.ascontiguousarray(rgb[..., ::-1])))  # Pillow's arrays are read-only
    np.testing.assert_array_equal(model.predict(turned[..., ::-1]), expected)
    np.testing.assert_array_equal(model.predict(np.asfortranarray(rgb)), expected)


@pytest.mark.parametrize(
    ("rgb", "message"),
    [
        (photograph(0) / 255, r"holds float64 from 0 to 1; give bytes 0 to 255 \(uint8\). Of floats in \[0, 1\]"),
        (photograph(0).astype(np.float32), "holds float32 from 0 to 255; give bytes"),
        (photograph(0).astype(np.int64), "holds int64"),
        (photograph(0) > 9, "holds bool; give bytes"),
        (photograph(0)[..., 0], r"shape is \(20, 31\), not \(H, W, 3\); repeat a grey image"),
        (np.zeros((5, 6, 4), np.uint8), "leave out its alpha channel"),
        (np.zeros((3, 5, 6), np.uint8), "bring the channels to the end"),
        (np.zeros((1, 5, 6, 3), np.uint8), "one image at a time"),
        (np.zeros((0, 6, 3), np.uint8), "give a filled RGB image"),
        (np.zeros((5, 6, 2), np.uint8), "give a filled RGB image"),
        (Image.fromarray(photograph(0)), r"is a Image; give a numpy array, np.asarray\(image.convert"),
        (torch.zeros(5, 6, 3, dtype=torch.uint8), "is a Tensor; give a numpy array"),
        ("photo.jpg", "is a str; give a numpy array"),
        (photograph(0).tolist(), "is a list"),
        (None, "is a NoneType"),
    ],
)
def test_what_is_no_image_of_bytes_is_refused(model, rgb, message):
    for method in (model.predict, model.probabilities):
        with pytest.raises(ValueError, match=f"^rgb: .*{message}"):
            method(rgb)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "crf"}, "variant: 'crf' is unknown; choose one of ss, ms, ss_crf, ms_crf"),
        ({"device": "gpu"}, "device: 'gpu' is unknown"),
        ({"device": "meta"}, "device: 'meta' is unknown"),
        ({"settings": {"scale": [1.0]}}, "settings: scale: Extra inputs are not permitted; give keys of"),
        ({"settings": {"scales": [0.5]}}, r"settings: Value error, scales \[0.5\] must hold 1.0"),
    ],
)
def test_options_that_do_not_exist_are_named(weights, options, message):
    with pytest.raises(ValueError, match=message):
        orandnet.load(weights, **options)


def test_other_files_are_told_from_a_segmenter(tmp_path):
    with pytest.raises(ValueError, match="there is no such weights file"):
        orandnet.load(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("weights")
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        orandnet.load(tmp_path / "text")
    with pytest.raises(ValueError, match=r"holds a classifier, which makes CAMs \(orandnet cam --images\)"):
        orandnet.load(write_classifier(tmp_path / "w.safetensors", "cnn"))


def test_settings_that_are_given_change_what_they_name(weights):
    model = orandnet.load(weights, variant="ms", settings={"scales": [1.0], "flip": False}, device="cpu")
    single = orandnet.load(weights, variant="ss", device="cpu")
    assert (model.settings.scales, model.settings.fusion) == ((1.0,), single.settings.fusion)
    assert model.settings_from.startswith("with flip, scales as given, else the default settings")
    np.testing.assert_allclose(model.probabilities(photograph(3)), single.probabilities(photograph(3)), atol=1e-5)


def test_the_package_itself_imports_nothing_heavy():
    script = "import sys, orandnet\norandnet.load\nprint(*sys.modules)"
    folder = str(Path(orandnet.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": folder}, capture_output=True, text=True, check=True
    )
    assert not {"torch", "numpy", "PIL", "pydantic", "orandnet.prediction"} & {*done.stdout.split()}
