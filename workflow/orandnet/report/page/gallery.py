"""Which images the page shows, and their pictures as text that a browser reads."""

import base64
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from PIL import Image

from orandnet.dataset.index import Record
from orandnet.files.mask import IGNORE_INDEX, voc_palette
from orandnet.maps.pictures import SCORE_COLORS
from orandnet.report.pictures import Picture, Shown, pictures_of

SIDE = 240  # pixels of the longer side of a picture
BUDGET = 6_500_000  # characters of all pictures: with script and numbers the page stays below 10 MB
RANKED = 2000  # images whose IoU is taken, spread evenly over a larger part


class Part(NamedTuple):
    """Images of train or val, and what is shown of them."""

    name: str
    records: list[Record]
    class_names: tuple[str, ...]
    shown: Shown


class Inline(NamedTuple):
    """A picture as a data URI; `classes` are the names of what a mask shows, largest first."""

    title: str
    uri: str
    width: int
    height: int
    is_mask: bool
    classes: tuple[str, ...]


class Slide(NamedTuple):
    """All pictures of an image; `iou` in percent and `rank` (worst, middle, best) where there is truth."""

    part: str
    image_id: str
    labels: tuple[str, ...]
    iou: float | None
    rank: str
    pictures: tuple[Inline, ...]


class Gallery(NamedTuple):
    """Slides, what they are ranked by, the classes in any mask with their colours, and images that had no room."""

    slides: tuple[Slide, ...]
    ranked_by: dict[str, str]
    legend: tuple[tuple[str, str], ...]
    left_out: int

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels, sorted."""
        return tuple(sorted({label for slide in self.slides for label in slide.labels}))


def gallery(parts: Iterable[Part], *, number: int) -> Gallery:
    """Choose images and draw their pictures, until the page is full.

    Args:
        parts: train and val.
        number: images of each part.
    """
    slides, used, left_out, ranked_by, seen = [], 0, 0, {}, {}
    for part in parts:
        ious = _ious(part)
        if ious:
            ranked_by[part.name] = next(reversed(part.shown.masks)).replace("\n", ", ")
        for record, rank in choose(part.records, ious, number):
            pictures = tuple(_inline(picture, part.class_names, seen) for picture in pictures_of(record, part.shown))
            size = sum(len(picture.uri) for picture in pictures)
            if used + size > BUDGET:
                left_out += 1
                continue
            used += size
            labels = tuple(part.class_names[class_id - 1] for class_id in record.classes)
            slides.append(Slide(part.name, record.image_id, labels, ious.get(record.image_id), rank, pictures))
    return Gallery(tuple(slides), ranked_by, tuple(seen[key] for key in sorted(seen)), left_out)


def _ious(part: Part) -> dict[str, float]:
    """Return the mean IoU of images, in percent, by the last masks that are shown; empty without truth or masks."""
    if not part.shown.truth or not part.shown.masks:
        return {}
    masks, variant = part.shown.masks[next(reversed(part.shown.masks))]
    return {
        record.image_id: 100 * image_iou(masks.read(record.image_id, variant), part.shown.truth(record.image_id))
        for record in _spread(part.records, RANKED)
    }


def image_iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean IoU over the classes that are in the mask or the truth of one image, background included.

    Args:
        mask: (H, W) uint8 ids; 255 counts as background.
        truth: (H, W) uint8 ids; pixels of 255 are left out.
    """
    known = truth != IGNORE_INDEX
    mask, truth = np.where(mask == IGNORE_INDEX, 0, mask)[known], truth[known]
    ious = [
        np.count_nonzero((mask == i) & (truth == i)) / np.count_nonzero((mask == i) | (truth == i))
        for i in np.union1d(mask, truth)
    ]
    return float(np.mean(ious)) if ious else 0.0


def choose(records: Sequence[Record], ious: dict[str, float], number: int) -> list[tuple[Record, str]]:
    """Return images with their rank: the worst, the middle and the best by IoU, a third each, best last.

    A class that none of them shows gets its middle image. Without IoUs they are spread evenly over the list.
    """
    if not number:
        return []
    if not ious:
        return [(record, "") for record in _spread(records, number)]
    ordered = sorted((record for record in records if record.image_id in ious), key=lambda r: ious[r.image_id])
    third = max(1, number // 3)
    middle = max(0, (len(ordered) - third) // 2)
    ranks = {"worst": ordered[:third], "best": ordered[::-1][:third], "middle": ordered[middle : middle + third]}
    chosen = {record.image_id: (record, rank) for rank, group in ranks.items() for record in group}
    shown = {class_id for record, _ in chosen.values() for class_id in record.classes}
    for class_id in sorted({class_id for record in ordered for class_id in record.classes} - shown):
        having = [record for record in ordered if class_id in record.classes]
        record = having[len(having) // 2]
        chosen.setdefault(record.image_id, (record, ""))
    return sorted(chosen.values(), key=lambda pair: ious[pair[0].image_id])


def _spread(records: Sequence[Record], number: int) -> list[Record]:
    if not records:
        return []
    places = np.linspace(0, len(records) - 1, min(number, len(records))).round().astype(int)
    return [records[place] for place in np.unique(places)]


def _inline(picture: Picture, class_names: tuple[str, ...], seen: dict[int, tuple[str, str]]) -> Inline:
    """Return a picture as text; classes of masks are added to `seen`: id -> (name, colour)."""
    is_mask = picture.mask is not None
    image = _fitting(Image.fromarray(picture.mask if is_mask else picture.rgb), is_mask)
    buffer = io.BytesIO()
    if is_mask:
        image.putpalette(voc_palette())
        image.save(buffer, format="PNG", optimize=True)
    else:
        image.save(buffer, format="WEBP", quality=80, method=2)
    kind = "png" if is_mask else "webp"
    uri = f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
    names = _names(picture.mask, class_names, seen) if is_mask else ()
    return Inline(picture.title.replace("\n", " "), uri, *image.size, is_mask, names)


def _fitting(image: Image.Image, is_mask: bool) -> Image.Image:
    factor = SIDE / max(image.size)
    if factor >= 1:
        return image
    size = tuple(max(1, round(factor * side)) for side in image.size)
    return image.resize(size, Image.Resampling.NEAREST if is_mask else Image.Resampling.LANCZOS)


def _names(mask: np.ndarray, class_names: tuple[str, ...], seen: dict[int, tuple[str, str]]) -> tuple[str, ...]:
    ids, counts = np.unique(mask, return_counts=True)
    known = {0: "background", IGNORE_INDEX: "ignored"} | dict(enumerate(class_names, start=1))
    palette = np.array(voc_palette()).reshape(256, 3)
    for class_id in ids.tolist():
        seen[class_id] = (known[class_id], "#{:02x}{:02x}{:02x}".format(*palette[class_id].tolist()))
    ordered = ids[np.argsort(-counts, kind="stable")].tolist()
    return tuple(known[class_id] for class_id in ordered if class_id not in (0, IGNORE_INDEX))


def score_gradient() -> str:
    """Return the colours of scores from 0 to 1 for CSS, as they are before they lie over an image."""
    colors = (mpl.colors.to_hex(mpl.colormaps[SCORE_COLORS](place / 10)) for place in range(11))
    return ", ".join(colors)
