"""CAMs of images, whatever the kind of classifier."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from orandnet.cam import attention, lrp
from orandnet.cam.amn import amn_maps
from orandnet.cam.class_attention import class_attention_maps
from orandnet.cam.multiscale import cnn_maps
from orandnet.cam.settings import Settings
from orandnet.classifier.settings import Settings as ClassifierSettings
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record
from orandnet.files.store import Cam
from orandnet.grid import grid_shape
from orandnet.score_maps import NORMALISATIONS, resize_maps
from orandnet.training.augment import resize, to_tensor

ATTRIBUTIONS = {"rollout": attention.attribution, "lrp": lrp.attribution}


def _cam(record: Record, maps: Tensor, settings: Settings) -> Cam:
    scores = NORMALISATIONS[settings.normalise](maps).pow(settings.power).cpu().numpy()
    return Cam(record.image_id, np.asarray(record.classes, dtype=np.int64), scores, record.size)


def _images(records: list[Record], device: torch.device) -> Iterator[tuple[Record, Tensor, Tensor]]:
    """Yield each record with its image (3, H, W) uint8 and its mask ids (K,) int64."""
    for record in records:
        rgb = to_tensor(read_rgb(record.image)).to(device)
        yield record, rgb, torch.tensor(record.classes, dtype=torch.int64, device=device)


def cnn_cams(
    network: nn.Module,
    records: list[Record],
    settings: Settings,
    trained: ClassifierSettings,
    device: torch.device,
) -> Iterator[Cam]:
    """Yield the CAM of each image from a CNN's class maps, at the image's own size."""
    for record, rgb, classes in _images(records, device):
        yield _cam(record, cnn_maps(network, rgb, classes, scales=settings.scales, flip=settings.flip), settings)


def mctformer_cams(
    network: nn.Module,
    records: list[Record],
    settings: Settings,
    trained: ClassifierSettings,
    device: torch.device,
) -> Iterator[Cam]:
    """Yield the CAM of each image from an MCTformer's class attention, at the image's own size."""
    for record, rgb, classes in _images(records, device):
        maps = class_attention_maps(
            network,
            rgb,
            classes,
            scales=settings.scales,
            flip=settings.flip,
            blocks=settings.attention_blocks,
            heads=settings.attention_heads,
            patch_cam=settings.patch_cam,
            refine=settings.refine,
        )
        yield _cam(record, maps, settings)


def vit_cams(
    network: nn.Module,
    records: list[Record],
    settings: Settings,
    trained: ClassifierSettings,
    device: torch.device,
) -> Iterator[Cam]:
    """Yield the CAM of each image from a transformer's attention, images squeezed to the training size."""
    size = trained.crop_size
    for start in range(0, len(records), settings.batch_size):
        batch = records[start : start + settings.batch_size]
        images = [to_tensor(resize(read_rgb(record.image), (size, size))) for record in batch]
        most = max(len(record.classes) for record in batch)
        targets = [(record.classes + record.classes[-1:] * most)[:most] for record in batch]
        maps = attention.vit_maps(
            network,
            torch.stack(images).to(device),
            torch.tensor(targets, dtype=torch.int64, device=device) - 1,
            size=size,
            scales=settings.scales,
            flip=settings.flip,
            start_block=settings.start_block,
            attribute=ATTRIBUTIONS[settings.attribution],
        )
        for row, record in enumerate(batch):
            shape = grid_shape(record.size)
            chosen = [resize_maps(scale[row : row + 1, : len(record.classes)], shape)[0] for scale in maps]
            yield _cam(record, torch.stack(chosen).sum(dim=0), settings)


def amn_cams(
    network: nn.Module,
    records: list[Record],
    settings: Settings,
    trained: ClassifierSettings,
    device: torch.device,
) -> Iterator[Cam]:
    """Yield the CAM of each image from an activation manipulation network, at the image's own size."""
    for record, rgb, _ in _images(records, device):
        maps = amn_maps(network, rgb, record.classes, scales=settings.scales, flip=settings.flip)
        yield _cam(record, maps, settings)


CAMS = {"cnn": cnn_cams, "vit": vit_cams, "mctformer": mctformer_cams, "amn": amn_cams}
