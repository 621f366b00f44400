"""What the files of a data set say of one another: masks against labels, images against images.

Nothing is changed by it: it refuses what cannot be meant, and warns of what can hardly be.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from orandnet.dataset.inspection import Inspection
from orandnet.dataset.labels import Classes
from orandnet.dataset.layouts.entries import Entry
from orandnet.dataset.problems import refuse
from orandnet.files.mask import IGNORE_INDEX

EVALUATED = ("train", "val")
ENOUGH = 3  # images of a class that all contradict their masks are no accident
Warn = Callable[[str, str], None]  # code, message


class Pair(NamedTuple):
    """One image with a mask: the classes of its labels, those its mask shows, and whether it has pixels of 255."""

    entry: Entry
    labels: frozenset[str]
    shown: frozenset[str]
    ignored: bool

    @property
    def contradicts(self) -> bool:
        """Whether the mask shows classes, and none of the labels."""
        return bool(self.labels and self.shown) and not self.labels & self.shown


def compare_masks(
    entries: Sequence[Entry],
    found: Sequence[Inspection],
    labels: dict[str, tuple[str, ...]],
    classes: Classes,
    *,
    quick: bool,
    warn: Warn,
) -> None:
    """Compare the classes that each mask shows with the labels of its image.

    Args:
        entries: the images.
        found: what lies in their masks, in the same order.
        labels: image id -> class names.
        classes: names, and their ids in the masks.
        quick: whether this is a small part of the data, which may miss classes: then nothing is refused.
        warn: takes the code and the message of each doubt.

    Raises:
        ValueError: if no mask shows a class, or masks show other classes than their images' labels say.
    """
    pairs = _pairs(entries, found, labels, classes)
    if not pairs:
        return
    problems = [*_no_foreground(pairs, classes), *_contradictions(pairs, classes)]
    if quick:
        for problem in problems:
            warn("masks_unlike_labels", problem)
    else:
        refuse(problems)
    for split in EVALUATED:
        part = [pair for pair in pairs if pair.entry.split == split]
        shown = frozenset().union(*(pair.shown for pair in part))
        missing = [name for name in classes.names if name not in shown]
        if part and missing:
            warn(
                "classes_without_true_pixels",
                f"dataset.masks: no mask of {split} ({len(part)} images) shows {_listed(missing)}; what is predicted "
                "as such a class there is an error, and its recall is undefined.",
            )
    _count_differences(pairs, warn)


def _pairs(entries: Iterable[Entry], found: Iterable[Inspection], labels: dict, classes: Classes) -> list[Pair]:
    names = dict(zip(classes.file_ids, classes.names, strict=True))
    shown = {seen.mask_ids: frozenset(names[i] for i in seen.mask_ids if i in names) for seen in found}
    return [
        Pair(entry, frozenset(labels[entry.image_id]), shown[seen.mask_ids], IGNORE_INDEX in seen.mask_ids)
        for entry, seen in zip(entries, found, strict=True)
        if entry.mask is not None
    ]


def _no_foreground(pairs: list[Pair], classes: Classes) -> list[str]:
    if any(pair.shown for pair in pairs):
        return []
    first = f"{classes.names[0]!r} has the id {classes.file_ids[0]}"
    folder = pairs[0].entry.mask.parent
    if any(pair.ignored for pair in pairs):
        return [
            f"{folder}: the {len(pairs)} masks hold no class, only 0 and 255, and 255 counts nowhere: the class "
            f"{first}; write it as that, not as 255."
        ]
    return [f"{folder}: the {len(pairs)} masks hold background alone, while the class {first}; give the true masks."]


def _contradictions(pairs: list[Pair], classes: Classes) -> list[str]:
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
        f"{its[0].entry.mask.parent}: {len(against)} of {len(compared)} masks show none of their images' labels: "
        f"{its[0].entry.image_id} is labelled {name!r} (id {ids[name]}), and so are {len(its) - 1} more; {count} of "
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
                f"dataset.masks: {len(odd)} of {len(labelled)} masks {what}, the first is {first.entry.image_id}: "
                f"{_listed(sorted(differs(first)))}; look at some of them.",
            )


def compare_images(entries: Sequence[Entry], found: Sequence[Inspection], *, warn: Warn) -> None:
    """Warn of images that are equal byte by byte under two ids, those in two splits first."""
    by_content: dict[str, list[Entry]] = defaultdict(list)
    for entry, seen in zip(entries, found, strict=True):
        by_content[seen.image_sha256].append(entry)
    groups = [its for its in by_content.values() if len(its) > 1]
    across = [its for its in groups if len({_part(entry) for entry in its}) > 1]
    within = [its for its in groups if len({_part(entry) for entry in its}) == 1]
    for code, its, consequence in (
        ("images_in_two_splits", across, "scores on images that were trained on say nothing of others"),
        ("equal_images", within, "each counts as often as it is there"),
    ):
        if its:
            first = " and ".join(f"{entry.image_id} ({entry.split})" for entry in its[0][:2])
            warn(code, f"dataset: {len(its)} images are there more than once, as {first}; {consequence}.")


def _part(entry: Entry) -> str:
    return "train" if entry.split == "train_aug" else entry.split


def _listed(names: Sequence[str], shown: int = 10) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(repr, names[:shown])) + more
