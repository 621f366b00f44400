"""The folder of imported CAM files: which of them belongs to which image, and whether they have changed.

Looks at names, sizes and dates only, so that the workflow can ask before any job runs.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from orandnet.cam.settings import ImportSettings

ENDINGS = {
    "irn": (".npy",),
    "amn": (".npy",),
    "class_maps": (".npy",),
    "arrays": (".npz", ".npy"),
    "soft_png": ("",),  # a folder
    "hard_png": (".png",),
}
SHOWN = 5
VOC_ID = re.compile(r"\d{4}_\d{6}", flags=re.ASCII)


class ImportFolder:
    """The CAM files of a folder, by what stands before suffix and ending in their names.

    Raises:
        ValueError: if there is no such folder, or two files belong to one image.
    """

    def __init__(self, settings: ImportSettings):
        """List the folder."""
        self._folder = Path(settings.path)
        if not self._folder.is_dir():
            raise ValueError(f"{self._folder}: is no folder; give the path of the CAM files.")
        self._pattern = f"<id>{settings.suffix}{' or '.join(ENDINGS[settings.format]) or '/'}"
        endings = [settings.suffix + ending for ending in ENDINGS[settings.format]]
        self._entries: dict[str, os.DirEntry] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                ending = next((ending for ending in endings if entry.name.endswith(ending)), None)
                if ending is not None and entry.is_dir() == (settings.format == "soft_png"):
                    self._add(entry.name.removesuffix(ending), entry)

    def _add(self, stem: str, entry: os.DirEntry) -> None:
        if stem in self._entries:
            raise ValueError(f"{entry.path}: lies beside {self._entries[stem].name}; keep one file per image.")
        self._entries[stem] = entry

    def file_of(self, image_id: str) -> Path | None:
        """Return the file of an image, or None; an id of VOC's form, 2007_000032, may also be written as a number."""
        entry = self._entries.get(image_id)
        if entry is None and VOC_ID.fullmatch(image_id):
            entry = self._entries.get(image_id.replace("_", ""))
        return Path(entry.path) if entry else None

    def require(self, image_ids: Iterable[str]) -> None:
        """Refuse images without a file of their own.

        Raises:
            ValueError: with their number, the first of them and what the folder holds; or two images of one file.
        """
        ids = list(image_ids)
        owners: dict[Path, str] = {}
        for image_id in ids:
            path = self.file_of(image_id)
            if path is not None and owners.setdefault(path, image_id) != image_id:
                raise ValueError(
                    f"{path}: would serve both {owners[path]} and {image_id}; name each image's file by its own id."
                )
        missing = [image_id for image_id in ids if self.file_of(image_id) is None]
        if missing:
            first = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
            raise ValueError(
                f"{self._folder}: has {len(self._entries)} files {self._pattern}, and none for {len(missing)} of "
                f"{len(ids)} training images: {first}; make them, or correct path, format or suffix."
            )

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits of the files' names, sizes and dates."""
        digest = hashlib.sha256()
        for _, entry in sorted(self._entries.items()):
            files = sorted(os.scandir(entry.path), key=lambda file: file.name) if entry.is_dir() else [entry]
            for file in files:
                try:
                    facts = file.stat()
                except OSError:  # a link to nothing, which the import will name
                    facts = file.stat(follow_symlinks=False)
                digest.update(f"{entry.name}/{file.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]
