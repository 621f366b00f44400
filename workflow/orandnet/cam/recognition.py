"""What a file of another method holds, and which import format reads it: asked before a config is written."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from orandnet.cam.import_folder import ENDINGS
from orandnet.cam.import_formats import read_grey
from orandnet.cam.settings import PRESETS, DictForm
from orandnet.files.dumps import TORCH_ENDINGS, first_entry, read_dump, real_numbers
from orandnet.files.mask import read_mask
from orandnet.files.picture import MOST_BYTES, MOST_PIXELS
from orandnet.files.plain_arrays import read_npz

SHOWN = 12  # entries
LONGEST = 40  # characters of a name
PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")  # needs no quotes in YAML
SOURCE_OF = {"dict": "own", "arrays": "own", "class_maps": "own", "soft_png": "own", "hard_png": "own"}


def describe(path: Path) -> list[str]:
    """Return lines on what a file holds, which format reads it, and what the config says then.

    Args:
        path: a file of one image, or the folder of its soft masks.

    Raises:
        ValueError: if it cannot be read, or is of no kind that an import knows.
    """
    kind, content = _content(path)
    entries = content if isinstance(content, dict) else {"": content}
    width = max((len(_name(key)) for key in entries), default=0)
    lines = [f"{path}: {kind}"]
    lines += [f"  {_name(key):{width}}  {_about(value)}".rstrip() for key, value in list(entries.items())[:SHOWN]]
    lines += [f"  and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else []
    found = list(formats_of(path, content))
    if not found:
        return [*lines, "", "no format reads it: an import takes dicts of maps (K, h, w), arrays of maps, and masks"]
    (chosen, keys), *others = found
    lines += ["", f"format: {chosen} reads it", "sources:", f"  {_source(path, chosen, keys, content)}"]
    if chosen == "dict" and "keys" in keys:
        lines.append("add keys_start: 1 if the first class has the key 1, or mask_ids if the key 0 is the background")
    return lines + ([f"also read by: {', '.join(name for name, _ in others)}"] if others else [])


def formats_of(path: Path, content: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (format, keys of the format `dict`) of each format that reads a file's content, the likeliest first."""
    suffix = path.suffix
    if path.is_dir():
        yield "soft_png", {}
    elif suffix == ".png":
        yield "hard_png", {}
    elif not isinstance(content, dict):
        if _maps(content, 3) is not None and suffix == ".npy":
            yield "arrays", {}
    elif suffix == ".npz":
        if {"classes", "scores"} <= content.keys() and _maps(content["scores"], 3) is not None:
            yield "arrays", {}
    else:
        known = [name for name, form in PRESETS.items() if suffix in ENDINGS[name] and _fits(content, form)]
        yield from ((name, {}) for name in known)
        if content and all(_is_class(key) and _maps(value, 2) is not None for key, value in content.items()):
            yield "class_maps", {}
        elif not known:
            yield from (("dict", keys) for keys in _guesses(content))


def _content(path: Path) -> tuple[str, Any]:
    """Return what kind of file it is, and what it holds."""
    if path.is_dir():
        names = sorted(file.name for file in path.glob("*.png"))
        if not names:
            raise ValueError(f"{path}: is a folder without PNGs; give the file of one image.")
        return "a folder of soft masks", {name: read_grey(path / name, MOST_PIXELS) for name in names[:SHOWN]}
    if path.suffix == ".png":
        return "a mask", {"ids": read_mask(path)}
    if path.suffix == ".npz":
        return "plain arrays", read_npz(path, None, most_bytes=MOST_BYTES)
    if path.suffix == ".npy" or path.suffix in TORCH_ENDINGS:
        content = read_dump(path, most_bytes=MOST_BYTES)
        form = "torch.save" if path.suffix in TORCH_ENDINGS else "numpy.save"
        return f"{'an array' if isinstance(content, np.ndarray) else f'a {type(content).__name__}'} of {form}", content
    raise ValueError(f"{path}: is none of .npy, .npz, .pt, .png or a folder of PNGs; give the file of one image.")


def _fits(content: dict, form: DictForm) -> bool:
    """Return whether a dict has the entries of a form, with as many maps as it needs."""
    name = first_entry(content, form.maps)
    scores = None if name is None else _maps(content[name], 3)
    if scores is None or (form.keys is not None and form.keys not in content):
        return False
    num_background = int(form.background == "first")
    return form.keys is None or len(scores) == np.size(content[form.keys]) + num_background


def _guesses(content: dict) -> Iterator[dict[str, str]]:
    """Yield keys of the format `dict` for a dict that no preset knows: maps, and what may be their classes."""
    for name, value in content.items():
        scores = _maps(value, 3) if isinstance(name, str) else None
        if scores is None:
            continue
        for other, keys in content.items():
            more = len(scores) - np.size(keys)
            if isinstance(other, str) and _are_classes(keys) and more in (0, 1):
                yield {"maps": name, "keys": other} | ({"background": "first"} if more else {})
                break
        else:
            yield {"maps": name}


def _maps(value: Any, num_axes: int) -> np.ndarray | None:
    try:
        return real_numbers(value, num_axes, Path())
    except ValueError:
        return None


def _is_class(key: Any) -> bool:
    return isinstance(key, int | np.integer) or (isinstance(key, str) and key.isdecimal())


def _are_classes(value: Any) -> bool:
    return isinstance(value, np.ndarray | list | tuple) and np.asarray(value).dtype.kind in "iu"


def _source(path: Path, name: str, keys: dict[str, str], content: Any) -> str:
    """Return the line of the config."""
    values = {"kind": "import", "path": str(path.parent), "format": name, **keys}
    parts = [f"{key}: {text if PLAIN.fullmatch(text) else json.dumps(text)}" for key, text in values.items()]
    entry = keys.get("maps") or (first_entry(content, PRESETS[name].maps) if name in PRESETS else None)
    activated = name in PRESETS and PRESETS[name].activation != "none"
    if entry is not None and not activated:
        scores = real_numbers(content[entry], 3, path)
        if not (scores.min() >= 0 and scores.max() <= 1):
            parts.append("cam: {normalise: max}")
    return f"{SOURCE_OF.get(name, name)}: {{{', '.join(parts)}}}"


def _name(key: Any) -> str:
    """Return a key as text that a terminal can show."""
    text = key if isinstance(key, str) and key.isidentifier() and key.isascii() else "" if key == "" else ascii(key)
    return text[:LONGEST]


def _about(value: Any) -> str:
    """Return shape, dtype and range of an array, or what else it is."""
    if isinstance(value, list | tuple) and value and all(isinstance(part, int | float | np.number) for part in value):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray | np.generic):
        return f"{type(value).__name__} {ascii(value)[:LONGEST]}"
    text = f"{np.shape(value)} {value.dtype}"
    if value.dtype.kind not in "biuf" or not value.size:
        return text
    if not np.isfinite(value).all():
        return f"{text}, with numbers that are not finite"
    return f"{text}, {value.min():.4g} to {value.max():.4g}"
