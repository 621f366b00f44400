"""Where public data sets come from: one table, in which a user can put mirrors.

The table lies in a folder without code, so that a new mirror changes no fingerprint and re-runs nothing.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("table") / "sources.csv"


@dataclass(frozen=True)
class Source:
    """An archive of a data set.

    Attributes:
        dataset: which data set it belongs to.
        file: name of the archive.
        inner_folder: folder in the archive whose content belongs into the data set's root; "" for all of it.
        holds: what lies under the root when the archive has been unpacked.
        size: in bytes; None if it is not known.
        checksums: name of the hash function -> hexadecimal digest, where known.
        urls: tried in this order.
    """

    dataset: str
    file: str
    inner_folder: str
    holds: str
    size: int | None
    checksums: dict[str, str]
    urls: tuple[str, ...]


def read_sources(datasets: tuple[str, ...], table: Path = TABLE) -> list[Source]:
    """Return the archives of the data sets in the order of the table; ValueError names a faulty row."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] in datasets]
    return [_source(row, table) for row in rows]


def _source(row: dict[str, str], table: Path) -> Source:
    urls = tuple(row["urls"].split())
    wrong = [url for url in urls if not url.startswith(("http://", "https://"))]
    if wrong or not urls:
        raise ValueError(f"{table}: {row['file']} has the URL {(wrong or [''])[0]!r}; write http:// or https:// URLs.")
    if row["size"] and not row["size"].isdecimal():
        raise ValueError(f"{table}: {row['file']} has the size {row['size']!r}; write a number of bytes, or nothing.")
    return Source(
        dataset=row["dataset"],
        file=row["file"],
        inner_folder=row["inner_folder"],
        holds=row["holds"],
        size=int(row["size"]) if row["size"] else None,
        checksums={name: row[name].lower() for name in ("md5", "sha256") if row[name]},
        urls=urls,
    )
