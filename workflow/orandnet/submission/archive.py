"""The archive of the PASCAL VOC server (VOC2012 development kit, competition 6): writing one, and checking any."""

import gzip
import io
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np

from orandnet.dataset.problems import refuse
from orandnet.files.atomic import atomic_path
from orandnet.files.mask import encode_mask
from orandnet.files.mask_colors import voc_palette
from orandnet.files.picture import decode_picture
from orandnet.submission.settings import LARGEST_ID

FOLDER = PurePosixPath("results/VOC2012/Segmentation/comp6_test_cls")


def write_archive(path: Path, masks: Iterable[tuple[str, np.ndarray]]) -> None:
    """Write masks as palette PNGs into a .tar.gz, atomically; equal masks give equal bytes.

    Args:
        path: the archive.
        masks: image id and (H, W) uint8 VOC ids, in the order of the archive.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as file,
        # no date and no name in gzip's head, no owner and no date of the members
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for image_id, mask in masks:
            content = encode_mask(mask)
            member = tarfile.TarInfo(str(FOLDER / f"{image_id}.png"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def check_archive(path: Path, sizes: dict[str, tuple[int, int]]) -> None:
    """Refuse an archive that the server would not take, or would score as nearly 0.

    Args:
        path: a .tar.gz.
        sizes: (H, W) of every test image by id.

    Raises:
        ValueError: with the first few faults: files elsewhere than in the server's folder, missing, additional or
            repeated images, files that are no palette PNGs in VOC colours, other sizes, or ids above 20.
    """
    found: Counter[str] = Counter()
    problems = []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if member.isdir() and (name == FOLDER or name in FOLDER.parents):
                    continue
                if not member.isfile() or name.parent != FOLDER or name.suffix != ".png":
                    problems.append(f"{path}: {member.name} does not belong there; it may hold {FOLDER}/<id>.png only.")
                    continue
                found[name.stem] += 1
                if name.stem in sizes:
                    fault = _member_fault(archive, member, sizes[name.stem])
                    problems += [f"{path}: {name.name} {fault}"] if fault else []
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise ValueError(f"{path}: is no .tar.gz archive ({error}); make it again.") from None
    refuse(problems + _set_faults(path, found, sizes))


def _set_faults(path: Path, found: Counter[str], sizes: dict[str, tuple[int, int]]) -> list[str]:
    missing, strange = sorted(sizes.keys() - found.keys()), sorted(found.keys() - sizes.keys())
    twice = sorted(image_id for image_id, count in found.items() if count > 1)
    faults = (
        (missing, "of the test images is missing; predict the whole split"),
        (strange, "is no test image; leave it out"),
        (twice, "is there more than once; keep one"),
    )
    return [f"{path}: {ids[0]} ({len(ids)} such images) {what}." for ids, what in faults if ids]


def _member_fault(archive: tarfile.TarFile, member: tarfile.TarInfo, size: tuple[int, int]) -> str | None:
    if member.size > 4 * size[0] * size[1] + 2**20:  # more than any PNG of the image's size; not read at all
        return f"has {member.size} bytes for {size[0]} x {size[1]} pixels; write it again."
    return mask_fault(archive.extractfile(member).read(), size)


def mask_fault(content: bytes, size: tuple[int, int]) -> str | None:
    """Say what is wrong with a PNG's bytes as a mask of an image of `size` (H, W); None if nothing is."""
    try:
        image, *_ = decode_picture(content, Path("it"), formats=("PNG",), what="mask")
    except ValueError as error:
        return f"cannot be decoded as PNG ({str(error).removeprefix('it: ')})."
    if image.mode != "P":
        return f"has mode {image.mode}; the server reads class ids from palette images (P) only."
    if image.size != size[::-1]:
        return f"is {image.height} x {image.width} pixels, its image {size[0]} x {size[1]}; keep its size."
    palette, largest = image.getpalette("RGB"), int(np.asarray(image).max())
    if largest > LARGEST_ID:
        return f"holds the id {largest}; the server knows 0 (background) to {LARGEST_ID}."
    # an encoder may leave out colours behind the last one in use
    if palette != voc_palette()[: len(palette)] or len(palette) <= 3 * largest:
        return "has another palette than VOC's colours; write the ids with VOC's palette, not an adaptive one."
    return None
