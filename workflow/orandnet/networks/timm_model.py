"""Models of timm by name, with weights of its hub or of a local file; what cannot be had is said in one line."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import timm
from torch import nn

from orandnet.settings import Backbone

_MISSING = re.compile(r"Missing keys \((.*?)\) discovered")


def timm_arguments(settings: Backbone) -> dict:
    """Return the keywords of `timm.create_model` that load the weights the settings ask for.

    Raises:
        ValueError: if the local weights file does not exist.
    """
    arguments = dict(settings.model_options)
    if settings.weights and settings.pretrained:
        if not Path(settings.weights).is_file():
            raise ValueError(f"backbone.weights: no file {settings.weights}; give the path of a safetensors file.")
        arguments["pretrained_cfg_overlay"] = {"file": settings.weights}
    return arguments


def create_model(settings: Backbone, **arguments) -> nn.Module:
    """Return the timm model; a failure to find or load it names the model, the cause and the way out.

    Raises:
        ValueError: if timm does not know the model, does not make it so, or cannot load its weights.
    """
    try:
        return make_model(settings, **arguments)
    except UNFIT as error:
        raise _cannot_make(settings, error) from error


# how timm's models refuse a keyword or a value
UNFIT = (TypeError, AssertionError, NotImplementedError, IndexError)


def make_model(settings: Backbone, **arguments) -> nn.Module:
    """Return the timm model; raise one of UNFIT for arguments it does not take, a ValueError if it cannot be had."""
    given = timm_arguments(settings)
    try:
        with _weights_not_found() as missing:
            model = timm.create_model(settings.model, pretrained=settings.pretrained, **{**arguments, **given})
        _refuse_other_weights(settings, missing)
        return model
    except UNFIT:
        raise
    except Exception as error:  # a download, a file of weights, a name: each library has errors of its own
        raise _cannot_make(settings, error) from error


@contextmanager
def _weights_not_found() -> Iterator[list[str]]:
    """Yield the names that a file of weights lacks: timm says so in its log alone, and leaves them at random."""
    found: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: found.extend(
        name for names in _MISSING.findall(record.getMessage()) for name in names.split(", ")
    )
    logger, level = logging.getLogger("timm.models._builder"), logging.getLogger("timm.models._builder").level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _refuse_other_weights(settings: Backbone, missing: list[str]) -> None:
    """Refuse a local file that lacks weights of the network, but for those of the head, which is made anew."""
    head = timm.get_pretrained_cfg_value(settings.model, "classifier") or ()
    heads = tuple(f"{name}." for name in ((head,) if isinstance(head, str) else head))
    lacking = [name for name in missing if not name.startswith(heads)]
    if lacking and settings.weights and not settings.model_options:
        raise ValueError(
            f"{settings.weights} lacks {len(lacking)} of the network's weights, such as {', '.join(lacking[:3])}: it "
            "is of another model"
        )


def _cannot_make(settings: Backbone, error: Exception) -> ValueError:
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    remedy = "check backbone.model_options" if isinstance(error, UNFIT) else "check the name"
    if settings.pretrained:
        remedy += ", give a local `weights` file that is whole, or set `pretrained: false`"
    return ValueError(f"backbone.model: timm cannot make {settings.model!r} ({reason}); {remedy}.")
