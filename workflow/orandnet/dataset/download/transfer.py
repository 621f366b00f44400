"""Download of one file: continued where it broke off, tried again, and checked before it counts."""

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from orandnet.job.progress import say

CHUNK = 1 << 20  # bytes
SECONDS_TO_ANSWER = 60
ATTEMPTS = 5
SECONDS_BETWEEN_LINES = 30.0


class _WrongFile(ValueError):
    """What came is whole, but is not the file that was asked for."""


def download(
    path: Path,
    urls: Sequence[str],
    *,
    size: int | None,
    checksums: dict[str, str],
    is_sound: Callable[[Path], bool] = lambda path: True,
    wait: float = 5.0,
) -> str:
    """Download a file to `path` unless it lies there, and return the URL it came from ("" if it lay there).

    A broken download goes on where it stopped, also in a later call. All URLs are tried in turn, several times,
    with growing pauses; one that brought a wrong file is not asked again.

    Args:
        path: where the file belongs; a file that a person has put there is checked like a downloaded one.
        urls: places of the same file.
        size: in bytes; None leaves it unchecked.
        checksums: hash function -> hexadecimal digest.
        is_sound: a further look at the file.
        wait: seconds before the second attempt, doubled for each further one.

    Raises:
        ValueError: when nothing helped; names what each URL answered, and where to put the file by hand.
    """
    if path.is_file():
        try:
            _check(path, size=size, checksums=checksums, is_sound=is_sound)
        except _WrongFile as error:
            raise ValueError(f"{path}: {error}; delete it, and it will be downloaded.") from None
        return ""
    path.parent.mkdir(parents=True, exist_ok=True)
    faults: dict[str, str] = {}
    hopeful = list(dict.fromkeys(urls))
    for attempt in range(ATTEMPTS):
        if attempt and hopeful:
            time.sleep(wait * 2 ** (attempt - 1))
        for url in list(hopeful):
            part = _part(path, url)
            try:
                _fetch(url, part, size)
                _check(part, size=size, checksums=checksums, is_sound=is_sound)
            except (OSError, http.client.HTTPException, _WrongFile) as error:
                if isinstance(error, _WrongFile):  # another attempt would bring the same
                    part.unlink()
                    hopeful.remove(url)
                faults[url] = str(error) or type(error).__name__
                say(f"{url}: {faults[url]} (attempt {attempt + 1} of {ATTEMPTS})")
                continue
            part.replace(path)
            return url
    told = "; ".join(f"{url}: {fault}" for url, fault in faults.items())
    raise ValueError(
        f"{path}: could not be downloaded ({told}); run again, add a mirror, or put the file there by hand."
    )


def _part(path: Path, url: str) -> Path:
    """What has come from one URL so far; mirrors are not mixed, since not every file has a known checksum."""
    return path.with_name(f".{path.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part")


def _fetch(url: str, part: Path, size: int | None) -> None:
    """Bring `part` to its full length; OSError if the connection fails or ends early."""
    have = part.stat().st_size if part.is_file() else 0
    if size is not None and have == size:
        return
    headers = {"User-Agent": "orandnet", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=SECONDS_TO_ANSWER)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # more than the file has: begin anew at the next attempt
        raise
    with answer:
        continued = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        if continued and not (answer.headers["Content-Range"] or "").startswith(f"bytes {have}-"):
            raise OSError(f"answered with the range {answer.headers['Content-Range']!r} instead of {have}-")
        done = have if continued else 0
        length = answer.headers["Content-Length"]
        total = done + int(length) if length else size
        with part.open("ab" if continued else "wb") as file:
            done = _copy(answer, file, url, done, total)
    if total is not None and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _copy(answer: http.client.HTTPResponse, file, url: str, done: int, total: int | None) -> int:
    last = time.monotonic()
    while chunk := answer.read(CHUNK):
        file.write(chunk)
        done += len(chunk)
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{url}: {done >> 20} MiB" + (f" of {total >> 20}" if total else ""))
    return done


def _check(path: Path, *, size: int | None, checksums: dict[str, str], is_sound: Callable[[Path], bool]) -> None:
    found = path.stat().st_size
    if size is not None and found != size:
        raise _WrongFile(f"has {found} bytes instead of {size}")
    for name, expected in checksums.items():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, name).hexdigest()
        if digest != expected:
            raise _WrongFile(f"has the {name} {digest} instead of {expected}")
    if not is_sound(path):
        raise _WrongFile("is no archive of its kind")
