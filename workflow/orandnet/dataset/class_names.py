"""Names of classes that were found in a file: in which order, and which of them are hardly meant.

A class list in the config is taken as it stands, but for what cannot name a class at all.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping

MISSING = {"nan", "nat", "na", "n/a", "<na>", "#n/a", "none", "null", "nil", "-", "--", "?", "", "unknown", "unlabeled"}
QUOTES = "\"'`\u00b4\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"  # plain, typographic and French ones
JOINTS = re.compile(r"[|/+&\s]+")
ALIKE = 0.8  # difflib's ratio from which a rare name may be a slip of a frequent one
RARE = 0.1  # share of the other's images


def split_labels(cell: str) -> list[str]:
    """Return the names that a cell of a table joins with `;`."""
    return [name for part in cell.split(";") if (name := part.strip())]


def name_key(name: str) -> tuple:
    """Return what names are sorted by: numbers in them as numbers, so that 10 comes after 2."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts if part)


def plain_form(name: str) -> str:
    """Return a name without what slips change: case, width and composition of letters, spaces, hyphens, underscores."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s_-]+", "", folded)


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that has the same plain form; None if there is none, or the name itself is known."""
    if name in known:
        return None
    return next((other for other in known if plain_form(other) == plain_form(name)), None)


def doubtful_names(found: Mapping[str, object]) -> list[str]:
    """Return a line on each found name that is hardly meant as a class, or hardly as one of its own.

    Args:
        found: name -> where it stands first, for the lines.
    """
    problems, by_form = [], {}
    for name, place in found.items():
        other = by_form.setdefault(plain_form(name), name)
        if other != name:
            problems.append(
                f"{place}: the class {name!r} is {found[other]}'s {other!r} in another form; write one of them, or "
                "list both in dataset.classes."
            )
        elif reason := _reason(name, found):
            problems.append(f"{place}: {name!r} {reason}, or list it in dataset.classes.")
    return problems


def _reason(name: str, found: Collection[str]) -> str | None:
    parts = JOINTS.split(name)
    if plain_form(name) in MISSING or name.casefold() in MISSING:
        return "reads as a missing label; leave the cell empty"
    if name in ("0", "00", "000"):
        return "is the number of the background; name the classes, or number them from 1"
    if name[0] in QUOTES or name[-1] in QUOTES:
        return 'has a quote at its end; use plain quotes (") around the whole cell'
    if len(parts) > 1 and all(part in found for part in parts):
        return f"looks like the classes {', '.join(parts)}; join them with `;`"
    return None


def likely_slips(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return (rare, frequent) pairs of names that differ by little; such that differ in numbers only are no slips.

    Args:
        counts: name -> number of images.
    """
    return [
        (rare, frequent)
        for rare in counts
        for frequent in counts
        if 0 < counts[rare] <= RARE * counts[frequent]
        and re.sub("[0-9]+", "", rare) != re.sub("[0-9]+", "", frequent)
        and difflib.SequenceMatcher(None, plain_form(rare), plain_form(frequent)).ratio() >= ALIKE
    ]
