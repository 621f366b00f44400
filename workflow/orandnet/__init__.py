"""Weakly supervised semantic segmentation by precision-aware ensembling of class activation maps.

import orandnet

model = orandnet.load("results/demo/segmenter/ours/scale/seed0/weights.safetensors")
mask = model.predict(rgb)    # (H, W, 3) uint8 -> (H, W) uint8; model.class_names[mask[y, x]] is a pixel's class
"""

from importlib import import_module


def load(path, *, variant="ms_crf", device="auto", settings=None):
    """Return a trained segmenter for images as arrays, with `class_names`, `predict(rgb)` and `probabilities(rgb)`.

    Also asks torch for reproducible kernels, in the whole process.

    Args:
        path: `weights.safetensors` of a segmenter.
        variant: ss or ms (one scale, or several with mirror images), ss_crf or ms_crf (and a dense CRF).
        device: auto, cpu, cuda or cuda:<number>.
        settings: a dict with keys of the config's section `prediction`; the others are as the run predicted, if the
            weights lie in its folder, and else the section's defaults.

    Raises:
        ValueError: if the file is no segmenter's, or variant, device or settings do not exist.
    """
    # by name: what the package itself imports counts as code of every stage, and torch takes seconds to import
    return import_module("orandnet.prediction.model").load(path, variant=variant, device=device, settings=settings)
