"""CAMs of images, whatever the kind of classifier."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from orandnet.cam import attention, lrp
from orandnet.cam.amn import amn_maps
from orandnet.cam.class_attention import class_attention_maps
from orandnet.cam.clip.maps import clip_maps
from orandnet.cam.multiscale import cnn_maps, positions
from orandnet.cam.settings import Settings
from orandnet.classifier.settings import Settings as ClassifierSettings
from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import Record
from orandnet.files.mask import MaskList
from orandnet.files.store import Cam
from orandnet.job.read_ahead import read_ahead
from orandnet.maps.grid import grid_shape
from orandnet.maps.score_maps import NORMALISATIONS, resize_maps
from orandnet.networks.device import mixed_precision
from orandnet.training.augment import resize, resize_mask, to_tensor

ATTRIBUTIONS = {"rollout": attention.attribution, "lrp": lrp.attribution}
STRETCH = 16  # batches among which images of one size are looked for

# (network, (N, 3, H, W) uint8 images, their records, settings) -> per image (K, h, w) on its grid, not normalised
Maps = Callable[[nn.Module, Tensor, list[Record], Settings], list[Tensor]]


def cnn(network: nn.Module, rgb: Tensor, records: list[Record], settings: Settings) -> list[Tensor]:
    """Return each image's maps from a CNN's class maps."""
    classes = [record.classes for record in records]
    chosen = settings.model_dump(include={"scales", "flip", "interpolation"})
    return cnn_maps(network, rgb, classes, **chosen)


def amn(network: nn.Module, rgb: Tensor, records: list[Record], settings: Settings) -> list[Tensor]:
    """Return each image's maps from an activation manipulation network."""
    classes = [record.classes for record in records]
    chosen = settings.model_dump(include={"scales", "flip", "interpolation"})
    return amn_maps(network, rgb, classes, **chosen)


def mctformer(network: nn.Module, rgb: Tensor, records: list[Record], settings: Settings) -> list[Tensor]:
    """Return each image's maps from an MCTformer's class attention."""
    return class_attention_maps(
        network,
        rgb,
        [record.classes for record in records],
        scales=settings.scales,
        flip=settings.flip,
        blocks=settings.attention_blocks,
        heads=settings.attention_heads,
        patch_cam=settings.patch_cam,
        refine=settings.refine,
        interpolation=settings.interpolation,
    )


def clip(network: nn.Module, rgb: Tensor, records: list[Record], settings: Settings) -> list[Tensor]:
    """Return each image's maps from a CLIP."""
    return clip_maps(network, rgb, [record.classes for record in records], settings)


def vit(network: nn.Module, rgb: Tensor, records: list[Record], settings: Settings) -> list[Tensor]:
    """Return each image's maps from a transformer's attention; images are squeezed to the training size."""
    found = attention.vit_maps(
        network,
        rgb,
        positions([record.classes for record in records], rgb.device),
        size=rgb.shape[-1],
        scales=settings.scales,
        flip=settings.flip,
        start_block=settings.start_block,
        attribute=ATTRIBUTIONS[settings.attribution],
        interpolation=settings.interpolation,
    )
    maps = []
    for row, record in enumerate(records):
        shape, number = grid_shape(record.size), len(record.classes)
        chosen = [resize_maps(scale[row : row + 1, :number], shape)[0] for scale in found]
        maps.append(torch.stack(chosen).sum(dim=0))
    return maps


MAPS: dict[str, Maps] = {"cnn": cnn, "vit": vit, "mctformer": mctformer, "amn": amn, "clip": clip}


def cams(
    network: nn.Module,
    records: list[Record],
    settings: Settings,
    trained: ClassifierSettings | None,
    device: torch.device,
    seed_labels: MaskList | None = None,
) -> Iterator[Cam]:
    """Yield the CAM of each image, in order.

    A GPU is filled with several images of one size. A CPU gains nothing by that and takes them one by one.

    Args:
        network: trained, in inference mode, on the device.
        records: images and their labels.
        settings: how maps are made.
        trained: what the network was trained with; None of a CLIP, which was not trained here.
        device: where it is.
        seed_labels: inter-pixel labels of an AMN's seed source, for `settings.raw_background`.
    """
    kind = trained.kind if trained else "clip"
    squeezed = (trained.crop_size, trained.crop_size) if kind == "vit" else None
    most = images_at_once(settings, kind, device)
    stretch = most if squeezed or most == 1 else most * STRETCH
    batches = (
        (batch, torch.stack([_read(record, squeezed, settings.interpolation) for record in batch]))
        for start in range(0, len(records), stretch)
        for batch in by_size(records[start : start + stretch], most, squeezed=squeezed is not None)
    )
    made, due = {}, deque(record.image_id for record in records)
    for batch, rgb in read_ahead(batches):
        for cam in batch_cams(network, rgb, batch, settings, kind, device, seed_labels):
            made[cam.image_id] = cam
        while due and due[0] in made:
            yield made.pop(due.popleft())


def batch_cams(
    network: nn.Module,
    rgb: Tensor,
    records: list[Record],
    settings: Settings,
    kind: str,
    device: torch.device,
    seed_labels: MaskList | None = None,
) -> list[Cam]:
    """Return the CAMs of a batch of images of one size, `rgb` (N, 3, H, W) uint8 on the CPU; else as `cams`."""
    # a transformer's attribution takes gradients of its attention, which bfloat16 is too coarse for
    precision = nullcontext() if kind == "vit" else mixed_precision(device, settings.precision)
    with precision:
        maps = MAPS[kind](network, rgb.to(device), records, settings)
    return [_cam(record, own, settings, seed_labels) for record, own in zip(records, maps, strict=True)]


def images_at_once(settings: Settings, kind: str, device: torch.device) -> int:
    """Return how many images go through the network together."""
    return settings.batch_size if kind == "vit" or device.type == "cuda" else 1


def by_size(records: list[Record], most: int, *, squeezed: bool) -> Iterator[list[Record]]:
    """Yield the records in groups of at most `most` images of one size; squeezed images have one size anyway."""
    groups: dict[tuple[int, int] | None, list[Record]] = {}
    for record in records:
        groups.setdefault(None if squeezed else record.size, []).append(record)
    for group in groups.values():
        yield from (group[start : start + most] for start in range(0, len(group), most))


def _read(record: Record, squeezed: tuple[int, int] | None, interpolation: str) -> Tensor:
    rgb = read_rgb(record.image, record.size)
    return to_tensor(rgb if squeezed is None else resize(rgb, squeezed, interpolation))


def _cam(record: Record, maps: Tensor, settings: Settings, seed_labels: MaskList | None) -> Cam:
    scores = NORMALISATIONS[settings.normalise](maps)
    if seed_labels is not None:
        cells = resize_mask(seed_labels.read(record.image_id), tuple(maps.shape[1:]))
        scores = raw_where_background(maps, scores, torch.from_numpy(cells).to(maps.device))
    scores = scores.pow(settings.power).cpu().numpy()
    return Cam(record.image_id, np.asarray(record.classes, dtype=np.int64), scores, record.size)


def raw_where_background(probabilities: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
    """Return (K, h, w): the probabilities where the labels of the cells say background, elsewhere the scores.

    AMN's release does so: what its seed is sure shows nothing keeps the low probability it has, where the
    normalisation would lift it with the rest of a weak map.

    Args:
        probabilities: (K, h, w) in [0, 1], as the network gives them.
        scores: (K, h, w), the same after the normalisation.
        labels: (h, w) uint8 mask ids, 255 = unsure.
    """
    return torch.where(labels == 0, probabilities, scores)
