"""Object names in the XML annotations of PASCAL VOC."""

import codecs
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from orandnet.dataset.text import read_text

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


def object_names(path: Path) -> set[str]:
    """Return the names of all objects, the difficult ones included, as the field's cls_labels.npy counts them.

    Raises:
        ValueError: names the file that is no XML, or in an encoding that Python does not know.
    """
    try:
        # a text's own declaration of an encoding is passed over
        tree = ElementTree.fromstring(_text(path))
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: is not well-formed XML ({error}); copy the annotation again.") from error
    nameless = sum(not (node.findtext("name") or "").strip() for node in tree.iterfind("object"))
    if nameless:
        raise ValueError(f"{path}: {nameless} of its objects have no name; write one, or remove the object.")
    return {node.findtext("name").strip() for node in tree.iterfind("object")}


def _text(path: Path) -> str:
    """The text in the encoding that the file declares, which expat reads for a few only; else as any text."""
    content = path.read_bytes()
    declared = _DECLARED.match(content.removeprefix(codecs.BOM_UTF8))
    if not declared:
        return read_text(path)
    name = declared.group(1).decode()
    try:
        if codecs.lookup(name).name in ("utf-8", "ascii") or content.startswith(codecs.BOM_UTF8):
            return read_text(path)
        return content.decode(name)
    except LookupError:  # also of codecs that are no encoding of text
        raise ValueError(f"{path}: declares the unknown encoding {name!r}; save it as UTF-8.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no {name} text, as it declares ({error.reason}); save it as UTF-8.") from None
