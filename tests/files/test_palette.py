"""Masks whose ids an editor has renumbered, told by VOC's colours."""

import numpy as np
import pytest
from PIL import Image

from orandnet.files.mask import read_mask, write_mask
from orandnet.files.palette import renumbered, voc_palette

VOC = voc_palette()


def palette(*colors):
    return [value for color in colors for value in color]


def mask_of(*ids):
    return np.array([ids], dtype=np.uint8)


def color(mask_id):
    return tuple(VOC[3 * mask_id : 3 * mask_id + 3])


@pytest.mark.parametrize("ids", [(1, 2), (15,), (1, 7, 20), (2, 255)])
def test_a_mask_that_a_program_converted_to_colours_and_back_is_refused(tmp_path, ids):
    mask = np.zeros((12, 16), np.uint8)
    for row, mask_id in enumerate(ids):
        mask[row] = mask_id
    write_mask(tmp_path / "a.png", mask)
    with Image.open(tmp_path / "a.png") as image:
        converted = image.convert("RGB").quantize(len(ids) + 1)
    converted.save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask)
    if np.array_equal(np.array(converted), mask):
        pytest.skip("the program kept the ids")
    with pytest.raises(
        ValueError, match=r"b.png: the palette holds VOC's colours at other ids \(.*; save it as it was made"
    ):
        read_mask(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("colors", "ids"),
    [
        ((color(0), color(1), color(2)), (0, 1, 2)),  # VOC's own
        ((color(0), color(2)), (0, 1)),  # a palette of one's own may share one colour
        (((255, 255, 255), color(0)), (0, 1)),  # black on white
        (((0, 0, 0), (230, 25, 75), (60, 180, 75)), (0, 1, 2)),
        ([(grey, grey, grey) for grey in range(256)], (0, 64, 128)),  # grey as a palette
        ([(0, 0, 0)] * 256, (0, 1, 2)),  # no colours at all
        ((color(0), color(1)), (0, 5)),  # ids beyond the palette
    ],
)
def test_other_palettes_are_read_by_their_ids(colors, ids):
    assert renumbered(palette(*colors), mask_of(*ids)) is None


def test_what_is_moved_is_told():
    assert "0 has the colour of 2, 2 has the colour of 0" in renumbered(
        palette(color(2), color(1), color(0)), mask_of(0, 1, 2)
    )
    assert renumbered(palette(color(0), color(2), color(1)), mask_of(0, 1, 2))
