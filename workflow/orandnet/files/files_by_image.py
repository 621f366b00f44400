"""A folder of another program's files: which of them belongs to which image, and whether they have changed.

Looks at names, sizes and dates only, so that the workflow can ask before any job runs.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

SHOWN = 5
VOC_ID = re.compile(r"\d{4}_\d{6}", flags=re.ASCII)


class FilesByImage:
    """Files of another program in a folder, one for each image, by what stands before suffix and ending in their names.

    Args:
        path: the folder.
        endings: of the files' names; a single "" means that each image has a folder.
        suffix: what follows the image id before the ending.
        what: what the files are, for messages, such as "CAM files".

    Raises:
        ValueError: if there is no such folder, or two files belong to one image.
    """

    def __init__(self, path: Path | str, endings: tuple[str, ...], *, suffix: str = "", what: str):
        """List the folder."""
        self._folder = Path(path)
        if not self._folder.is_dir():
            raise ValueError(f"{self._folder}: is no folder; give the path of the {what}.")
        self._pattern = f"<id>{suffix}{' or '.join(endings) or '/'}"
        self._holds_folders = endings == ("",)
        endings = tuple(suffix + ending for ending in endings)
        self._names: dict[str, str] = {}  # image id -> name of its file; an entry of the system takes thrice the memory
        with os.scandir(self._folder) as entries:
            for entry in entries:
                ending = next((ending for ending in endings if entry.name.endswith(ending)), None)
                if ending is not None and entry.is_dir() == self._holds_folders:
                    self._add(entry.name.removesuffix(ending), entry.name)

    def _add(self, stem: str, name: str) -> None:
        if stem in self._names:
            raise ValueError(f"{self._folder / name}: lies beside {self._names[stem]}; keep one file per image.")
        self._names[stem] = name

    def file_of(self, image_id: str) -> Path | None:
        """Return the file of an image, or None; an id of VOC's form, 2007_000032, may also be written as a number."""
        name = self._names.get(image_id)
        if name is None and VOC_ID.fullmatch(image_id):
            name = self._names.get(image_id.replace("_", ""))
        return self._folder / name if name else None

    def require(self, image_ids: Iterable[str], *, whose: str = "training images") -> None:
        """Refuse images without a file of their own; `whose` says in messages which images they are.

        Raises:
            ValueError: with their number, the first of them and what the folder holds; or two images of one file.
        """
        ids = list(image_ids)
        owners: dict[str, str] = {}
        for image_id in ids:
            path = self.file_of(image_id)
            if path is not None and owners.setdefault(path.name, image_id) != image_id:
                raise ValueError(
                    f"{path}: would serve both {owners[path.name]} and {image_id}; name each image's file by its own "
                    "id."
                )
        missing = [image_id for image_id in ids if self.file_of(image_id) is None]
        if missing:
            first = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
            raise ValueError(
                f"{self._folder}: has {len(self._names)} files {self._pattern}, and none for {len(missing)} of "
                f"{len(ids)} {whose}: {first}; make them, or correct path, format or suffix."
            )

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits of the files' names, sizes and dates."""
        digest = hashlib.sha256()
        for _, name in sorted(self._names.items()):
            place = self._folder / name
            for file in sorted(os.listdir(place)) if self._holds_folders else [name]:
                path = place / file if self._holds_folders else place
                try:
                    facts = path.stat()
                except OSError:  # a link to nothing, which the import will name
                    facts = path.lstat()
                digest.update(f"{name}/{file} {facts.st_size} {facts.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]
