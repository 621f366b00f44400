"""The only door to the true masks: for evaluation, the report's pictures and the fully supervised reference.

Nothing else may import this module; what is trained from image labels would no longer be weakly supervised.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from orandnet.dataset.image import turned
from orandnet.dataset.index import each_row
from orandnet.dataset.mask_ids import colors_of, translated, unknown_ids
from orandnet.files.mask import IGNORE_INDEX, read_mask

CHECK_AGAIN = "check the masks again: snakemake --forcerun dataset_ground_truth --until dataset."


class GroundTruth:
    """True masks by image id, in the mask ids of the class list."""

    def __init__(self, index: Path, ground_truth: Path):
        """Read where the masks lie, and how the ids in the files translate to those of the class list.

        Args:
            index: list of the images (train_aug.csv, val.csv).
            ground_truth: ground_truth/<part>.json of the same part.

        Raises:
            ValueError: if one of them is missing or damaged.
        """
        self._sizes = {row["image_id"]: (int(row["height"]), int(row["width"])) for row in each_row(index)}
        try:
            content = json.loads(Path(ground_truth).read_text(encoding="utf-8"))
            ids = {int(file_id): class_id for file_id, class_id in content["ids"].items()}
            self._other_ids, self._masks = content["other_ids"], dict(content["masks"])
            self._colors, self._turned = colors_of(content["colors"]), dict(content["turned"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{ground_truth}: does not tell where the masks lie ({error}); run `orandnet dataset ground_truth`."
            ) from error
        self._table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
        self._table[list(ids)] = list(ids.values())
        self._known = np.isin(np.arange(256), list(ids))
        self._as_in_files = ids == {file_id: file_id for file_id in ids}

    def has(self, image_id: str) -> bool:
        """Return whether an image has a true mask."""
        return image_id in self._masks

    def require(self, image_ids: Iterable[str]) -> None:
        """Refuse images without a mask, before long work starts.

        Raises:
            ValueError: with the number of such images and the first of them.
        """
        missing = [image_id for image_id in image_ids if not self.has(image_id)]
        if missing:
            raise ValueError(
                f"{missing[0]}: has no true mask, and {len(missing) - 1} further images have none; add the masks, "
                "or leave the fully supervised method out of segmenter.methods."
            )

    def read(self, image_id: str) -> np.ndarray:
        """Return the true mask of an image: (H, W) uint8 ids of the class list, 0 = background, 255 = ignore.

        ValueError if the image is unknown or has no mask, or if the mask no longer fits the index.
        """
        path, size = self._masks.get(image_id), self._sizes.get(image_id)
        if path is None or size is None:
            what = "is not in the index" if size is None else "has no true mask"
            raise ValueError(f"{image_id}: {what}; evaluate images with masks only, or add the mask.")
        mask = read_mask(Path(path), colors=self._colors)
        if image_id in self._turned:
            mask = turned(mask, self._turned[image_id])
        if mask.shape != size:
            raise ValueError(f"{path}: is {mask.shape} pixels, the index says {size[0]} x {size[1]}; {CHECK_AGAIN}")
        problem = unknown_ids(mask, self._known)
        if problem and self._other_ids == "error":
            raise ValueError(f"{path}: {problem}; {CHECK_AGAIN}")
        return mask if self._as_in_files and not problem else translated(mask, self._table)
