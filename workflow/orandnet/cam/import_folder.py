"""The folder of imported CAM files, looked at before any job runs."""

from orandnet.cam.settings import PRESETS, ImportSettings
from orandnet.files.files_by_image import FilesByImage

ENDINGS = {
    **dict.fromkeys(PRESETS, (".npy",)),
    "beco": (".pt",),
    "dict": (".npy", ".pt"),
    "class_maps": (".npy",),
    "arrays": (".npz", ".npy"),
    "soft_png": ("",),  # a folder
    "hard_png": (".png",),
}


def import_folder(settings: ImportSettings) -> FilesByImage:
    """Return the CAM files of a folder; ValueError if there is no such folder, or two files belong to one image."""
    return FilesByImage(settings.path, ENDINGS[settings.format], suffix=settings.suffix, what="CAM files")
