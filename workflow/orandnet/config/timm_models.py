"""Names of timm's models, read from its source: to import it takes seconds, which each listing of jobs would."""

import difflib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OTHERS = {"wideresnet38"}  # of the package itself
ELSEWHERE = ("hf-hub:", "hf_hub:", "local-dir:")  # what they name is known when it is fetched or read
QUICK, PLAIN = "_clip_quickgelu_", "_clip_"  # the same weights, listed under the second name alone
_FUNCTION = re.compile(rb"^@register_model\ndef (\w+)\(", re.MULTILINE)
_QUOTED = re.compile(rb"['\"]([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)?)['\"]\s*:")


@cache
def _source() -> bytes | None:
    """The text of timm's model files; None where timm is not installed, as where Snakemake deploys environments."""
    try:
        found = find_spec("timm")
    except (ValueError, ImportError):  # half imported, or an import hook that refuses it
        found = None
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "models"
    return b"\n".join(path.read_bytes() for path in sorted(folder.glob("*.py"))) or None


@cache
def unknown_model(name: str) -> str | None:
    """Say that timm has no model of this name, and which name is near; None if it has, or cannot be asked."""
    source = _source()
    if source is None or name in OTHERS or name.startswith(ELSEWHERE):
        return None
    base, _, tag = name.partition(".")
    tagged = base.replace(QUICK, PLAIN)
    # older names stand as keys of those that took their place
    older = rb"['\"]%s['\"]\s*:\s*['\"]" % re.escape(base.encode())
    if base and (_is_there(source, "@register_model\ndef %s(", base) or re.search(older, source)):
        full = f"{tagged}.{tag}"
        if not tag or _is_there(source, "'%s'", full) or _is_there(source, '"%s"', full):
            return None
        known = sorted({its.decode() for its in _QUOTED.findall(source) if its.startswith(f"{tagged}.".encode())})
        if not known:  # some families write their tags in another way
            return None
        tags = ", ".join(its.partition(".")[2] for its in known)
        return f"timm's {base!r} has no weights {tag!r}; they are {tags}."
    near = difflib.get_close_matches(base, {*(its.decode() for its in _FUNCTION.findall(source)), *OTHERS}, n=1)
    return f"timm has no model {name!r}; " + (f"did you mean {near[0]!r}?" if near else "write a name of its list.")


@cache
def architecture(name: str) -> str | None:
    """Return what stands for the tensors of a model, whatever its weights; None where its name does not tell.

    An older name stands for the one that took its place; timm's ports of TensorFlow's networks differ in padding only.
    """
    if name.startswith(ELSEWHERE):
        return None
    base = name.partition(".")[0]
    newer = re.search(rb"['\"]%s['\"]\s*:\s*['\"]([\w.]+)['\"]" % re.escape(base.encode()), _source() or b"")
    return (newer[1].decode().partition(".")[0] if newer else base).removeprefix("tf_")


def _is_there(source: bytes, form: str, name: str) -> bool:
    return (form % name).encode() in source
