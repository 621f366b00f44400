"""A folder in VOC layout: which images are in which split, and where image and mask lie."""

from collections.abc import Iterable
from pathlib import Path

from orandnet.dataset.layouts.entries import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    SPLITS,
    Entry,
    files_by_stem,
    image_id_of,
    is_image_id,
    of_other_formats,
    wrong_sizes,
)
from orandnet.dataset.problems import refuse, repeated
from orandnet.dataset.settings import COCO_2014, Lists, Settings
from orandnet.job.progress import say


def read_voc(settings: Settings) -> list[Entry]:
    """Return the entries of all splits, in the order of the lists, each image once.

    Images of train come first and stand for train_aug too, the split `train_aug` has the others. ValueError
    if a folder, a list or an image is missing, if a list has not the expected number of images, if an id stands
    twice in a list or in two of the splits, or if an image of train or val has no mask.
    """
    root = settings.root
    if not (root / "JPEGImages").is_dir():
        raise ValueError(f"dataset.root: {root} has no folder JPEGImages; give a folder like VOCdevkit/VOC2012.")
    ids = _split_ids(root, settings.lists, settings.limit)
    counts = {split: len(ids[split]) for split in SPLITS} | {"train_aug": len(ids["train"]) + len(ids["train_aug"])}
    refuse(wrong_sizes(settings, counts, {split: f"the list {name}" for split, name in settings.lists}))
    images = files_by_stem((root / "JPEGImages").iterdir(), IMAGE_SUFFIXES)
    masks = files_by_stem(mask_folder(settings).iterdir(), MASK_SUFFIXES)
    rows = [(split, image_id) for split in SPLITS for image_id in ids[split]]
    refuse(_missing_files(rows, images, masks, settings))
    return [Entry(image_id, images[image_id], masks.get(image_id), split) for split, image_id in rows]


def mask_folder(settings: Settings) -> Path:
    """Return the folder of the true masks; ValueError if there is none."""
    candidates = [settings.masks] if settings.masks else ["SegmentationClassAug", "SegmentationClass"]
    for name in candidates:
        if (settings.root / name).is_dir():
            return settings.root / name
    raise ValueError(
        f"dataset.masks: {settings.root} has no folder {' or '.join(candidates)}; "
        "give the masks that train and val are evaluated with."
    )


def source_files(settings: Settings) -> list[Path]:
    """Return the lists and the labels file that exist, so that the workflow sees them change; [] for scenes.

    What is missing is refused, with more to say, when the data set is read. Of a downloaded data set only files
    outside its root count: those under it appear while the workflow runs.
    """
    if settings.kind == "scenes":
        return []
    if settings.kind == "coco":
        candidates = COCO_2014 if settings.annotations is None else settings.annotations
        candidates = [candidates] if isinstance(candidates, str) else candidates.values()
        places = [place for name in candidates for place in (settings.root / name, Path(name))]
        return [path for path in places if path.is_file() and not settings.download]
    folder = settings.root / "ImageSets" / "Segmentation"
    names = [getattr(settings.lists, split) for split in SPLITS]
    candidates = [path for name in names for path in (folder / name, folder / f"{name}.txt", Path(name))]
    candidates += [Path(settings.labels), settings.root / settings.labels]
    fetched = settings.root.resolve() if settings.download else None
    return [path for path in dict.fromkeys(candidates) if path.is_file() and fetched not in path.resolve().parents]


def training_ids(settings: Settings) -> list[str]:
    """Return the image ids of train and train_aug as the lists name them; [] where there are no lists yet.

    Reads the lists only. ValueError if one is missing or damaged.
    """
    to_come = settings.download and not (settings.root / "ImageSets").is_dir()
    if settings.kind != "voc" or to_come:
        return []
    paths = [_list_path(settings.root, settings.lists, split) for split in ("train", "train_aug")]
    return list(dict.fromkeys(image_id for path in paths if path for image_id in read_list(path)[: settings.limit]))


def read_list(path: Path) -> list[str]:
    """Return the image ids of a list: a bare id per line, or the paths of an image and its mask."""
    ids, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        image_id = image_id_of(fields[0])
        if not is_image_id(image_id) or len(fields) > 2 or (fields[1:] and "/" not in fields[1]):
            problems.append(f"{path}: line {number} is {line.strip()!r}; write an id, or the paths of image and mask.")
        ids.append(image_id)
    problems += [f"{path}: {image_id} is listed twice; remove one line." for image_id in repeated(ids)]
    refuse(problems)
    return ids


def _split_ids(root: Path, lists: Lists, limit: int | None) -> dict[str, list[str]]:
    """Ids by split; those of train are taken out of train_aug, and no other overlap is allowed."""
    ids = {}
    for split in SPLITS:
        path = _list_path(root, lists, split)
        ids[split] = read_list(path)[:limit] if path else []
        if path and not ids[split]:
            raise ValueError(f"{path}: the list of {split} is empty; write one image id per line.")
    train = set(ids["train"])
    if not ids["train_aug"]:
        say(f"dataset.lists.train_aug: there is no such list; the {len(train)} images of train are trained on.")
    ids["train_aug"] = [image_id for image_id in ids["train_aug"] if image_id not in train]
    members = {"train_aug": train | set(ids["train_aug"]), "val": set(ids["val"]), "test": set(ids["test"])}
    refuse(
        [
            f"{image_id}: is in the lists of both {first} and {second}; an image may be in one of them only."
            for first, second in (("train_aug", "val"), ("train_aug", "test"), ("val", "test"))
            for image_id in sorted(members[first] & members[second])
        ]
    )
    return ids


def _list_path(root: Path, lists: Lists, split: str) -> Path | None:
    name = getattr(lists, split)
    folder = root / "ImageSets" / "Segmentation"
    candidates = [folder / name, folder / f"{name}.txt"] + ([Path(name)] if "/" in name else [])
    found = next((path for path in candidates if path.is_file()), None)
    is_default = name == Lists.model_fields[split].default
    if found or (is_default and split in ("train_aug", "test")):
        return found
    raise ValueError(f"dataset.lists.{split}: {name!r} is neither in {folder} nor a path; make the list or correct it.")


def _missing_files(rows: Iterable[tuple[str, str]], images: dict, masks: dict, settings: Settings) -> list[str]:
    problems, others = [], of_other_formats((settings.root / "JPEGImages").iterdir())
    for split, image_id in rows:
        if image_id not in images:
            problems.append(
                others.get(image_id)
                or f"{settings.root / 'JPEGImages'}: has no image {image_id}, which the list of {split} names; "
                "add the image or remove the line."
            )
        elif split in ("train", "val") and image_id not in masks:
            problems.append(
                f"{mask_folder(settings)}: has no mask {image_id}.png, which {split} is evaluated with; "
                "add the mask or remove the line from the list."
            )
    return problems
