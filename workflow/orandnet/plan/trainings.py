"""What each training starts from and learns from, and which segmenters a run trains."""

from orandnet.config.sections import Config
from orandnet.files.places import place
from orandnet.orandnet.settings import Settings as OrandnetSettings
from orandnet.plan.cams import shards
from orandnet.segmenter.settings import GROUND_TRUTH, TrainSettings, training_settings
from orandnet.settings import Backbone


def pretrained_classifier(config: Config, source: str) -> list[str]:
    """Return the local files of pretrained weights of a source's networks."""
    settings = config.classifier_of(source)
    return _local_weights(settings.backbone, settings.vit.stem)


def pretrained_clip(config: Config, source: str) -> list[str]:
    """Return the local file of the image tower of a source of kind clip, or nothing."""
    return _local_weights(config.sources[source].backbone)


def pretrained_clip_text(config: Config, source: str) -> list[str]:
    """Return the local file of the text tower of a source of kind clip, or nothing."""
    weights = config.clip_text_of(source).weights
    return [weights] if weights else []


def pretrained_orandnet(config: Config, ensemble: str) -> list[str]:
    """Return the local files of pretrained weights of an ensemble's ORANDNet."""
    return _local_weights(config.orandnet_of(ensemble))


def pretrained_boundary(config: Config, cam: str) -> list[str]:
    """Return the local files of pretrained weights of the boundary network that refines a CAM."""
    return _local_weights(config.irn_of(cam).boundary.backbone)


def pretrained_segmenter(config: Config) -> list[str]:
    """Return the local files of pretrained weights of the segmenters."""
    return _local_weights(config.segmenter.backbone)


def _local_weights(*networks: Backbone | OrandnetSettings | None) -> list[str]:
    """Files of pretrained weights that lie on this machine, so that a job waits for and notices them."""
    return [network.weights for network in networks if network is not None and network.weights]


def seed_labels(config: Config, source: str, seed: int | str) -> list[str]:
    """Return the lists of the inter-pixel labels that a source of kind amn is trained on."""
    cam = config.sources[source].seed_source
    return [place("irn_labels", config.run, cam=cam, seed=seed, shard=shard) for shard in shards(config)]


def raw_background_labels(config: Config, source: str, seed: int | str) -> list[str]:
    """Return the same lists where the CAM of the source, of kind amn, reads them too, or nothing."""
    reads = config.sources[source].kind == "amn" and config.cam_of(source).raw_background
    return seed_labels(config, source, seed) if reads else []


def seed_weights(config: Config, source: str, seed: int | str) -> list[str]:
    """Return the weights of the seed source where a source of kind amn starts from them, or nothing."""
    starts = config.classifier_of(source).amn.start_from_seed
    return _weights(config, config.sources[source].seed_source if starts else None, seed)


def boundary_weights(config: Config, cam: str, seed: int | str) -> list[str]:
    """Return the weights of the source whose backbone a CAM's boundary network starts from, or nothing."""
    return _weights(config, config.irn_of(cam).initial_source, seed)


def segmenter_weights(config: Config, seed: int | str) -> list[str]:
    """Return the weights of the source whose backbone the segmenters start from, or nothing."""
    return _weights(config, config.segmenter.initial_source, seed)


def _weights(config: Config, source: str | None, seed: int | str) -> list[str]:
    return [] if source is None else [place("classifier", config.run, source=source, seed=seed)]


def segmenter_masks(config: Config, method: str, seed: int | str) -> list[str]:
    """Return the lists of the pseudo masks a segmenter is trained on; none for the fully supervised reference."""
    cam = config.segmenter.methods[method]
    if cam == GROUND_TRUTH:
        return []
    return [place("pseudo_mask", config.run, method=cam, seed=seed, shard=shard) for shard in shards(config)]


def segmenter_ground_truth(config: Config, method: str) -> list[str]:
    """Return the way to the true masks for the fully supervised reference, and nothing for all others."""
    fully_supervised = config.segmenter.methods[method] == GROUND_TRUTH
    return [place("dataset_ground_truth", config.run, part="train_aug")] if fully_supervised else []


def segmenter_settings(config: Config, schedule: str) -> TrainSettings:
    """Return what one training of a segmenter depends on: the section without the lists of trainings."""
    return training_settings(config.segmenter, schedule)


def segmenters(config: Config) -> list[tuple[str, str]]:
    """Return (method, schedule) of each segmenter that a table shows, sorted."""
    rows = config.report.segmentation_methods or tuple(config.segmenter.methods)
    both = config.report.scale_scheduling_methods or tuple(config.segmenter.methods)
    wanted = {(method, config.report.segmentation_schedule) for method in rows}
    if len(config.segmenter.schedules) > 1:
        wanted |= {(method, schedule) for method in both for schedule in config.segmenter.schedules}
    return sorted(wanted)
