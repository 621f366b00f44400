"""CAMs and pseudo masks for other programs, and the trail of one image as an archive.

Classes in exported files have the ids of the data set's own files. A trail is packed as it lies in the results.
"""

import csv
import difflib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Index, Record, read_file_ids, read_index
from orandnet.export.archive import read_archive, unpack, write_archive
from orandnet.export.cam_formats import irn_npy, plain_npz
from orandnet.export.settings import FolderSettings
from orandnet.export.trail import DESCRIPTION, describe, networks, pieces, read_description
from orandnet.export.voc_folder import file_class_names, place_images, write_description, write_lists, write_masks
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import MaskList, read_mask, write_mask_list
from orandnet.files.store import Cam, CamStore
from orandnet.job.progress import track

SHEET = "contact_sheet.png"


def irn(*, index: Path, cams: list[Path], output: Path) -> None:
    """Write each CAM as <image_id>.npy in IRN's format beside the list `output`.

    Args:
        index: train_aug.csv of the data set.
        cams: shards of a CAM store.
        output: list of the files (CSV: image_id, sha256).
    """
    _write_files(output, CamStore(cams), read_file_ids(index), irn_npy, ".npy")


def npz(*, index: Path, cams: list[Path], output: Path) -> None:
    """Write each CAM as <image_id>.npz, plain arrays, beside the list `output`.

    Args:
        index: train_aug.csv of the data set.
        cams: shards of the CAM.
        output: list of the files (CSV).
    """
    _write_files(output, CamStore(cams), read_file_ids(index), plain_npz, ".npz")


def _write_files(
    output: Path, store: CamStore, file_ids: np.ndarray, encode: Callable[[Cam, np.ndarray], bytes], suffix: str
) -> None:
    with atomic_path(output) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image_id", "sha256"))
        for image_id in track(store.image_ids, f"export {suffix}"):
            content = encode(store[image_id], file_ids)
            with atomic_path(output.parent / f"{image_id}{suffix}") as temporary:
                temporary.write_bytes(content)
            writer.writerow((image_id, hashlib.sha256(content).hexdigest()))


def voc(*, index: Path, masks: list[Path], output: Path, settings: FolderSettings) -> None:
    """Write the pseudo masks and images of train_aug as a folder in VOC layout around the list `output`.

    Args:
        index: train_aug.csv of the data set.
        masks: lists of the pseudo masks of one method.
        output: list of the masks (CSV) in the folder to fill.
        settings: links or copies of the images.
    """
    images, file_ids, folder = read_index(index), read_file_ids(index), output.parent
    records = images.subset("train_aug")
    place_images(folder, records, settings.images)
    write_lists(folder, records, images.class_names)
    write_description(folder, file_class_names(images.class_names, file_ids), num_images=len(records))
    write_mask_list(output, write_masks(folder, track(records, "export VOC"), MaskList(masks), file_ids))


def pack(
    *,
    index: Path,
    image_id: str,
    results: str,
    output: Path,
    config: str = "{}",
    planned: list[str] | None = None,
) -> None:
    """Write everything that a run holds on one image into a small archive for a bug report; no true mask is in it.

    Args:
        index: index.csv of the data set.
        image_id: the image.
        results: folder of the run; what does not lie there yet is not made.
        output: the archive (.zip).
        config: the run's config as JSON.
        planned: patterns of the files that the run may hold, from its folder; without any, all that lie there.
    """
    images = read_index(index)
    record = _find(images, image_id)
    if not Path(results).is_dir():
        raise ValueError(f"--results: there is no folder {results}; give results/<run>.")
    if not Path(record.image).is_file():
        raise ValueError(f"{record.image}: there is no such image; run from the folder that the index was made in.")
    image = f"image/{image_id}{Path(record.image).suffix}"
    about = {
        "image_id": image_id,
        "image": image,
        "split": record.split,
        "size": record.size,
        "labels": tuple(images.class_names[class_id - 1] for class_id in record.classes),
        "class_names": images.class_names,
    }
    found = list(pieces(Path(results), image_id, planned))
    trail = describe(about, found, networks(Path(results), planned), _parsed(config))
    members = {piece.name: piece.content for piece in found if piece.content is not None}
    text = json.dumps(trail.model_dump(mode="json"), indent=1)
    write_archive(output, members | {image: Path(record.image).read_bytes(), DESCRIPTION: f"{text}\n".encode()})


def _parsed(config: str) -> dict:
    try:
        return json.loads(config)
    except ValueError as error:
        raise ValueError(f"--config: is no JSON ({error}); leave it out, or give the run's config.") from None


def _find(images: Index, image_id: str) -> Record:
    by_id = {record.image_id: record for record in images.records}
    if image_id not in by_id:
        near = difflib.get_close_matches(image_id, by_id, n=1) or list(by_id)[:1]
        raise ValueError(f"--image-id: {image_id!r} is not in the index of {len(by_id)} images; is it {near[0]!r}?")
    return by_id[image_id]


def show(*, pack: Path, output: str, background_threshold: float = 0.25) -> None:
    """Unpack a trail, print what is in it, and draw contact_sheet.png beside it.

    Args:
        pack: archive that `pack` wrote; from anyone, since it is checked before a file is written.
        output: new folder.
        background_threshold: the table tells the share of each score map above it.
    """
    from orandnet.export.contact_sheet import draw_sheet
    from orandnet.export.screen import print_trail

    folder, members = Path(output), read_archive(pack)
    trail = read_description(pack, members)
    unpack(members, folder)
    cams = {name: CamStore([folder / name])[trail.image_id] for name in trail.artifacts if name.endswith(".npz")}
    masks = {name: read_mask(folder / name) for name in trail.artifacts if name.endswith(".png")}
    print_trail(trail, cams, masks, background_threshold=background_threshold)
    draw_sheet(folder / SHEET, trail, read_rgb(folder / trail.image, trail.size), cams, masks)
    print(f"all of it in one picture: {folder / SHEET}")


COMMANDS = {"irn": irn, "npz": npz, "voc": voc, "pack": pack, "show": show}
