"""Every kind of photograph becomes RGB bytes."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from orandnet.dataset.image import decode_photograph, read_rgb

RGB = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [200, 200, 200]], [[0, 0, 0], [9, 9, 9]]], np.uint8)


def saved(tmp_path, image, name="a.png"):
    image.save(tmp_path / name)
    return tmp_path / name


def test_rgb_comes_back_as_a_writable_array(tmp_path):
    rgb = read_rgb(saved(tmp_path, Image.fromarray(RGB)))
    np.testing.assert_array_equal(rgb, RGB)
    assert rgb.dtype == np.uint8
    rgb[0] = 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_any_mode_becomes_three_bytes_per_pixel(tmp_path, mode):
    image = Image.fromarray(RGB).convert(mode)
    rgb = read_rgb(saved(tmp_path, image, "a.tif" if mode in ("CMYK", "YCbCr") else "a.png"))
    assert rgb.shape == RGB.shape
    assert rgb.dtype == np.uint8
    if mode in ("P", "RGBA", "CMYK"):
        assert np.abs(rgb.astype(int) - RGB).max() <= 25


def test_grey_has_three_equal_channels(tmp_path):
    grey = np.array([[0, 77], [128, 255]], np.uint8)
    np.testing.assert_array_equal(read_rgb(saved(tmp_path, Image.fromarray(grey))), np.stack([grey] * 3, axis=2))


def test_deep_grey_is_scaled_not_clipped(tmp_path):
    grey = np.array([[0, 257], [32896, 65535]], np.uint16)
    assert read_rgb(saved(tmp_path, Image.fromarray(grey)))[..., 1].tolist() == [[0, 1], [128, 255]]


def test_transparency_is_laid_over_white(tmp_path):
    layer = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    layer.putpixel((1, 0), (10, 20, 30, 0))
    assert read_rgb(saved(tmp_path, layer)).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_a_transparent_palette_is_laid_over_white(tmp_path):
    image = Image.new("P", (1, 1), 3)
    image.putpalette([0] * 768)
    image.save(tmp_path / "a.png", transparency=3)
    assert read_rgb(tmp_path / "a.png").tolist() == [[[255, 255, 255]]]


TURNED = {
    1: RGB,
    2: RGB[:, ::-1],
    3: RGB[::-1, ::-1],
    4: RGB[::-1],
    5: RGB.transpose(1, 0, 2),
    6: RGB[::-1].transpose(1, 0, 2),
    7: RGB[::-1, ::-1].transpose(1, 0, 2),
    8: RGB[:, ::-1].transpose(1, 0, 2),
}


@pytest.mark.parametrize("suffix", ["png", "tif"])  # Pillow turns a TIFF by itself
@pytest.mark.parametrize("orientation", TURNED)
def test_an_image_is_turned_as_viewers_turn_it(tmp_path, orientation, suffix):
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(path, exif=exif)
    expected = TURNED[orientation]
    np.testing.assert_array_equal(read_rgb(path), expected)
    np.testing.assert_array_equal(read_rgb(path, expected.shape[:2]), expected)
    photograph = decode_photograph(path.read_bytes(), path)
    np.testing.assert_array_equal(photograph.image, RGB)
    assert (photograph.orientation, photograph.upright_size) == (orientation, expected.shape[:2])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_damage_inside_the_pixels_is_refused(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, compression="tiff_deflate")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.(png|tif): the image cannot be decoded"):
        read_rgb(path)


def test_an_image_that_was_replaced_by_one_of_another_size_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a.png: has 2 x 3 pixels \(W x H\), the index says 4 x 3; run .* again"):
        read_rgb(saved(tmp_path, Image.fromarray(RGB)), (3, 4))


def faulty_exif():
    """Name -> options with which Pillow writes a block that says nothing of the orientation."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n   6\n457869660000zz")
    nine = Image.Exif()
    nine[0x0112] = 9
    one_as_text = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\x001\0\0\0\0\0\0\0"
    return {
        "a.jpg": {"exif": b"Exif\0\0XXXXgarbage"},
        "b.png": {"exif": b"Exif\0\0XXXX"},
        "c.png": {"pnginfo": text},
        "d.jpg": {"exif": one_as_text},
        "e.jpg": {"exif": nine},
        "f.jpg": {"exif": b"Exif\0\0II*\0\xff\xff\xff\xff"},
        "g.webp": {"exif": b"Exif\0\0MM"},
    }


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(("name", "options"), faulty_exif().items())
def test_a_faulty_exif_block_says_nothing_of_the_pixels(tmp_path, name, options):
    Image.fromarray(np.full((8, 12, 3), 77, np.uint8)).save(tmp_path / name, **options)
    assert read_rgb(tmp_path / name).shape == (8, 12, 3)


def test_an_upright_tag_is_fine(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 1
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif)
    assert read_rgb(tmp_path / "a.jpg").shape == RGB.shape


def test_missing_damaged_and_floating_images_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"none.jpg: there is no such image"):
        read_rgb(tmp_path / "none.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"<html>")
    with pytest.raises(ValueError, match=r"bad.jpg: the image cannot be decoded"):
        read_rgb(tmp_path / "bad.jpg")
    with pytest.raises(ValueError, match=r"f.tif: .*floating-point"):
        read_rgb(saved(tmp_path, Image.fromarray(np.zeros((2, 2), np.float32)), "f.tif"))
