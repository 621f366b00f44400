"""The annotations of COCO 2014's instances as they are read; what becomes of them stands in `coco`."""

import json
from pathlib import Path
from typing import NamedTuple

from orandnet.dataset.problems import require_file
from orandnet.dataset.settings import check_classes

SPLITS = ("train", "val")


class Instance(NamedTuple):
    """An annotated object, or a crowd: `segmentation` is a list of polygons, or run lengths (RLE)."""

    annotation_id: int
    class_id: int
    area: float
    crowd: bool
    segmentation: list | dict


class Picture(NamedTuple):
    """An image with its instances, in no order; `size` is (H, W)."""

    image_id: str
    size: tuple[int, int]
    instances: tuple[Instance, ...]


def annotation_file(root: Path, split: str) -> Path:
    """Return the file of a split's annotations."""
    return root / "annotations" / f"instances_{split}2014.json"


def read_instances(path: Path) -> tuple[list[str], list[Picture]]:
    """Return the category names by ascending id, and the images that have annotations, by ascending id."""
    require_file(path, needed_for="dataset.kind: coco")
    try:
        content = json.loads(path.read_bytes())
        categories = sorted(content["categories"], key=lambda category: category["id"])
        class_ids = {category["id"]: class_id for class_id, category in enumerate(categories, start=1)}
        by_image: dict[int, list[Instance]] = {}
        for one in content["annotations"]:
            instance = Instance(
                one["id"], class_ids[one["category_id"]], one["area"], bool(one["iscrowd"]), one["segmentation"]
            )
            by_image.setdefault(one["image_id"], []).append(instance)
        pictures = [
            Picture(Path(image["file_name"]).stem, (image["height"], image["width"]), tuple(by_image[image["id"]]))
            for image in sorted(content["images"], key=lambda image: image["id"])
            if image["id"] in by_image
        ]
        names = [category["name"] for category in categories]
        check_classes(names)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: is no file of COCO instances ({error!r}); download it again.") from error
    return names, pictures
