"""A trained segmenter for images as arrays: what `orandnet.load` returns."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from pydantic import ValidationError

from orandnet.files.checkpoint import load_weights
from orandnet.files.run_settings import chosen_settings
from orandnet.networks.device import place, select_device
from orandnet.prediction.inference import probabilities_for
from orandnet.prediction.settings import PredictSettings, Variant
from orandnet.prediction.variants import mask_of, variant_scores
from orandnet.segmenter.deeplab import DeepLab, restore


class Segmenter:
    """Masks and class probabilities of images, the same numbers as the pipeline's for equal weights and settings.

    Attributes:
        class_names: by mask id; the first is the background.
        variant: ss, ms, ss_crf or ms_crf.
        settings: scales and mirror images of `ms`, how they are joined, and the CRF.
        settings_from: in words, where the settings come from.
        device: where the network is.
    """

    def __init__(
        self,
        network: DeepLab,
        class_names: tuple[str, ...],
        *,
        variant: str,
        settings: PredictSettings,
        settings_from: str,
        device: torch.device,
    ):
        """Keep a network in inference mode on `device`, and how it is used; `class_names` with the background."""
        self._network = network
        self.class_names, self.variant, self.device = class_names, variant, device
        self.settings, self.settings_from = settings, settings_from

    def predict(self, rgb: np.ndarray) -> np.ndarray:
        """Return the mask of an image, (H, W) uint8 ids of `class_names`.

        Args:
            rgb: (H, W, 3) uint8 of any size, red first.

        Raises:
            ValueError: if it is anything else.
        """
        return mask_of(self.probabilities(rgb))

    def probabilities(self, rgb: np.ndarray) -> np.ndarray:
        """Return the class probabilities of an image, (C, H, W) float32 in [0, 1] that sum to 1 at every pixel.

        Args and errors are those of `predict`. With a CRF, classes that it left out have 0 everywhere.
        """
        return variant_scores(check_rgb(rgb), self.before_crf(rgb), **self.refinement)[self.variant]

    def before_crf(self, rgb: np.ndarray) -> dict[str, np.ndarray]:
        """Return what `variant_scores` makes the variant of: (C, H, W) float32 probabilities by their names."""
        return probabilities_for(self._network, check_rgb(rgb), (self.variant,), self.settings, self.device)

    @property
    def refinement(self) -> dict[str, object]:
        """The further arguments of `variant_scores`."""
        crf, least = self.settings.crf, self.settings.crf_min_probability
        return {"variants": (self.variant,), "crf": crf, "min_probability": least}


def load(
    path: Path | str,
    *,
    variant: str = "ms_crf",
    device: str = "auto",
    settings: PredictSettings | Mapping[str, object] | None = None,
) -> Segmenter:
    """Return the segmenter of a weights file; see `orandnet.load`."""
    check_variant(variant)
    path, where, given = Path(path), select_device(device), _checked(settings)
    tensors, metadata = load_weights(path)
    if "classifier" in metadata:
        raise ValueError(f"{path}: holds a classifier, which makes CAMs (orandnet cam --images); give a segmenter's.")
    network, names = restore(tensors, metadata, path=path)
    chosen, origin = chosen_settings(given, path, "segmenter", "prediction", PredictSettings())
    return Segmenter(
        place(network, where),
        ("background", *names),
        variant=variant,
        settings=chosen,
        settings_from=origin,
        device=where,
    )


def check_variant(variant: str) -> None:
    """Refuse a variant that does not exist; ValueError."""
    if variant not in get_args(Variant):
        raise ValueError(f"variant: {variant!r} is unknown; choose one of {', '.join(get_args(Variant))}.")


def _checked(settings: PredictSettings | Mapping[str, object] | None) -> PredictSettings | None:
    if settings is None or isinstance(settings, PredictSettings):
        return settings
    try:
        return PredictSettings.model_validate(settings)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ") for fault in error.errors())
        raise ValueError(f"settings: {'; '.join(told)}; give keys of the config's section prediction.") from None


def check_rgb(rgb: np.ndarray) -> np.ndarray:
    """Return an image in the form that networks and CRF take it; nothing is guessed.

    Raises:
        ValueError: if it is no filled (H, W, 3) uint8 array.
    """
    if not isinstance(rgb, np.ndarray):
        raise ValueError(
            f"rgb: it is a {type(rgb).__name__}; give a numpy array, np.asarray(image.convert('RGB')) of Pillow's."
        )
    if rgb.dtype != np.uint8:
        raise ValueError(
            f"rgb: it holds {rgb.dtype}{_range(rgb)}; give bytes 0 to 255 (uint8). Of floats in [0, 1] they are "
            "(255 * rgb).round().astype(np.uint8)."
        )
    if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"rgb: its shape is {rgb.shape}, not (H, W, 3){_advice(rgb.shape)}.")
    return np.require(rgb, requirements=["C", "W"])  # a view that is turned or read-only is copied


def _range(rgb: np.ndarray) -> str:
    return f" from {rgb.min():.4g} to {rgb.max():.4g}" if rgb.size and rgb.dtype.kind in "iuf" else ""


def _advice(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return "; repeat a grey image's channel, np.stack([grey] * 3, axis=2)"
    if len(shape) == 3 and shape[2] == 4:
        return "; leave out its alpha channel, rgb[..., :3]"
    if len(shape) == 3 and shape[0] == 3:
        return "; bring the channels to the end, rgb.transpose(1, 2, 0)"
    return "; give one image at a time" if len(shape) == 4 else "; give a filled RGB image"
