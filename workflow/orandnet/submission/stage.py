"""Stage `submission`: predictions of the test split in, the archive for the PASCAL VOC server out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orandnet.dataset.index import Record, read_file_ids, read_index
from orandnet.files.mask import MaskList
from orandnet.job.progress import track
from orandnet.submission.archive import check_archive, write_archive
from orandnet.submission.settings import LARGEST_ID, Settings


def write(*, index: Path, masks: list[Path], output: Path, settings: Settings) -> None:
    """Write the archive of one method's predictions, and check it as `validate` does.

    Args:
        index: test.csv of the data set; classes.json beside it tells the ids that the classes have in mask files.
        masks: lists of the predicted masks of the test split (CSV).
        output: the archive (.tar.gz).
        settings: which variant.

    Raises:
        ValueError: if there is no test image, an image has no prediction, or a class has no VOC id.
    """
    records = images_of_test(index)
    translation = read_file_ids(index)
    if translation.max() > LARGEST_ID:
        raise ValueError(
            f"{index}: the classes have the ids {translation[1:].tolist()} in mask files, but the server knows 1 to "
            f"{LARGEST_ID} only; give VOC's ids in dataset.classes."
        )
    write_archive(output, translated(records, MaskList(masks), settings.variant, translation.astype(np.uint8)))
    check_archive(output, {record.image_id: record.size for record in records})


def translated(
    records: list[Record], predicted: MaskList, variant: str, translation: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield image id and predicted mask of each record in the ids of the mask files.

    Args:
        records: the images, in the order of the archive.
        predicted: their masks, (H, W) uint8 ids of the class list.
        variant: of the masks.
        translation: (C,) uint8, id in the class list -> id in mask files.
    """
    for record in track(records, "submission"):
        mask = predicted.read(record.image_id, variant)
        if mask.max() >= len(translation):
            raise ValueError(
                f"{record.image_id}: the prediction holds the id {mask.max()}, but the data set has "
                f"{len(translation)} classes; predict it again."
            )
        yield record.image_id, translation[mask]


def validate(*, archive: Path, index: Path) -> None:
    """Check an archive of any origin against the test images of a data set; silent if it is in order.

    Args:
        archive: a .tar.gz.
        index: test.csv of the data set.
    """
    check_archive(archive, {record.image_id: record.size for record in images_of_test(index)})


def images_of_test(index: Path) -> list[Record]:
    """Return the test images in the order of their ids.

    Raises:
        ValueError: if the data set has none.
    """
    records = sorted(read_index(index).subset("test"), key=lambda record: record.image_id)
    if not records:
        raise ValueError(f"{index}: the data set has no test image; add a list of them (dataset.lists.test).")
    return records


COMMANDS = {"write": write, "validate": validate}
