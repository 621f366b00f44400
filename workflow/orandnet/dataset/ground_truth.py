"""The only door to the true masks: for evaluation, the report's pictures and the fully supervised reference.

Nothing else may import this module; what is trained from image labels would no longer be weakly supervised.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from orandnet.dataset.index import each_row
from orandnet.dataset.mask_ids import colors_of, translated, unknown_ids
from orandnet.files.mask import IGNORE_INDEX, read_mask


class GroundTruth:
    """True masks by image id, in the mask ids of the class list."""

    def __init__(self, index_csv: Path, ground_truth_json: Path):
        """Read where the masks lie, and how the ids in the files translate to those of the class list."""
        # image -> where its mask lies, and (H, W); of all other columns nothing is kept
        self._masks = {row["image_id"]: (row["mask"], (row["height"], row["width"])) for row in each_row(index_csv)}
        try:
            translation = json.loads(Path(ground_truth_json).read_text(encoding="utf-8"))
            ids = {int(file_id): class_id for file_id, class_id in translation["ids"].items()}
            self._other_ids, self._colors = translation["other_ids"], colors_of(translation.get("mask_colors"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{ground_truth_json}: does not tell the ids of the masks ({error}); run `orandnet dataset`."
            ) from error
        self._table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
        self._table[list(ids)] = list(ids.values())
        self._known = np.isin(np.arange(256), list(ids))

    def require(self, image_ids: Iterable[str]) -> None:
        """Refuse images without a mask, before long work starts.

        Raises:
            ValueError: with the number of such images and the first of them.
        """
        missing = [image_id for image_id in image_ids if not self._masks.get(image_id, ("",))[0]]
        if missing:
            raise ValueError(
                f"{missing[0]}: has no true mask, and {len(missing) - 1} further images have none; add the masks, "
                "or leave the fully supervised method out of segmenter.methods."
            )

    def read(self, image_id: str) -> np.ndarray:
        """Return the true mask of an image: (H, W) uint8 ids of the class list, 0 = background, 255 = ignore.

        ValueError if the image is unknown or has no mask, or if the mask no longer fits the index.
        """
        path, size = self._masks.get(image_id, (None, None))
        if not path:
            what = "is not in the index" if path is None else "has no true mask"
            raise ValueError(f"{image_id}: {what}; evaluate images with masks only, or add the mask.")
        mask = read_mask(Path(path), colors=self._colors)
        if mask.shape != tuple(map(int, size)):
            raise ValueError(
                f"{path}: is {mask.shape} pixels, the index says {' x '.join(size)}; run `orandnet dataset` again."
            )
        problem = unknown_ids(mask, self._known)
        if problem and self._other_ids == "error":
            raise ValueError(f"{path}: {problem}; run `orandnet dataset` again.")
        return translated(mask, self._table)
