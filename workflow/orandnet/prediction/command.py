"""Command `predict`: masks of new images by a trained segmenter, without a data set, labels or a config."""

from pathlib import Path

from orandnet.dataset.new_images import images_under, refuse_left_out
from orandnet.files.folder_record import MADE_WITH, FolderRecord
from orandnet.files.manifest import sha256, versions
from orandnet.job.fingerprint import fingerprint
from orandnet.job.progress import say
from orandnet.prediction.folder import Wanted, predict_folder
from orandnet.prediction.model import Segmenter, check_variant, load
from orandnet.prediction.settings import PredictSettings


def run(
    *,
    weights: Path,
    images: str,
    output: str,
    variant: str = "ms_crf",
    overlay: bool = False,
    probabilities: bool = False,
    settings: PredictSettings | None = None,
    device: str = "auto",
    threads: int = 1,
) -> None:
    """Segment new images with a trained segmenter: a palette PNG of class ids for each, at the image's size.

    `made_with.json` in the output folder tells the class of each id. The command can be stopped and given again: what
    is there is kept, unless its image has changed. A folder made with other weights, variant or settings is refused.
    Images that cannot be read are named and left out, and the exit code is then 1.

    Args:
        weights: weights.safetensors of a segmenter.
        images: folder of images, with all folders in it.
        output: folder for the masks, in the same folders and under the same names as the images; outside of images.
        variant: ss, ms (several scales), ss_crf or ms_crf (with a dense CRF).
        overlay: also write pictures to look at, the mask in colours over the image, under overlay/.
        probabilities: also write the class probabilities, (C, H, W) float16, as .npz under probabilities/.
        settings: JSON with keys of the config's section prediction; the others are as the run predicted, if the weights
            lie in its folder, and else the defaults.
        device: auto, cpu, cuda or cuda:<number>.
        threads: CPU threads; those beyond one do the dense CRF.
    """
    check_variant(variant)
    target, found = Path(output), images_under(Path(images), Path(output))
    wanted = Wanted(overlay, probabilities)
    wanted.check_names(found, target)
    model = load(weights, variant=variant, device=device, settings=settings)
    say(f"predict: {len(found)} images, {variant}, on {model.device}; {model.settings_from}, see {MADE_WITH}")
    notes = {"weights": str(weights), "versions": versions()}
    with FolderRecord(target, _made_with(weights, Path(images), model), notes) as record:
        problems = predict_folder(model, found, record, wanted, threads=threads)
    refuse_left_out(problems, len(found), what="mask")


def _made_with(weights: Path, images: Path, model: Segmenter) -> dict[str, object]:
    """Return all that masks depend on besides their images; `classes` are the names by mask id."""
    return {
        "command": "predict",
        "weights_sha256": sha256(weights),
        "variant": model.variant,
        "classes": list(model.class_names),
        "images": str(images.resolve()),
        "settings": model.settings.model_dump(mode="json"),
        "code": fingerprint("orandnet.prediction.model"),
    }


COMMANDS = {"": run}
