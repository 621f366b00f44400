"""Pseudo masks and their images as a folder in VOC layout."""

import csv
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from orandnet.dataset.image import decode_photograph, read_image_file, read_rgb
from orandnet.dataset.index import Record
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import IGNORE_INDEX, MaskList, write_mask

MASK_FOLDER = "SegmentationClass"
README = """# Pseudo masks in VOC layout

`{folder}` holds {num_images} images with pseudo masks, made from image-level labels; no true mask is among them.

| | |
|---|---|
| `JPEGImages` | the images, all named .jpg as VOC's are; a PNG keeps its content |
| `{mask_folder}` | palette PNGs of mask ids: 0 background, 255 ignore |
| `ImageSets/Segmentation` | `train_aug.txt`, all of them; `train.txt`, those of the split train |
| `classes.txt` | class names; the number of the line, from 0, is the mask id |
| `labels.csv` | the image-level labels |
| `list.csv` | SHA-256 of every mask |

For training with mmsegmentation 1.x; validate on the data set's own folder, with true masks:

```python
dict(
    type="BaseSegDataset",
    data_root="<path of this folder>",
    ann_file="ImageSets/Segmentation/train_aug.txt",
    data_prefix=dict(img_path="JPEGImages", seg_map_path="{mask_folder}"),
    img_suffix=".jpg",
    seg_map_suffix=".png",
    metainfo=dict(classes={classes}),
    ignore_index={ignore_index},
    reduce_zero_label=False,
)
```
"""


def file_class_names(class_names: Sequence[str], file_ids: np.ndarray) -> list[str]:
    """Return the names by mask id as the data set's files count, background first; `unused_<id>` fills gaps."""
    names = {0: "background"} | dict(zip(file_ids[1:].tolist(), class_names, strict=True))
    return [names.get(mask_id, f"unused_{mask_id}") for mask_id in range(max(names) + 1)]


def write_masks(folder: Path, records: Iterable[Record], masks: MaskList, file_ids: np.ndarray) -> Iterator[dict]:
    """Write each pseudo mask in the ids of the data set's files, and yield its row for the list of masks."""
    table = np.arange(IGNORE_INDEX + 1, dtype=np.uint8)
    table[: len(file_ids)] = file_ids
    for record in records:
        mask = table[masks.read(record.image_id)]
        sha256 = write_mask(folder / MASK_FOLDER / f"{record.image_id}.png", mask)
        yield {"image_id": record.image_id, "variant": MASK_FOLDER, "sha256": sha256}


def place_images(folder: Path, records: Iterable[Record], how: Literal["link", "copy"]) -> None:
    """Put the images into JPEGImages, as relative symbolic links or as copies; what lies there is replaced.

    All are named .jpg, since programs for VOC expect that name and decode by content. Some of these turn an image by
    its EXIF orientation and some do not; so an image that has one becomes a PNG of the pixels that the masks belong to.
    """
    place = folder / "JPEGImages"
    place.mkdir(parents=True, exist_ok=True)
    for record in records:
        image = Path(record.image).resolve()
        if not image.is_file():
            raise ValueError(f"{record.image}: there is no such image; run from the folder that the index was made in.")
        photograph = decode_photograph(read_image_file(image), image)
        with atomic_path(place / f"{record.image_id}.jpg") as temporary:
            if photograph.orientation > 1:
                Image.fromarray(read_rgb(image, record.size)).save(temporary, format="PNG")
            elif how == "copy":
                shutil.copyfile(image, temporary)
            else:
                # both without links on the way, as the system follows the path from where the folder really lies
                temporary.symlink_to(os.path.relpath(image, place.resolve()))


def write_lists(folder: Path, records: Sequence[Record], class_names: Sequence[str]) -> None:
    """Write the image lists and the image-level labels."""
    for split in ("train", "train_aug"):
        ids = [record.image_id for record in records if split == "train_aug" or record.split == split]
        write_lines(folder / "ImageSets" / "Segmentation" / f"{split}.txt", ids)
    with atomic_path(folder / "labels.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image_id", "labels"))
        for record in records:
            writer.writerow((record.image_id, ";".join(class_names[class_id - 1] for class_id in record.classes)))


def write_description(folder: Path, names: Sequence[str], *, num_images: int) -> None:
    """Write classes.txt, and a README.md with the dataset of an mmsegmentation config."""
    write_lines(folder / "classes.txt", names)
    text = README.format(
        folder=f"{folder.parent.name}/{folder.name}",
        num_images=num_images,
        mask_folder=MASK_FOLDER,
        classes=tuple(names),
        ignore_index=IGNORE_INDEX,
    )
    write_lines(folder / "README.md", text.splitlines())


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write text, one item per line, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
