"""A folder in VOC layout: which images are in which split, and where image and mask lie."""

from collections.abc import Sequence
from pathlib import Path

from orandnet.dataset.layouts.entries import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    PARTS,
    Entry,
    FilesByStem,
    image_id_of,
    is_image_id,
    of_other_formats,
)
from orandnet.dataset.problems import refuse, repeated
from orandnet.dataset.settings import Lists, Settings
from orandnet.dataset.text import read_text, text_lines
from orandnet.job.progress import say


def read_voc(settings: Settings, part: str) -> list[Entry]:
    """Return the entries of train_aug, val or test in the order of their lists, each image once.

    Of train_aug the images of train come first, with the split `train`; the others have the split `train_aug`.
    ValueError if a folder, a list or an image is missing, if a list is empty, or if an id stands twice in it.
    """
    root = settings.root
    if not (root / "JPEGImages").is_dir():
        raise ValueError(f"dataset.root: {root} has no folder JPEGImages; give a folder like VOCdevkit/VOC2012.")
    rows = [(split, image_id) for split, ids in listed_ids(settings, part).items() for image_id in ids]
    images = files_in(root / "JPEGImages", IMAGE_SUFFIXES, [image_id for _, image_id in rows])
    others = of_other_formats((root / "JPEGImages").iterdir()) if len(images) < len(rows) else {}
    refuse(
        [
            others.get(image_id)
            or f"{root / 'JPEGImages'}: has no image {image_id}, which the list of {split} names; "
            "add the image or remove the line."
            for split, image_id in rows
            if image_id not in images
        ]
    )
    return [Entry(image_id, images[image_id], split) for split, image_id in rows]


def files_in(folder: Path, suffixes: tuple[str, ...], image_ids: Sequence[str]) -> dict[str, Path]:
    """Return the files of a folder by id; those that are not there are looked for in the folders in it."""
    found = FilesByStem(folder.iterdir(), suffixes).of(image_ids)
    others = [image_id for image_id in image_ids if image_id not in found]
    inner = [path for path in folder.iterdir() if path.is_dir()] if others else []
    if not inner:
        return found
    return found | FilesByStem((path for place in inner for path in place.rglob("*")), suffixes).of(others)


def list_files(settings: Settings, part: str) -> list[Path]:
    """Return the image lists of train_aug, val or test that exist; what is missing is refused when they are read."""
    found = (_list_path(settings.root, settings.lists, split, required=False) for split in PARTS[part])
    return [path for path in found if path]


def mask_folder(root: Path, name: str | None) -> Path:
    """Return the folder of the true masks; ValueError if there is none."""
    candidates = [name] if name else ["SegmentationClassAug", "SegmentationClass"]
    for candidate in candidates:
        if (root / candidate).is_dir():
            return root / candidate
    raise ValueError(
        f"dataset.masks: {root} has no folder {' or '.join(candidates)}; "
        "give the masks that train and val are evaluated with."
    )


def ids_of_lists(settings: Settings, part: str) -> list[str]:
    """Return the image ids of train_aug, with those of train, or of val, as the lists name them; [] without lists yet.

    Reads the lists only. ValueError if one is missing or damaged.
    """
    to_come = settings.download and not (settings.root / "ImageSets").is_dir()
    if settings.kind != "voc" or to_come:
        return []
    return [image_id for ids in listed_ids(settings, part, quiet=True).values() for image_id in ids]


def read_list(path: Path) -> list[str]:
    """Return the image ids of a list: a bare id per line, or the paths of an image and its mask."""
    ids, problems = [], []
    for number, line in enumerate(text_lines(read_text(path)), start=1):
        fields = line.split()
        if not fields:
            continue
        image_id = image_id_of(fields[0])
        if not is_image_id(image_id) or len(fields) > 2 or (fields[1:] and not _is_mask(fields[1])):
            problems.append(
                f"{path}: line {number} is {line.strip()!r}; write an id, or the paths of image and mask. Names with "
                "spaces go into a CSV (kind: folder)."
            )
        ids.append(image_id)
    problems += [f"{path}: {image_id} is listed twice; remove one line." for image_id in repeated(ids)]
    refuse(problems)
    return ids


def _is_mask(field: str) -> bool:
    """Whether a second field of a line is a mask's file, and not VOC's 1 or -1 of a class."""
    return "/" in field or "\\" in field or field.lower().endswith(MASK_SUFFIXES)


def listed_ids(settings: Settings, part: str, *, quiet: bool = False) -> dict[str, list[str]]:
    """Return the ids of train_aug, val or test by split; those of train are taken out of train_aug.

    Reads the lists only. ValueError if one is missing, damaged or empty.
    """
    ids = {}
    for split in PARTS[part]:
        path = _list_path(settings.root, settings.lists, split)
        ids[split] = read_list(path)[: settings.limit] if path else []
        if path and not ids[split]:
            raise ValueError(f"{path}: the list of {split} is empty; write one image id per line.")
    if part == "train_aug":
        train = set(ids["train"])
        if not ids["train_aug"] and not quiet:
            say(f"dataset.lists.train_aug: there is no such list; the {len(train)} images of train are trained on.")
        ids["train_aug"] = [image_id for image_id in ids["train_aug"] if image_id not in train]
    return ids


def _list_path(root: Path, lists: Lists, split: str, *, required: bool = True) -> Path | None:
    name = getattr(lists, split)
    folder = root / "ImageSets" / "Segmentation"
    candidates = [folder / name, folder / f"{name}.txt"] + ([Path(name)] if "/" in name else [])
    found = next((path for path in candidates if path.is_file()), None)
    is_default = name == Lists.model_fields[split].default
    if found or not required or (is_default and split in ("train_aug", "test")):
        return found
    raise ValueError(f"dataset.lists.{split}: {name!r} is neither in {folder} nor a path; make the list or correct it.")
