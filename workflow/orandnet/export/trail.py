"""One image's whole trail through a run: what lies on disk for it, and what made that.

Nothing is made for a trail, and no true mask is part of it. Folders of this machine stay out: absolute paths are cut to
their last name.
"""

import io
import json
import platform
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import StringConstraints, ValidationError

from orandnet.files.manifest import manifest_path, versions
from orandnet.files.mask import IGNORE_INDEX, read_mask_list
from orandnet.files.places import MASKS, NETWORKS, STORES, find
from orandnet.files.store import FIRST_ZIP_DATE, UNREADABLE
from orandnet.job.progress import say
from orandnet.settings import Section

DESCRIPTION = "trail.json"
FACTS = ("stage", "settings", "options", "code", "random_seed", "versions", "device")
# without control characters, as it is printed
Text = Annotated[str, StringConstraints(pattern=r"^[^\p{Cc}\p{Zl}\p{Zp}]*$")]


class Trail(Section):
    """What trail.json says; the other members of the archive are the image and the artifacts."""

    format: Literal["orandnet trail 1"]
    image_id: Text
    image: Text
    split: Text
    size: tuple[int, int]
    labels: tuple[Text, ...]
    class_names: tuple[Text, ...]
    artifacts: dict[Text, dict[str, Any]]
    networks: dict[Text, dict[str, Any]]
    left_out: tuple[Text, ...]
    config: dict[str, Any]
    versions: dict[Text, Text]
    platform: Text

    def name_of(self, mask_id: int) -> str:
        """Return what the pixels of a mask id show."""
        names = {0: "background", **dict(enumerate(self.class_names, start=1)), IGNORE_INDEX: "ignore"}
        return names.get(mask_id, f"id {mask_id}")


class Piece(NamedTuple):
    """An artifact of one image: path under results/<run>, content (None: it cannot be read), and what made it."""

    name: str
    content: bytes | None
    facts: dict[str, Any]


def pieces(results: Path, image_id: str, planned: Sequence[str] | None = None) -> Iterator[Piece]:
    """Yield every CAM of the image as a shard of its own, and every label, pseudo mask and prediction the run made.

    Args:
        results: folder of the run.
        image_id: the image.
        planned: patterns of what the run may hold, `*` for the number of a shard; None takes what lies there.
    """
    for path in _found(results, STORES, planned):
        try:
            content = _one_image_shard(path, image_id)
        except UNREADABLE as error:
            say(f"{path}: left out, since it cannot be read ({error}).")
            yield Piece(_name(path, results), None, {})
            continue
        if content:
            yield Piece(_name(path, results), content, facts_of(_manifest_of(path)))
    for path in _found(results, MASKS, planned):
        for row in read_mask_list([path]):
            if row["image_id"] == image_id:
                mask = row["path"]
                content = mask.read_bytes() if mask.is_file() else None
                yield Piece(_name(mask, results), content, facts_of(manifest_path(path)) | _choice(path))


def networks(results: Path, planned: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return folder of a trained network under results/<run> -> what made it."""
    return {_name(path.parent, results): facts_of(manifest_path(path)) for path in _found(results, NETWORKS, planned)}


def facts_of(manifest: Path) -> dict[str, Any]:
    """Return what a manifest says about how its artifact was made; {} where there is none."""
    if not manifest.is_file():
        return {}
    content = json.loads(manifest.read_text(encoding="utf-8"))
    return without_folders({name: content[name] for name in FACTS if name in content})


def without_folders(value: Any) -> Any:
    """Return JSON with every absolute path, and every path that leaves the working directory, cut to its last name."""
    if isinstance(value, dict):
        return {name: without_folders(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_folders(inner) for inner in value]
    if not isinstance(value, str):
        return value
    outside = value.startswith(("/", "~")) or ".." in PurePosixPath(value).parts
    if outside or PureWindowsPath(value).is_absolute():
        return PureWindowsPath(value).name  # takes both kinds of slashes
    return value


def describe(about: Mapping[str, Any], found: list[Piece], made_by: dict[str, dict], config: dict) -> Trail:
    """Return the description of a trail.

    Args:
        about: the fields of `Trail` that tell the image and its labels.
        found: the artifacts.
        made_by: how the networks were made.
        config: the run's whole config.
    """
    return Trail(
        format="orandnet trail 1",
        **about,
        artifacts={piece.name: piece.facts for piece in found if piece.content is not None},
        networks=made_by,
        left_out=tuple(piece.name for piece in found if piece.content is None),
        config=without_folders(config),
        versions=versions(),
        platform=platform.platform(),
    )


def read_description(path: Path, members: Mapping[str, bytes]) -> Trail:
    """Return the description in an archive.

    Raises:
        ValueError: if there is none, or the members are others than it names.
    """
    try:
        trail = Trail.model_validate_json(members[DESCRIPTION])
    except (KeyError, ValidationError):
        raise ValueError(f"{path}: is no trail of an image; give what `orandnet export pack` wrote.") from None
    if members.keys() != {DESCRIPTION, trail.image, *trail.artifacts}:
        raise ValueError(f"{path}: holds other files than its {DESCRIPTION} names; pack it again.")
    return trail


def _one_image_shard(path: Path, image_id: str) -> bytes | None:
    """Return a shard with the arrays of one image as they are, be they right or wrong; None if it is not there."""
    shard = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(shard, "w") as part:
        names = [name for name in archive.namelist() if name.startswith(f"{image_id}/")]
        for name in names:
            part.writestr(zipfile.ZipInfo(name, FIRST_ZIP_DATE), archive.read(name))
    return shard.getvalue() if names else None


def _manifest_of(shard: Path) -> Path:
    """Return the manifest of a shard; one command writes all maps of a fusion, and its manifest lies beside OR."""
    fused = shard.parent.name in ("and", "mean")
    return manifest_path(shard.parent.with_name("or") / shard.name if fused else shard)


def _choice(masks: Path) -> dict[str, Any]:
    """Return how the threshold of the pseudo masks of a list was chosen; {} for other masks."""
    choice = masks.with_suffix(".threshold.json")
    return json.loads(choice.read_text(encoding="utf-8")) if choice.is_file() else {}


def _found(results: Path, artifacts: tuple[str, ...], planned: Sequence[str] | None) -> list[Path]:
    """What lies there of some kinds: only what is planned, since files of an older config may lie beside it."""
    found = [path for artifact in artifacts for path in find(results, artifact)]
    if planned is None:
        return found
    known = [re.compile(re.escape(pattern).replace(r"\*", "[0-9]+")) for pattern in planned]
    return [path for path in found if any(one.fullmatch(_name(path, results)) for one in known)]


def _name(path: Path, results: Path) -> str:
    return path.relative_to(results).as_posix()
