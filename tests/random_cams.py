"""CAMs of made-up images, for tests of what is done with a CAM store."""

from pathlib import Path

import numpy as np

from orandnet.files.store import Cam, write_shard
from orandnet.maps.grid import grid_shape


def random_cam(image_id: str, classes: tuple[int, ...] = (1, 3), size: tuple[int, int] = (24, 33)) -> Cam:
    """Return a CAM whose scores depend on the image's name alone."""
    generator = np.random.default_rng(list(image_id.encode()))
    scores = generator.random((len(classes), *grid_shape(size)), dtype=np.float32)
    return Cam(image_id, np.asarray(classes, dtype=np.int64), scores, size)


def random_shard(path: Path, image_ids: list[str], **options) -> Path:
    """Write a shard of such CAMs; they differ between folders."""
    member = path.parent.name
    write_shard(path, (random_cam(member + name, **options)._replace(image_id=name) for name in image_ids))
    return path
