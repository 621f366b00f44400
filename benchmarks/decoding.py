"""Reading images and evaluating masks against the floor: Pillow's decoding of the same files and nothing else."""

import contextlib
import csv
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from inputs import Inputs
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import read_index, read_rows
from orandnet.dataset.settings import Settings
from orandnet.dataset.stage import make_all
from orandnet.evaluation.stage import prediction
from orandnet.files.mask import IGNORE_INDEX, write_mask, write_mask_list
from timing import Agreement, Comparison

NUM_IMAGES = 64  # so many that writing the scores, once for all, is as good as nothing: VOC has 1,449 in val
SHIFT = 3  # pixels by which the predicted masks are off


def small_dataset(folder: Path, *, side: int, number: int = NUM_IMAGES) -> Path:
    """Draw scenes of a mean side in pixels, `number` of them in val, and return their index.csv."""
    scenes = {"num_train": 6, "num_train_aug": 6, "num_val": number, "num_test": 0, "size": side}
    settings = Settings(kind="scenes", scenes=scenes)
    with contextlib.redirect_stderr(io.StringIO()):
        make_all(folder, settings)
    return folder / "index.csv"


def decoded_rgb(path: str) -> np.ndarray:
    """Return an image as Pillow decodes it."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def decoded_mask(path: Path | str) -> np.ndarray:
    """Return a mask as Pillow decodes it."""
    with Image.open(path) as image:
        return np.array(image)


def evaluated(index: Path, masks: Path) -> float:
    """Return the mIoU in percent that the stage writes for the predictions of val."""
    summary = index.with_name("summary.csv")
    with contextlib.redirect_stderr(io.StringIO()):
        prediction(
            index=index,
            ground_truth=index.parent / "ground_truth" / "val.json",
            masks=[masks],
            output=summary,
            per_class_output=index.with_name("per_class.csv"),
            confusion_output=index.with_name("confusion.csv"),
        )
    with summary.open(newline="") as file:
        return float(next(csv.DictReader(file))["miou"])


def mean_iou(pairs: list[tuple[np.ndarray, np.ndarray]], num_classes: int) -> float:
    """Return the mIoU in percent of (truth, prediction) masks, class by class."""
    truth, predicted = (np.concatenate([pair[k][pair[0] != IGNORE_INDEX] for pair in pairs]) for k in (0, 1))
    ious = []
    for class_id in range(num_classes):
        union = ((truth == class_id) | (predicted == class_id)).sum()
        ious += [((truth == class_id) & (predicted == class_id)).sum() / union] if union else []
    return 100 * float(np.mean(ious))


def comparisons(inputs: Inputs) -> Iterator[Comparison]:
    """Yield reading of JPEGs, and the whole evaluation stage; the ratio is the floor's share of our time."""
    with tempfile.TemporaryDirectory() as name:
        index = small_dataset(Path(name), side=round((inputs.size[0] * inputs.size[1]) ** 0.5))
        rows = [row for row in read_rows(index) if row["split"] == "val"]
        images, masks = [row["image"] for row in rows], [row["mask"] for row in rows]
        yield Comparison(
            "reading a JPEG; against Pillow's decoding alone",
            lambda: [decoded_rgb(path) for path in images],
            lambda: [read_rgb(path) for path in images],
            _equal_images,
            units=len(images),
            rounds=9,
        )
        predictions = Path(name) / "predictions" / "list.csv"
        for row in rows:
            shifted = np.roll(decoded_mask(row["mask"]), SHIFT, axis=1)
            shifted[shifted == IGNORE_INDEX] = 0
            write_mask(predictions.parent / f"{row['image_id']}.png", shifted)
        write_mask_list(predictions, [{"image_id": row["image_id"]} for row in rows])
        num_classes = read_index(index).num_classes

        def agreement(pairs: list[tuple[np.ndarray, np.ndarray]], found: float) -> Agreement:
            difference = abs(mean_iou(pairs, num_classes) - found)
            return Agreement(f"mIoU to {difference:.0e}", difference < 1e-9)

        guesses = [predictions.parent / f"{row['image_id']}.png" for row in rows]
        yield Comparison(
            "evaluation of a mask, checks of both files included; against decoding the two PNGs alone",
            lambda: [(decoded_mask(a), decoded_mask(b)) for a, b in zip(masks, guesses, strict=True)],
            lambda: evaluated(index, predictions),
            agreement,
            units=len(rows),
            rounds=9,
        )


def _equal_images(expected: list[np.ndarray], ours: list[np.ndarray]) -> Agreement:
    equal = all(np.array_equal(a, b) for a, b in zip(expected, ours, strict=True))
    return Agreement("all pixels equal" if equal else "pixels differ", equal)
