"""Stage `cam`: a trained classifier, a CLIP or the CAM files of another method in, CAMs of the training images out."""

from pathlib import Path

from orandnet.cam.clip.features import read_features, write_features
from orandnet.cam.clip.settings import ClipSettings, ClipTextSettings
from orandnet.cam.clip.words import background_words, class_phrases
from orandnet.cam.imported import imported_cams
from orandnet.cam.recognition import describe
from orandnet.cam.settings import ImportSettings, Settings
from orandnet.dataset.index import read_class_names, read_index
from orandnet.files.mask import MaskList
from orandnet.files.store import shard_slice, write_shard
from orandnet.job.progress import track
from orandnet.maps.flatness import warned_if_flat


def run(
    *,
    index: Path,
    weights: Path,
    output: Path,
    settings: Settings,
    labels: list[Path] | None = None,
    shard: str = "1-of-1",
    device: str = "auto",
) -> None:
    """Write the CAMs of this shard's images, each for the image's own labels only.

    CAMs of images outside any data set: give their folder with --images, see `orandnet cam --images --help`.

    Args:
        index: train_aug.csv of the data set.
        weights: of a classifier.
        output: shard of CAMs.
        settings: scales, attribution and normalisation.
        labels: lists of the seed source's inter-pixel labels, for kind amn with raw_background.
        shard: which part, as 2-of-4: the second of four.
        device: auto, cpu or cuda.

    Raises:
        ValueError: if `labels`, the lists of the seed source's inter-pixel labels, are missing where an AMN's settings
            ask for them (raw_background), or given where they do not.
    """
    # here, since the import needs no torch
    from orandnet.cam.maps import cams
    from orandnet.classifier.network import load_classifier
    from orandnet.networks.device import place, select_device

    where = select_device(device)
    images = read_index(index)
    network, trained, _ = load_classifier(weights, images.class_names)
    records = shard_slice(images.filled_subset("train_aug", index), shard)
    made = cams(place(network, where), records, settings, trained, where, _seed_labels(labels, settings, trained.kind))
    write_shard(output, warned_if_flat(track(made, "cam", len(records)), "cam"))


def _seed_labels(labels: list[Path] | None, settings: Settings, kind: str) -> MaskList | None:
    if bool(labels) != (kind == "amn" and settings.raw_background):
        raise ValueError(
            f"labels: {len(labels or [])} lists are given for a network of kind {kind} with raw_background: "
            f"{str(settings.raw_background).lower()}; give kind amn with true those of `irn labels`, and others none."
        )
    return MaskList(labels) if labels else None


def import_cams(*, index: Path, output: Path, settings: ImportSettings, shard: str = "1-of-1") -> None:
    """Write the CAMs of this shard's images as another method left them in files.

    Args:
        index: train_aug.csv of the data set.
        output: shard of CAMs.
        settings: folder, format and normalisation.
        shard: which part, as 2-of-4: the second of four.

    Raises:
        ValueError: names the first files that are missing or do not fit the index, and says how many there are.
    """
    images = read_index(index)
    records = shard_slice(images.filled_subset("train_aug", index), shard)
    cams = imported_cams(records, images.class_names, settings)
    write_shard(output, warned_if_flat(track(cams, "import", len(records)), "cam import"))


def formats(file: str, /) -> None:
    """Say what a CAM file of another method holds, which import format reads it, and what the config says then.

    Args:
        file: of one image (.npy, .pt, .npz, .png), or the folder of its soft masks.
    """
    print("\n".join(describe(Path(file))))


def text(*, classes: Path, output: Path, settings: ClipTextSettings) -> None:
    """Write the features of the classes and background words that images are compared with.

    Args:
        classes: classes.json of the data set.
        output: names, features and the factor of the cosines (.npz).
        settings: words, template and text tower.

    Raises:
        ValueError: for prompts that do not fit the classes, or a text tower that cannot be had.
    """
    # here, since no other command needs it
    from orandnet.cam.clip.text import text_features

    names = read_class_names(classes)
    phrases = class_phrases(names, settings)
    background = background_words(names, phrases, settings)
    features, scale = text_features([*phrases, *background], settings)
    write_features(output, [*names, *background], features, scale)


def clip(
    *,
    index: Path,
    features: Path,
    output: Path,
    settings: ClipSettings,
    shard: str = "1-of-1",
    device: str = "auto",
) -> None:
    """Write the CAMs of this shard's images as a CLIP sees them, each for the image's own labels only.

    Args:
        index: train_aug.csv of the data set.
        features: of the words, which `cam text` wrote (.npz).
        output: shard of CAMs.
        settings: image tower, scales and affinity.
        shard: which part, as 2-of-4: the second of four.
        device: auto, cpu or cuda.

    Raises:
        ValueError: if the features lack a class, or the image tower cannot be had or does not fit them.
    """
    images = read_index(index)
    words = read_features(features, images.class_names)
    from orandnet.cam.clip.network import ClipNetwork
    from orandnet.cam.maps import cams
    from orandnet.networks.device import place, select_device

    where = select_device(device)
    records = shard_slice(images.subset("train_aug"), shard)
    made = cams(place(ClipNetwork(settings.backbone, words), where), records, settings, None, where)
    write_shard(output, warned_if_flat(track(made, "cam clip", len(records)), "cam clip"))


COMMANDS = {"": run, "import": import_cams, "text": text, "clip": clip, "formats": formats}
