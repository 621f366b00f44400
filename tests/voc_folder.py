"""A tiny data set in VOC layout, for tests that break one thing in it."""

from pathlib import Path

import numpy as np
from PIL import Image

from orandnet.dataset.settings import Settings
from orandnet.files.mask import write_mask

SPLITS = {"train": ["a1", "a2"], "train_aug": ["a1", "a2", "a3"], "val": ["b1"], "test": ["c1"]}
LABELS = {"a1": "cat", "a2": "dog", "a3": "cat;dog", "b1": "dog"}
SIZE = (12, 16)


def write_voc(root: Path) -> Settings:
    """Write five images, masks (cat 1, dog 2), lists and labels.csv; return the settings that read them."""
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for image_id in ("a1", "a2", "a3", "b1", "c1"):
        write_image(root, image_id, rng.integers(0, 255, (*SIZE, 3)).astype(np.uint8))
        if image_id != "c1":
            mask = np.zeros(SIZE, np.uint8)
            mask[:3], mask[3:5], mask[5] = 1, 2, 255
            write_mask(root / "SegmentationClass" / f"{image_id}.png", mask)
    for split, ids in SPLITS.items():
        write_list(root, split, ids)
    rows = [f"{image_id},{labels}\n" for image_id, labels in LABELS.items()]
    (root / "labels.csv").write_text("image_id,labels\n" + "".join(rows))
    return Settings(kind="voc", root=root, classes=["cat", "dog"], labels=str(root / "labels.csv"))


def write_image(root: Path, image_id: str, rgb: np.ndarray, **options) -> Path:
    """Write an image of the data set as JPEG."""
    path = root / "JPEGImages" / f"{image_id}.jpg"
    Image.fromarray(rgb).save(path, quality=95, **options)
    return path


def write_list(root: Path, split: str, lines: list[str]) -> Path:
    """Write the image list of a split."""
    path = root / "ImageSets" / "Segmentation" / f"{split}.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
