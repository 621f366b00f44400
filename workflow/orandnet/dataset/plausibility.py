"""What the files of a data set say of one another: masks against labels, images against images.

Nothing is changed by it: it refuses what cannot be meant, and warns of what can hardly be.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from orandnet.dataset.labels import Classes
from orandnet.dataset.problems import refuse
from orandnet.files.mask import IGNORE_INDEX

EVALUATED = ("train", "val")
ENOUGH = 3  # images of a class that all contradict their masks are no accident
Warn = Callable[[str, str], None]  # code, message


Row = Mapping[str, str]  # of a part's list


class Pair(NamedTuple):
    """One image with a mask: the classes of its labels, those its mask shows, and whether it has pixels of 255."""

    image_id: str
    split: str
    labels: frozenset[str]
    shown: frozenset[str]
    ignored: bool

    @property
    def contradicts(self) -> bool:
        """Whether the mask shows classes, and none of the labels."""
        return bool(self.labels and self.shown) and not self.labels & self.shown


def numbers_that_are_no_ids(classes: Classes) -> list[str]:
    """Return a line where all class names are numbers, and not those of the classes in the masks."""
    numbers = [int(name) for name in classes.names if name.isascii() and name.isdecimal()]
    if len(numbers) < len(classes.names) or tuple(numbers) == classes.file_ids:
        return []
    mapping = ", ".join(f'"{name}": {number}' for name, number in list(zip(classes.names, numbers, strict=True))[:3])
    return [
        f"dataset.classes: the names are the numbers {', '.join(classes.names)}, their ids in the masks "
        f"{', '.join(map(str, classes.file_ids))}; write the ids that are meant, {{{mapping}, ...}}, or other names."
    ]


def compare_masks(
    rows: Sequence[Row], ids: Mapping[str, bytes], classes: Classes, folder: Path, *, quick: bool, warn: Warn
) -> None:
    """Compare the classes that each mask shows with the labels of its image.

    Args:
        rows: the images of a part, with `image_id`, `split` and `labels` (names joined by `;`).
        ids: image id -> ids that its mask holds, for images with a mask.
        classes: names, and their ids in the masks.
        folder: of the masks, for messages.
        quick: whether this is a small part of the data, which may miss classes: then nothing is refused.
        warn: takes the code and the message of each doubt.

    Raises:
        ValueError: if no mask shows a class, or masks show other classes than their images' labels say.
    """
    pairs = _pairs(rows, ids, classes)
    if not pairs:
        return
    problems = [*_no_foreground(pairs, classes, folder), *_contradictions(pairs, classes, folder)]
    if quick:
        for problem in problems:
            warn("masks_unlike_labels", problem)
    else:
        refuse(problems)
    for split in EVALUATED:
        part = [pair for pair in pairs if pair.split == split]
        shown = frozenset().union(*(pair.shown for pair in part))
        missing = [name for name in classes.names if name not in shown]
        if part and missing:
            warn(
                "classes_without_true_pixels",
                f"dataset.masks: no mask of {split} ({len(part)} images) shows {_listed(missing)}; what is predicted "
                "as such a class there is an error, and its recall is undefined.",
            )
    _count_differences(pairs, warn)


def _pairs(rows: Iterable[Row], ids: Mapping[str, bytes], classes: Classes) -> list[Pair]:
    names = dict(zip(classes.file_ids, classes.names, strict=True))
    shown = {its: frozenset(names[i] for i in its if i in names) for its in set(ids.values())}
    return [
        Pair(
            row["image_id"],
            row["split"],
            frozenset(filter(None, row["labels"].split(";"))),
            shown[ids[row["image_id"]]],
            IGNORE_INDEX in ids[row["image_id"]],
        )
        for row in rows
        if row["image_id"] in ids
    ]


def _no_foreground(pairs: list[Pair], classes: Classes, folder: Path) -> list[str]:
    if any(pair.shown for pair in pairs):
        return []
    first = f"{classes.names[0]!r} has the id {classes.file_ids[0]}"
    if any(pair.ignored for pair in pairs):
        return [
            f"{folder}: the {len(pairs)} masks hold no class, only 0 and 255, and 255 counts nowhere: the class "
            f"{first}; write it as that, not as 255."
        ]
    if len(pairs) < ENOUGH:  # few images may show nothing; that is said for each split
        return []
    return [f"{folder}: the {len(pairs)} masks show no class at all, while the class {first}; give the true masks."]


def _contradictions(pairs: list[Pair], classes: Classes, folder: Path) -> list[str]:
    """Masks in other ids than the classes have: one line on the most striking class."""
    compared = [pair for pair in pairs if pair.labels and pair.shown]
    against = [pair for pair in compared if pair.contradicts]
    by_class: dict[str, list[Pair]] = defaultdict(list)
    for pair in compared:
        for name in pair.labels:
            by_class[name].append(pair)
    never = [name for name, its in by_class.items() if len(its) >= ENOUGH and all(pair.contradicts for pair in its)]
    if not never and not (len(against) >= ENOUGH and 2 * len(against) > len(compared)):
        return []
    name = never[0] if never else Counter(name for pair in against for name in pair.labels).most_common(1)[0][0]
    its = [pair for pair in against if name in pair.labels]
    instead, count = Counter(other for pair in its for other in pair.shown).most_common(1)[0]
    ids = dict(zip(classes.names, classes.file_ids, strict=True))
    return [
        f"{folder}: {len(against)} of {len(compared)} masks show none of their images' labels: "
        f"{its[0].image_id} is labelled {name!r} (id {ids[name]}), and so are {len(its) - 1} more; {count} of "
        f"these {len(its)} masks show id {ids[instead]} ({instead!r}); give dataset.classes in the order of the masks' "
        "ids, or as a mapping of name to id."
    ]


def _count_differences(pairs: list[Pair], warn: Warn) -> None:
    labelled = [pair for pair in pairs if pair.labels]
    for what, differs in (
        ("show a class that is no label of their image", lambda pair: pair.shown - pair.labels),
        ("lack a class that is a label of their image", lambda pair: pair.labels - pair.shown),
    ):
        odd = [pair for pair in labelled if differs(pair)]
        if odd:
            first = odd[0]
            warn(
                "masks_unlike_labels",
                f"dataset.masks: {len(odd)} of {len(labelled)} masks {what}, the first is {first.image_id}: "
                f"{_listed(sorted(differs(first)))}; look at some of them.",
            )


def compare_images(rows: Sequence[Row], *, warn: Warn) -> None:
    """Warn of images that are equal byte by byte under two ids, those in two parts of the data first.

    Args:
        rows: all images, with `image_id`, `split` and `sha256`.
        warn: takes the code and the message of each doubt.
    """
    by_content: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_content[row["sha256"]].append(row)
    groups = [its for its in by_content.values() if len(its) > 1]
    across = [its for its in groups if len({_part(row) for row in its}) > 1]
    within = [its for its in groups if len({_part(row) for row in its}) == 1]
    for code, its, consequence in (
        ("images_in_two_splits", across, "scores on images that were trained on say nothing of others"),
        ("equal_images", within, "each counts as often as it is there"),
    ):
        if its:
            first = " and ".join(f"{row['image_id']} ({row['split']})" for row in its[0][:2])
            warn(
                code, f"dataset: images that are there more than once: {len(its)}, the first as {first}; {consequence}."
            )


def _part(row: Row) -> str:
    return "train" if row["split"] == "train_aug" else row["split"]


def _listed(names: Sequence[str], shown: int = 10) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(repr, names[:shown])) + more
