"""The words that CLIP compares images with: a phrase for each class, and what may stand around the objects.

Those of VOC and COCO are CLIP-ES's (Lin et al., CVPR 2023): a synonym or an addition where the name of a class alone is
read as something else.
"""

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from orandnet.cam.clip.settings import ClipTextSettings, Words

TABLE = Path(__file__).with_name("words.csv")
BACKGROUND_OF = {"voc": "voc", "coco": "coco", "plain": "voc"}


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def published_phrases(words: Words) -> dict[str, str]:
    """Return class name -> phrase of a table; `plain` has none."""
    return {row["name"]: row["phrase"] for row in _rows() if (row["table"], row["role"]) == (words, "class")}


def published_background(words: Words) -> list[str]:
    """Return the background words of a table; `plain` has VOC's."""
    wanted = (BACKGROUND_OF[words], "background")
    return [row["name"] for row in _rows() if (row["table"], row["role"]) == wanted]


def class_phrases(class_names: Sequence[str], settings: ClipTextSettings) -> list[str]:
    """Return the phrase of each class: the user's, else the table's, else its name with blanks for underscores.

    Raises:
        ValueError: for a prompt of something that is no class, or a class whose name says nothing and has no phrase.
    """
    strange = [name for name in settings.prompts if name not in class_names]
    if strange:
        raise ValueError(f"prompts: {strange[0]!r} is no class; the classes are {', '.join(class_names)}.")
    known = published_phrases(settings.words) | settings.prompts
    phrases = [known.get(name, name.replace("_", " ").strip()) for name in class_names]
    for name, phrase in zip(class_names, phrases, strict=True):
        if not any(letter.isalpha() for letter in phrase):
            raise ValueError(f"prompts: the class {name!r} says nothing to CLIP; write {name}: <what it looks like>.")
    return phrases


def background_words(class_names: Sequence[str], phrases: Sequence[str], settings: ClipTextSettings) -> list[str]:
    """Return the background words that are neither a class nor its phrase.

    Raises:
        ValueError: if none is left; the softmax over labels and background is the heart of the method.
    """
    taken = {text.casefold() for text in (*class_names, *phrases)}
    chosen = settings.background_words or published_background(settings.words)
    left = [word for word in chosen if word.casefold() not in taken]
    if not left:
        raise ValueError("text.background_words: all of them are classes; name some things that are none.")
    return left
