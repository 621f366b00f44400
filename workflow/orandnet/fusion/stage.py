"""Stage `fusion`: the CAM stores of an ensemble's members in, their OR, AND, MEAN or SUM out."""

from collections.abc import Iterator
from math import prod
from pathlib import Path

from orandnet.files.store import Cam, CamStore, write_shard
from orandnet.fusion.members import align, offset_scores
from orandnet.fusion.probability import OPERATORS
from orandnet.fusion.settings import Settings
from orandnet.job.warnings import warn

ROUNDING = 2.0**-20  # sums and products of float32


def fused(members: dict[str, CamStore], operator: str, settings: Settings) -> Iterator[Cam]:
    """Yield each image's members' CAMs fused by `operator` (or, and, mean, sum), in the order of the first member."""
    fuse = OPERATORS["geometric and" if operator == "and" and settings.geometric else operator]
    image_ids = next(iter(members.values())).image_ids
    for image_id in image_ids:
        cams = {name: store[image_id] for name, store in members.items()}
        classes, scores = align(cams)
        raised = [offset_scores(scores[name], settings.offsets.get(name, 0.0), clip=settings.clip) for name in members]
        yield Cam(image_id, classes, fuse(*raised), next(iter(cams.values())).size)


def run(
    *,
    members: list[str],
    cams: list[Path],
    settings: Settings,
    or_output: Path | None = None,
    and_output: Path | None = None,
    mean_output: Path | None = None,
    sum_output: Path | None = None,
) -> None:
    """Fuse one shard of each member, in the order of `members`, by each operator whose output is given.

    Args:
        members: names of the sources.
        cams: a shard of each of them, in the same order.
        settings: offsets, and whether scores are kept in [0, 1].
        or_output: shard of 1 - (1 - p1)(1 - p2)...
        and_output: shard of p1 p2 ...
        mean_output: shard of the mean.
        sum_output: shard of the sum.

    Raises:
        ValueError: if no output is given, there are fewer than two members, or an offset names none of them.
    """
    outputs = {"or": or_output, "and": and_output, "mean": mean_output, "sum": sum_output}
    wanted = {operator: output for operator, output in outputs.items() if output is not None}
    if not wanted:
        raise ValueError("--or-output, --and-output, --mean-output, --sum-output: none is given; name a file.")
    if len(members) < 2 or len(members) != len(cams):
        raise ValueError(f"--members: {len(members)} names for {len(cams)} shards; give two or more of each.")
    unknown = sorted(settings.offsets.keys() - set(members))
    if unknown:
        raise ValueError(f"fusion.offsets: {unknown} are no members; the members are {members}.")
    if and_output and len(members) > 2 and not settings.geometric:
        warn(
            "product_of_many",
            f"fusion.and: the product of {len(members)} members is so low that ORANDNet learned it worse than the "
            "geometric mean wherever both were measured; set fusion: {and: geometric}, for this ensemble alone if "
            "others have two.",
        )
    stores = {name: CamStore([path]) for name, path in zip(members, cams, strict=True)}
    for operator, output in wanted.items():
        write_shard(output, fused(stores, operator, settings), highest=highest_score(operator, members, settings))


def highest_score(operator: str, members: list[str], settings: Settings) -> float:
    """Return the largest score that `operator` can give; above 1 for a sum, and where offsets are not clipped."""
    highest = [1.0 if settings.clip else 1 + max(0.0, settings.offsets.get(name, 0.0)) for name in members]
    return (sum(highest) if operator == "sum" else prod(highest)) * (1 + ROUNDING)


COMMANDS = {"": run}
