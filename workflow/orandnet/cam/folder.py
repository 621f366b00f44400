"""CAMs of a folder of new images, a file for each; what is there is kept, what cannot be read is named and left out."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from orandnet.cam.maps import STRETCH, cams, images_at_once
from orandnet.cam.settings import Settings
from orandnet.classifier.network import Trained
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record
from orandnet.dataset.new_images import NewImage, read_each
from orandnet.files.atomic import atomic_path
from orandnet.files.folder_record import FolderRecord
from orandnet.files.store import Cam
from orandnet.job.progress import say, track
from orandnet.maps.flatness import warned_if_flat
from orandnet.maps.grid import resize_scores


class CamFolder:
    """The files of new images: `<image>.npz`, and with `overlay` a picture under `overlay/`."""

    def __init__(self, record: FolderRecord, class_names: Sequence[str], *, overlay: bool):
        """Keep the record of the output folder, and the names of the classes by mask id."""
        self.record, self._class_names, self._overlay = record, class_names, overlay

    def files(self, image: NewImage) -> list[Path]:
        """Return the files of an image."""
        pictures = [image.file_in(self.record.folder / "overlay", ".png")] if self._overlay else []
        return [*pictures, image.file_in(self.record.folder, ".npz")]

    def write(self, image: NewImage, cam: Cam) -> None:
        """Write the arrays that a CAM shard has of an image, and a picture.

        They are `classes` (K,) int64, `scores` (K, h, w) float16 in [0, 1] on the grid, and `size` (H, W).
        """
        *pictures, path = self.files(image)
        if pictures:
            self._write_overlay(pictures[0], read_rgb(image.path, cam.size), cam)
        file = io.BytesIO()
        np.savez_compressed(file, classes=cam.classes, scores=cam.scores.astype(np.float16), size=np.array(cam.size))
        with atomic_path(path) as temporary:
            temporary.write_bytes(file.getvalue())

    def _write_overlay(self, path: Path, rgb: np.ndarray, cam: Cam) -> None:
        """Write the maps over the image from left to right, and from left to right below them their classes."""
        from orandnet.maps.pictures import heat_map, save_picture, with_names  # waits for matplotlib

        maps = [heat_map(rgb, scores) for scores in resize_scores(cam.scores, cam.size)]
        names = [(self._class_names[mask_id], None) for mask_id in cam.classes.tolist()]
        save_picture(with_names(np.concatenate(maps, axis=1), names), path)


def cam_folder(
    classifier: Trained,
    images: list[NewImage],
    labels: Mapping[str, tuple[int, ...]],
    folder: CamFolder,
    settings: Settings,
    device: torch.device,
) -> list[str]:
    """Write the files of every image that has not all of them; return a line on each image that has none.

    Args:
        classifier: its network is on `device`.
        images: what CAMs are made of.
        labels: name of the image -> mask ids, ascending.
        folder: where files go.
        settings: how maps are made.
        device: where the network is.
    """
    record = folder.record
    text = {name: ";".join(map(str, classes)) for name, classes in labels.items()}
    todo = [image for image in images if not record.holds(*image, folder.files(image), text[image.name])]
    if len(todo) < len(images):
        say(f"cam: {len(images) - len(todo)} of {len(images)} images have their files, and are kept")
    problems: list[str] = []
    stretch = STRETCH * images_at_once(settings, classifier.settings, device)
    read: dict[str, tuple[NewImage, str]] = {}

    def made() -> Iterator[Cam]:
        for start in range(0, len(todo), stretch):
            records = []
            for image, sha256, found in read_each(todo[start : start + stretch]):
                if isinstance(found, ValueError):
                    problems.append(str(found))
                    say(f"cam: left out: {found}")
                    continue
                read[image.name] = image, sha256
                records.append(Record(image.name, str(image.path), "", found.shape[:2], labels[image.name]))
            yield from cams(classifier.network, records, settings, classifier.settings, device)

    for cam in warned_if_flat(track(made(), "cam", len(todo)), "cam"):
        image, sha256 = read.pop(cam.image_id)
        folder.write(image, cam)
        record.add(image.name, sha256, text[image.name])
    return problems
