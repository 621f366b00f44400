"""The folder of the segments' files: which belongs to which image, and whether they have changed.

Looks at names, sizes and dates only, so that the workflow can ask before any job runs.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from orandnet.refinement.settings import SamRefinement

ENDINGS = {"npz": ".npz", "coco_rle": ".json", "id_png": ".png"}
SHOWN = 5


class SegmentFolder:
    """The files of segments in a folder.

    Raises:
        ValueError: if there is no such folder.
    """

    def __init__(self, settings: SamRefinement):
        """Look for the folder."""
        self._folder = Path(settings.path or "")
        if settings.path is None or not self._folder.is_dir():
            raise ValueError(f"path: {settings.path} is no folder; give that of the segments' files.")
        self._ending = settings.suffix + ENDINGS[settings.format]

    def file_of(self, image_id: str) -> Path:
        """Return where the segments of an image lie."""
        return self._folder / f"{image_id}{self._ending}"

    def require(self, image_ids: Iterable[str]) -> None:
        """Refuse images without a file.

        Raises:
            ValueError: with their number and the first of them.
        """
        ids = list(image_ids)
        missing = [image_id for image_id in ids if not os.path.lexists(self.file_of(image_id))]
        if missing:
            shown = ", ".join(self.file_of(image_id).name for image_id in missing[:SHOWN])
            raise ValueError(
                f"{self._folder}: has no segments for {len(missing)} of {len(ids)} training images: {shown}; make "
                "them, or correct path, format or suffix."
            )

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits of the files' names, sizes and dates."""
        digest = hashlib.sha256()
        for path in sorted(self._folder.glob(f"*{self._ending}")):
            facts = path.lstat() if not path.exists() else path.stat()
            digest.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]
