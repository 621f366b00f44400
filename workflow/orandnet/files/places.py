"""Where the artifacts of a run lie: the one place that knows, for rules, plan, report and export."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import NamedTuple

# under results/<run>; a name in braces is a part of the path
PLACES = {
    "dataset": "dataset/index.csv",
    "dataset_manifest": "dataset/manifest.json",
    "dataset_fetch": "dataset/fetched.json",
    "dataset_layout": "dataset/{layout}/labels.csv",
    "dataset_classes": "dataset/classes.json",
    "dataset_images": "dataset/{part}.csv",
    "dataset_ground_truth": "dataset/ground_truth/{part}.json",
    "classifier": "classifier/{source}/seed{seed}/weights.safetensors",
    "cam": "cam/{source}/seed{seed}/{shard}.npz",
    "cam_import": "cam/{source}/imported/{shard}.npz",
    "cam_text": "cam/{source}/clip/text.npz",
    "cam_clip": "cam/{source}/clip/{shard}.npz",
    "fusion": "fusion/{ensemble}/seed{seed}/{operator}/{shard}.npz",
    "orandnet": "orandnet/{ensemble}/seed{seed}/weights.safetensors",
    "orandnet_cam": "orandnet/{ensemble}/seed{seed}/cam/{shard}.npz",
    "irn_labels": "irn/{cam}/seed{seed}/labels/{shard}.csv",
    "irn": "irn/{cam}/seed{seed}/weights.safetensors",
    "irn_walk": "irn/{cam}/seed{seed}/walk/{shard}.npz",
    "refinement": "refinement/{method}/seed{seed}/{shard}.npz",
    "otsu": "pseudo_mask/{method}/seed{seed}/otsu.json",
    "pseudo_mask": "pseudo_mask/{method}/seed{seed}/{shard}.csv",
    "pseudo_mask_threshold": "pseudo_mask/{method}/seed{seed}/{shard}.threshold.json",
    "segmenter": "segmenter/{method}/{schedule}/seed{seed}/weights.safetensors",
    "prediction": "prediction/{method}/{schedule}/seed{seed}/{split}/{shard}.csv",
    "evaluation_cam": "evaluation/cam/{method}/seed{seed}/{scores}.csv",
    "evaluation_prediction": "evaluation/prediction/{method}/{schedule}/seed{seed}/{split}/{scores}.csv",
    "submission": "submission/{method}.tar.gz",
    "tables": "tables/{table}.csv",
    "table_pages": "tables/{table}.html",
    "figures": "figures/{figure}.{format}",
    "page": "report.html",
    "export_irn": "export/irn/{method}/seed{seed}/{shard}.csv",
    "export_npz": "export/npz/{method}/seed{seed}/{shard}.csv",
    "export_voc": "export/voc/{method}/seed{seed}/list.csv",
    "export_pack": "export/pack/{image_id}.zip",
}
IMPORTED = "imported"  # stands for the schedule of predictions that another program made
# CAMs of any stage, all in one format
STORES = ("cam", "cam_import", "cam_clip", "fusion", "orandnet_cam", "irn_walk", "refinement")
NETWORKS = ("classifier", "orandnet", "irn", "segmenter")
MASKS = ("irn_labels", "pseudo_mask", "prediction")  # lists of masks that lie beside them
_SHARD = re.compile(r"/([0-9]+)-of-([0-9]+)\.")
METHOD = ("method", "source", "ensemble", "cam")  # parts of a path that name a CAM method


class Origin(NamedTuple):
    """What an artifact belongs to; empty text where its place has no such part, seed 0 for CAMs without one.

    `artifact` is a key of PLACES, `method` a CAM method, or that of a segmenter.
    """

    artifact: str
    method: str
    seed: int
    schedule: str = ""
    split: str = ""
    operator: str = ""


def place(artifact: str, run: str = "{run}", **parts: object) -> str:
    """Return the path of an artifact from the folder of the workflow; parts that are not given stay in braces.

    Args:
        artifact: a key of PLACES.
        run: name of the run.
        parts: what the names in braces stand for.

    Raises:
        ValueError: for an unknown artifact or part.
    """
    pattern = _pattern(artifact)
    names = list(_names(pattern))
    if unknown := parts.keys() - names:
        raise ValueError(f"{artifact}: its place {pattern} has no part {', '.join(sorted(unknown))}.")
    given = {name: parts.get(name, f"{{{name}}}") for name in names}
    return f"results/{run}/{pattern.format(**given)}"


def history(artifact: str, run: str = "{run}", **parts: object) -> str:
    """Return the path of the losses of a training, which lie beside its weights; see `place`."""
    return place(artifact, run, **parts).replace("weights.safetensors", "history.csv")


def training_manifest(artifact: str, run: str = "{run}", **parts: object) -> str:
    """Return the path of the manifest of a training, which lies beside its weights; see `place`."""
    return place(artifact, run, **parts).replace("weights.safetensors", "weights.manifest.json")


def events(artifact: str, run: str = "{run}", **parts: object) -> str:
    """Return the folder of a training's event files, apart from its outputs: TensorBoard shows all of a run's."""
    weights = place(artifact, run, **parts)
    return weights.replace(f"results/{run}/", f"results/{run}/tensorboard/").removesuffix("/weights.safetensors")


def first_shards(paths: Iterable[str]) -> list[str]:
    """Return the paths without those of shards but the first, which stands for all of them."""
    return [path for path in paths if not (found := _SHARD.search(path)) or found[1] == "1"]


def all_shards(path: Path) -> list[Path]:
    """Return the paths of all shards that the first one stands for; a path without a shard stands for itself."""
    found = _SHARD.search(path.as_posix())
    if not found:
        return [path]
    head, tail = path.as_posix()[: found.start()], path.as_posix()[found.end() :]
    return [Path(f"{head}/{index}-of-{found[2]}.{tail}") for index in range(1, int(found[2]) + 1)]


def find(results: Path, artifact: str) -> list[Path]:
    """Return all artifacts of a kind that lie in the folder of a run, sorted."""
    pattern = _pattern(artifact)
    anything = pattern.format(**dict.fromkeys(_names(pattern), "*"))
    return sorted(path for path in results.glob(anything) if _matches(artifact, path))


def origin_of(path: Path) -> Origin:
    """Return what an artifact of a method belongs to, by its place in the folder of any run.

    Raises:
        ValueError: if no artifact of a method lies there.
    """
    of_methods = [artifact for artifact, pattern in PLACES.items() if {*METHOD} & {*_names(pattern)}]
    found = [(match, artifact) for artifact in of_methods if (match := _matches(artifact, path))]
    if found:  # of segmenter/irn/scale/seed0 the end is also a place of irn: the longest one holds
        match, artifact = min(found, key=lambda pair: pair[0].start())
        parts = match.groupdict()
        method = next(parts[name] for name in METHOD if name in parts)
        known = {name: parts[name] for name in ("schedule", "split", "operator") if name in parts}
        return Origin(artifact, method, int(parts.get("seed", 0)), **known)
    expected = ", ".join(PLACES[artifact] for artifact in of_methods)
    raise ValueError(f"{path}: lies in no known result folder; expected one of {expected}.")


def _pattern(artifact: str) -> str:
    if artifact not in PLACES:
        raise ValueError(f"{artifact!r} is no artifact of a run; it is one of {', '.join(PLACES)}.")
    return PLACES[artifact]


def _names(pattern: str) -> Iterator[str]:
    return (name for _, name, _, _ in Formatter().parse(pattern) if name)


def _matches(artifact: str, path: Path) -> re.Match | None:
    return _expression(artifact).search(Path(path).as_posix())


@cache
def _expression(artifact: str) -> re.Pattern:
    known = {"seed": "[0-9]+", "shard": "[0-9]+-of-[0-9]+"}
    expression = "".join(
        re.escape(literal) + (f"(?P<{name}>{known.get(name, '[^/]+')})" if name else "")
        for literal, name, _, _ in Formatter().parse(_pattern(artifact))
    )
    return re.compile(f"(?:^|/){expression}$")
