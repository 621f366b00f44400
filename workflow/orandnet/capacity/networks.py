"""The network of each GPU job, without pretrained weights."""

from functools import partial

import numpy as np
from torch import nn

from orandnet.cam.clip.features import WordFeatures
from orandnet.cam.clip.network import ClipNetwork, image_tower
from orandnet.capacity.fake_gpu import unfilled
from orandnet.capacity.jobs import Images, Job
from orandnet.classifier.network import create_classifier
from orandnet.classifier.network import without_pretraining as classifier_from_file
from orandnet.irn.boundary import BoundaryNetwork
from orandnet.irn.boundary import without_pretraining as boundary_from_file
from orandnet.orandnet.network import create_network
from orandnet.segmenter.deeplab import DeepLab
from orandnet.segmenter.deeplab import without_pretraining as segmenter_from_file
from orandnet.settings import Section

BACKGROUND_WORDS = 25  # that a CLIP compares images with: as of VOC's table


def make_network(job: Job, images: Images, *, values: bool = False) -> nn.Module:
    """Return the network of a job on the CPU, without pretrained weights, and without any initial values by default."""
    build = partial(NETWORKS[job.rule], job.settings[-1], images)
    if values:
        return build()
    with unfilled():
        return build()


def _classifier(settings: Section, images: Images) -> nn.Module:
    return create_classifier(classifier_from_file(settings), images.num_foreground)


def _segmenter(settings: Section, images: Images) -> nn.Module:
    return DeepLab(segmenter_from_file(settings), num_classes=images.num_foreground + 1)


def _orandnet(settings: Section, images: Images) -> nn.Module:
    return create_network(settings.model_copy(update={"pretrained": False, "weights": None}))


def _boundary(settings: Section, images: Images) -> nn.Module:
    return BoundaryNetwork(boundary_from_file(settings))


def _clip(settings: Section, images: Images) -> nn.Module:
    backbone = settings.backbone.without_pretraining()
    length = image_tower(backbone).head.out_features
    words = (np.zeros((number, length), np.float32) for number in (images.num_foreground, BACKGROUND_WORDS))
    return ClipNetwork(backbone, WordFeatures(*words, scale=100.0))


NETWORKS = {
    "classifier": _classifier,
    "classifier_amn": _classifier,
    "cam": _classifier,
    "cam_clip": _clip,
    "orandnet": _orandnet,
    "orandnet_cam": _orandnet,
    "irn": _boundary,
    "irn_walk": _boundary,
    "segmenter": _segmenter,
    "prediction": _segmenter,
}
