"""The folder of another program's predictions, looked at before any job runs."""

from orandnet.files.files_by_image import FilesByImage
from orandnet.prediction.settings import ImportSettings

ENDINGS = {"png": (".png",), "logits": (".npy", ".pt")}


def prediction_folder(settings: ImportSettings) -> FilesByImage:
    """Return the files of a folder; ValueError if there is no such folder, or two files belong to one image."""
    return FilesByImage(settings.path, ENDINGS[settings.format], suffix=settings.suffix, what="predictions")
