"""Text files that people and other programs wrote: lists, CSV files, XML."""

import codecs
from pathlib import Path

# the longer marks first: that of UTF-32 begins as that of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, or in what its byte order mark says (UTF-8, UTF-16, UTF-32), without mark.

    Raises:
        ValueError: names file and line where the bytes are no such text. Other encodings look like one another, so
            that none is guessed.
    """
    content = path.read_bytes()
    mark, encoding = next(((m, name) for m, name in _MARKS if content.startswith(m)), (b"", "utf-8"))
    body = content[len(mark) :]
    if b"\0" in body and encoding == "utf-8":
        line = _line_of(body, body.index(b"\0"))
        raise ValueError(
            f"{path}: line {line} holds a zero byte, as UTF-16 without a byte order mark does; save it as UTF-8."
        )
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        where = _line_of(body, error.start) if encoding == "utf-8" else body[: error.start].count(b"\n") + 1
        byte = body[error.start]
        raise ValueError(
            f"{path}: line {where} is no {encoding.upper()} text (byte 0x{byte:02x}), perhaps Latin-1 or cp1252; "
            "save it as UTF-8."
        ) from None
    if "\0" in text:
        raise ValueError(f"{path}: line {line_number(text, text.index(chr(0)))} holds a zero; save it as UTF-8.")
    return text


def text_lines(text: str) -> list[str]:
    """Return the lines of a text, ended by CR, LF or both; other characters that Python takes for ends do not count."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def line_number(text: str, position: int) -> int:
    """Return the line, counted from 1, of a position in a text."""
    return len(text_lines(text[:position]))


def _line_of(content: bytes, position: int) -> int:
    return line_number(content[:position].decode("latin-1"), position)
