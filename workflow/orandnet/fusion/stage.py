"""Stage `fusion`: the CAM stores of an ensemble's members in, their OR, AND and MEAN out."""

from collections.abc import Iterator
from math import prod
from pathlib import Path

from orandnet.files.store import Cam, CamStore, write_shard
from orandnet.fusion.members import align, offset_scores
from orandnet.fusion.probability import OPERATORS
from orandnet.fusion.settings import Settings


def fused(members: dict[str, CamStore], operator: str, settings: Settings) -> Iterator[Cam]:
    """Yield each image's members' CAMs fused by `operator` (or, and, mean), in the order of the first member."""
    image_ids = next(iter(members.values())).image_ids
    for image_id in image_ids:
        cams = {name: store[image_id] for name, store in members.items()}
        classes, scores = align(cams)
        raised = [offset_scores(scores[name], settings.offsets.get(name, 0.0), clip=settings.clip) for name in members]
        yield Cam(image_id, classes, OPERATORS[operator](*raised), next(iter(cams.values())).size)


def run(
    *,
    members: list[str],
    cams: list[Path],
    or_output: Path,
    and_output: Path,
    mean_output: Path,
    settings: Settings,
) -> None:
    """Fuse one shard of each member, in the order of `members`.

    Raises:
        ValueError: if there are fewer than two members, or an offset names none of them.
    """
    if len(members) < 2 or len(members) != len(cams):
        raise ValueError(f"--members: {len(members)} names for {len(cams)} shards; give two or more of each.")
    unknown = sorted(settings.offsets.keys() - set(members))
    if unknown:
        raise ValueError(f"fusion.offsets: {unknown} are no members; the members are {members}.")
    stores = {name: CamStore([path]) for name, path in zip(members, cams, strict=True)}
    highest = 1.0 if settings.clip else prod(1 + max(0.0, offset) for offset in settings.offsets.values())
    for operator, output in (("or", or_output), ("and", and_output), ("mean", mean_output)):
        write_shard(output, fused(stores, operator, settings), highest=highest)


COMMANDS = {"": run}
