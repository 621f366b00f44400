"""Whether every network of a config can be made, with the files of weights that it names."""

from collections.abc import Callable, Iterator

from torch import nn

from orandnet.cam.clip.network import image_tower
from orandnet.classifier.network import create_classifier
from orandnet.classifier.network import without_pretraining as classifier_from_nothing
from orandnet.config.sections import Config
from orandnet.config.starts import starts
from orandnet.files.checkpoint import BACKBONE
from orandnet.irn.boundary import BoundaryNetwork
from orandnet.orandnet.network import create_network
from orandnet.segmenter.deeplab import DeepLab
from orandnet.segmenter.deeplab import without_pretraining as segmenter_from_nothing
from orandnet.settings import Backbone, Section


def network_faults(config: Config, num_foreground: int) -> tuple[list[str], list[str]]:
    """Make each network of the run once; files of weights are read, the hub is not asked.

    Args:
        config: the run's.
        num_foreground: classes, background not counted.

    Returns:
        One line for each fault, and the names of the models whose weights the run fetches from timm's hub.
    """
    faults, from_hub, made, places = [], [], {}, {}
    for place, settings, make in _networks(config, num_foreground):
        places[place] = key = (make.__name__, settings.canonical_json())
        if key in made:
            continue
        made[key] = {}
        from_hub += [model for model in _hub_models(settings) if model not in from_hub]
        try:
            made[key] = _backbone_shapes(make(settings))
        except (ValueError, OSError) as error:
            faults.append(f"{place}: {str(error).splitlines()[0]}")
    return faults + list(_unfit_starts(config, {place: made[key] for place, key in places.items()})), from_hub


def _backbone_shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(part.shape) for name, part in network.state_dict().items() if name.startswith(BACKBONE)}


def _unfit_starts(config: Config, shapes: dict[str, dict[str, tuple[int, ...]]]) -> Iterator[str]:
    """Yield a line on each network whose backbone has not the tensors of the source that it starts from.

    Args:
        config: the run's.
        shapes: of the backbone of each network that could be made, by its place.
    """
    for start in starts(config):
        own, given = shapes[start.network], shapes[f"sources.{start.source}.classifier"]
        unfit = sorted(name for name, shape in own.items() if given.get(name) != shape)
        if given and unfit:
            yield (
                f"{start.key}: {len(unfit)} of the {len(own)} backbone tensors of {start.network} are not as those of "
                f"{start.source}, first {unfit[0]}; use the same backbone in both."
            )


def _networks(config: Config, num_foreground: int) -> Iterator[tuple[str, Section, Callable[[Section], nn.Module]]]:
    """Yield the place, the settings and the maker of each network of the run."""

    def classifier(settings: Section) -> nn.Module:
        files = any(part is not None and part.weights for part in (settings.backbone, settings.vit.stem))
        return create_classifier(settings if files else classifier_from_nothing(settings), num_foreground)

    def boundary(settings: Section) -> nn.Module:
        return BoundaryNetwork(settings if settings.backbone.weights else _without_hub(settings))

    def orandnet(settings: Section) -> nn.Module:
        return create_network(settings if settings.weights else settings.model_copy(update={"pretrained": False}))

    def segmenter(settings: Section) -> nn.Module:
        started = config.segmenter.initial_source is not None or not settings.backbone.weights
        return DeepLab(segmenter_from_nothing(settings) if started else settings, num_classes=num_foreground + 1)

    def clip(settings: Section) -> nn.Module:
        given = settings.backbone
        return image_tower(given if given.weights else given.without_pretraining())

    for name in config.clips:
        yield f"sources.{name}", config.clip_of(name), clip
    for name, source in config.sources.items():
        if source.kind not in ("import", "clip"):
            yield f"sources.{name}.classifier", config.classifier_of(name), classifier
    for cam in config.irn.cams:
        yield f"irn.boundary (of {cam})", config.irn_of(cam).boundary, boundary
    for name, ensemble in config.ensembles.items():
        if ensemble.output == "orandnet":
            yield f"ensembles.{name}.orandnet", config.orandnet_of(name), orandnet
    if config.segmenter.methods:
        yield "segmenter", config.segmenter, segmenter


def _without_hub(settings: Section) -> Section:
    return settings.model_copy(update={"backbone": settings.backbone.without_pretraining()})


def _hub_models(settings: Section) -> Iterator[str]:
    """Yield the models whose weights are neither at hand nor left out."""
    vit = getattr(settings, "vit", None)
    for backbone in (getattr(settings, "backbone", None), vit and vit.stem):
        if isinstance(backbone, Backbone) and backbone.pretrained and not backbone.weights:
            yield backbone.model
    if getattr(settings, "architecture", None) == "fcn8s_vgg16" and settings.pretrained and not settings.weights:
        yield "vgg16.tv_in1k"
