"""Which CAM store stands for a method, and what a fusion is made from."""

from orandnet.config.sections import Config
from orandnet.config.sources import split_member
from orandnet.files.places import place
from orandnet.pseudo_mask.settings import IRN_SUFFIX, REFINED_SUFFIXES


def shards(config: Config) -> list[str]:
    """Return the names of the parts that CAMs, and what is made from them image by image, are split into."""
    return shard_names(config.shards)


def shard_names(number: int) -> list[str]:
    """Return the names of `number` parts: 1-of-2, 2-of-2."""
    return [f"{index}-of-{number}" for index in range(1, number + 1)]


def cam_shard(config: Config, method: str, seed: int | str, shard: str) -> str:
    """Return where a shard of a method's CAMs lies.

    Of a source, an ensemble, an ensemble's part, `<name>+irn`, or one of these behind a refinement.
    """
    where = {"run": config.run, "seed": seed, "shard": shard}
    if method.endswith(REFINED_SUFFIXES):
        return place("refinement", method=method, **where)
    if method.endswith(IRN_SUFFIX):
        return place("irn_walk", cam=method.removesuffix(IRN_SUFFIX), **where)
    name, _, operator = method.partition("-")
    if name in config.imported:
        return place("cam_import", config.run, source=name, shard=shard)
    if name in config.clips:
        return place("cam_clip", config.run, source=name, shard=shard)
    if name in config.sources:
        return place("cam", source=name, **where)
    operator = operator or config.ensembles[name].output
    if operator == "orandnet":
        return place("orandnet_cam", ensemble=name, **where)
    return place("fusion", ensemble=name, operator=operator, **where)


def refined_from(method: str) -> str | None:
    """Return the method whose CAM a refinement starts from; None for a method that is none."""
    return method.rpartition("+")[0] if method.endswith(REFINED_SUFFIXES) else None


def unrefined_shard(config: Config, method: str, seed: int | str, shard: str) -> str:
    """Return the shard of the CAMs that a refinement starts from."""
    return cam_shard(config, refined_from(method), seed, shard)


def cam_shards(config: Config, method: str, seed: int | str) -> list[str]:
    """Return where all shards of a method's CAMs lie."""
    return [cam_shard(config, method, seed, shard) for shard in shards(config)]


def member_shards(config: Config, ensemble: str, seed: int | str, shard: str) -> list[str]:
    """Return the same shard of each member's CAMs; a member may be a source trained with another seed."""
    members = (split_member(member, int(seed)) for member in config.ensembles[ensemble].members)
    return [cam_shard(config, source, its_seed, shard) for source, its_seed in members]


def word_features(config: Config, source: str) -> str:
    """Return where the features of the words of a source of kind clip lie: the user's file, or the run's."""
    return config.sources[source].text.features or place("cam_text", config.run, source=source)


def seeds_of(config: Config, method: str) -> list[int]:
    """Return the seeds that a method's CAMs are evaluated for: one where no seed changes them, also refined."""
    return config.seeds[:1] if (refined_from(method) or method) in config.untrained else config.seeds


def refined_ensembles(config: Config) -> list[str]:
    """Return the ensembles whose CAM is ORANDNet's."""
    return [name for name, ensemble in config.ensembles.items() if ensemble.output == "orandnet"]


def curve_methods(config: Config, ensemble: str) -> list[str]:
    """Return the maps that belong in one plot: members, naive ensemble, OR, AND, ORANDNet, and its refined forms."""
    naive = [name] if (name := naive_of(config, ensemble)) else []
    return [
        *sources_of(config, ensemble),
        *naive,
        f"{ensemble}-or",
        f"{ensemble}-and",
        *panel_methods(config, ensemble),
    ]


def sources_of(config: Config, ensemble: str) -> list[str]:
    """Return the sources of an ensemble's members, each once."""
    return list(dict.fromkeys(split_member(member, 0)[0] for member in config.ensembles[ensemble].members))


def naive_of(config: Config, ensemble: str) -> str:
    """Return the naive ensemble of the same members, by the mean rather than the sum; empty where there is none."""
    members = sorted(config.ensembles[ensemble].members)
    for output in ("mean", "sum"):
        for name, other in config.ensembles.items():
            if other.output == output and sorted(other.members) == members:
                return name
    return ""


def gallery_methods(config: Config) -> list[str]:
    """Return the CAMs that the gallery shows: those of all plots, or where nothing is refined those of table 1."""
    shown = [method for ensemble in refined_ensembles(config) for method in curve_methods(config, ensemble)]
    return list(dict.fromkeys(shown or config.table1_methods))


def panel_methods(config: Config, ensemble: str) -> list[str]:
    """Return the methods whose pseudo masks belong on one page of panels."""
    own = [ensemble, ensemble + IRN_SUFFIX] if ensemble in config.irn.cams else [ensemble]
    return [form for method in own for form in (method, *config.refined_forms(method))]
