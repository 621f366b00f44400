"""The embedded data set: small generated scenes in VOC layout, the same bytes for the same settings.

Every image has its own random numbers, started by (seed, side, number), where training images (train,
train_aug), val and test are three sides. So no individual object occurs on two sides, and more training
images leave the val images as they are.
"""

import csv
import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from orandnet.dataset.scenes.drawing import CLASS_NAMES, Scene, draw_scene
from orandnet.dataset.settings import Scenes, Settings
from orandnet.files.mask import write_mask
from orandnet.job.progress import track

JPEG_QUALITY = 95
MARKER = "scenes.json"
_SIDES = ("train", "val", "test")


class _Place(NamedTuple):
    """Where a scene belongs: `side` of the data set and number in it."""

    side: str
    number: int

    @property
    def image_id(self) -> str:
        return f"{self.side}_{self.number:06d}"


def generate(folder: Path, scenes: Scenes) -> None:
    """Write the scenes into `folder`, replacing earlier ones.

    ValueError if the folder holds something that is not generated scenes.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise ValueError(f"{folder}: exists and holds no generated scenes; move it away, it would be replaced.")
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        write_scenes(fresh, scenes)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def settings_of_scenes(folder: Path, settings: Settings) -> Settings:
    """Return the settings that read the scenes in `folder`."""
    changes = {"kind": "voc", "root": folder, "classes": list(CLASS_NAMES), "labels": str(folder / "labels.csv")}
    return settings.model_copy(update=changes)


def write_scenes(folder: Path, scenes: Scenes) -> None:
    """Write images, masks, lists, labels.csv and instances.csv (which individuals each image shows)."""
    places = list(_places(scenes))
    for name in ("JPEGImages", "SegmentationClass"):
        (folder / name).mkdir(parents=True)
    labels, instances = [], []
    for place in track(places, "Drawing scenes"):
        scene = draw(place.side, place.number, scenes)
        path = folder / "JPEGImages" / f"{place.image_id}.jpg"
        Image.fromarray(scene.rgb).save(path, quality=JPEG_QUALITY)
        write_mask(folder / "SegmentationClass" / f"{place.image_id}.png", scene.mask)
        labels.append((place.image_id, ";".join(scene.labels)))
        instances += [(place.image_id, one.name, one.instance_id) for one in scene.instances]
    _write_lists(folder / "ImageSets" / "Segmentation", places, scenes)
    _write_csv(folder / "labels.csv", ("image_id", "labels"), labels)
    _write_csv(folder / "instances.csv", ("image_id", "class", "instance"), instances)
    (folder / MARKER).write_text(json.dumps(scenes.model_dump(), indent=2) + "\n", encoding="utf-8")


def draw(side: str, number: int, scenes: Scenes) -> Scene:
    """Draw scene `number` of a side (train, val, test); the classes take turns as the foremost object."""
    rng = np.random.default_rng([scenes.seed, _SIDES.index(side), number])
    height, width = (round(scenes.size * factor) for factor in rng.uniform(5 / 6, 7 / 6, 2))
    return draw_scene(rng, (height, width), CLASS_NAMES[number % len(CLASS_NAMES)])


def _places(scenes: Scenes) -> Iterator[_Place]:
    counts = (scenes.num_train_aug, scenes.num_val, scenes.num_test)
    for side, count in zip(_SIDES, counts, strict=True):
        yield from (_Place(side, number) for number in range(count))


def _write_lists(folder: Path, places: list[_Place], scenes: Scenes) -> None:
    folder.mkdir(parents=True)
    training = [place.image_id for place in places if place.side == "train"]
    lists = {side: [place.image_id for place in places if place.side == side] for side in ("val", "test")}
    lists |= {"train": training[: scenes.num_train], "train_aug": training}
    for name, ids in lists.items():
        if ids:
            (folder / f"{name}.txt").write_text("".join(f"{image_id}\n" for image_id in ids), encoding="utf-8")


def _write_csv(path: Path, columns: tuple[str, ...], rows: list[tuple]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])
