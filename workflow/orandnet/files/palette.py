"""The colours of PASCAL VOC's masks, and masks whose ids an editor has renumbered."""

import numpy as np


def voc_palette() -> list[int]:
    """Return the 256 RGB colours of PASCAL VOC masks, flat: 768 ints in 0..255.

    Bits 0, 1, 2 of an id go to red, green, blue from the highest bit down, then bits 3, 4, 5 and so on
    (Everingham et al., VOC development kit).
    """
    ids = np.arange(256)
    colors = np.zeros((256, 3), dtype=int)
    for position in range(8):
        for channel in range(3):
            colors[:, channel] |= ((ids >> (3 * position + channel)) & 1) << (7 - position)
    return colors.ravel().tolist()


_FLAT = voc_palette()
_ID_OF = {tuple(_FLAT[3 * i : 3 * i + 3]): i for i in range(256)}


def renumbered(palette: list[int], mask: np.ndarray) -> str | None:
    """Say how a mask's ids differ from those of its colours, if all its colours are VOC's; None if nothing is odd.

    Programs that convert or shrink palettes number the colours anew: the picture looks as before, and each pixel has
    another id. One colour alone at another id may be a palette of one's own; the black of the background is not.

    Args:
        palette: RGB of each id, flat, 0..255.
        mask: (H, W) uint8 ids.
    """
    there = np.zeros(256, dtype=bool)
    there[mask.ravel()] = True
    colors = {i: tuple(palette[3 * i : 3 * i + 3]) for i in np.flatnonzero(there).tolist() if 3 * i < len(palette)}
    meant = {i: _ID_OF.get(color) for i, color in colors.items()}
    if None in meant.values() or len(set(colors.values())) < len(colors):
        return None
    moved = {i: other for i, other in meant.items() if i != other}
    grey = all(red == green == blue for red, green, blue in colors.values())
    if (0 in moved.values() and len(colors) > 1) or (len(moved) > 1 and not grey):
        example = ", ".join(f"{i} has the colour of {other}" for i, other in list(moved.items())[:3])
        return f"the palette holds VOC's colours at other ids ({example})"
    return None
