"""Command `cam --images`: CAMs of new images by a trained classifier, without a data set or a config."""

from pathlib import Path

from orandnet.cam.folder import CamFolder, cam_folder
from orandnet.cam.settings import KIND_DEFAULTS, Settings
from orandnet.classifier.network import load_classifier
from orandnet.dataset.new_images import images_under, refuse_left_out
from orandnet.dataset.new_labels import labels_of
from orandnet.files.folder_record import MADE_WITH, FolderRecord
from orandnet.files.manifest import sha256, versions
from orandnet.files.run_settings import chosen_settings
from orandnet.job.fingerprint import fingerprint
from orandnet.job.progress import say
from orandnet.networks.device import place, select_device


def run(
    *,
    weights: Path,
    images: str,
    labels: Path,
    output: str,
    overlay: bool = False,
    settings: Settings | None = None,
    device: str = "auto",
) -> None:
    """Make the CAMs of new images with a trained classifier, each for the image's own labels: an .npz for each image.

    It holds `classes` (K,), `scores` (K, h, w) float16 in [0, 1], one cell per 4 x 4 pixels, and `size` (H, W);
    `made_with.json` in the output folder tells the class of each id. The command can be stopped and given again: what
    is there is kept, unless its image or labels have changed. A folder made with other weights or settings is refused.
    Images that cannot be read are named and left out, and the exit code is then 1.

    Args:
        weights: weights.safetensors of a classifier (cnn, vit, mctformer or amn).
        images: folder of images, with all folders in it.
        labels: CSV with the columns image_id and labels, class names joined by `;`.
        output: folder for the CAMs, in the same folders and under the same names as the images; outside of images.
        overlay: also write pictures to look at, the maps in colours over the image side by side, under overlay/.
        settings: JSON with keys of the config's section cam; the others are as the run made CAMs, if the weights lie in
            its folder, and else the defaults of the classifier's kind.
        device: auto, cpu, cuda or cuda:<number>.
    """
    found, where = images_under(Path(images), Path(output)), select_device(device)
    classifier = load_classifier(weights)
    classes = labels_of(found, labels, classifier.class_names)
    default = Settings.model_validate(KIND_DEFAULTS[classifier.settings.kind])
    chosen, origin = chosen_settings(settings, weights, "classifier", "cam", default)
    if chosen.raw_background:
        say("cam: raw_background is left out, since new images have no inter-pixel labels of a seed source")
        chosen = chosen.model_copy(update={"raw_background": False})
    say(f"cam: {len(found)} images, {classifier.settings.kind}, on {where}; {origin}, see {MADE_WITH}")
    names = ["background", *classifier.class_names]
    made_with = {
        "command": "cam",
        "weights_sha256": sha256(weights),
        "classes": names,
        "images": str(Path(images).resolve()),
        "settings": chosen.model_dump(mode="json"),
        "code": fingerprint("orandnet.cam.folder"),
    }
    place(classifier.network, where)
    with FolderRecord(Path(output), made_with, {"weights": str(weights), "versions": versions()}) as record:
        folder = CamFolder(record, names, overlay=overlay)
        problems = cam_folder(classifier, found, classes, folder, chosen, where)
    refuse_left_out(problems, len(found), what="CAM")


COMMANDS = {"": run}
