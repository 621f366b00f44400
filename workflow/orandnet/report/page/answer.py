"""The answer in sentences: what came out best, and how each ensemble stands to its members and the naive ensemble."""

from collections.abc import Callable, Iterator

from orandnet.report.measured import Measured
from orandnet.report.page.score_table import Means, best_member, made_means, segmentation_means, signed
from orandnet.report.settings import FULLY_SUPERVISED, Comparison, PageSettings
from orandnet.report.tables import TUNED


def sentences(measured: Measured, settings: PageSettings) -> list[str]:
    """Return what the run found, what speaks against the ensembles first."""
    if not settings.scored:
        return ["The data set has no true masks: nothing was scored, and the pictures below are the result."]
    masks, segmented = made_means(measured, settings), segmentation_means(measured, settings)
    free = {key: value for key, value in masks.items() if settings.rule_of(key[0]) not in TUNED}
    tuned = {key: value for key, value in masks.items() if key not in free}
    found = list(_best("Best pseudo masks at a threshold that saw no true mask", free))
    found += _best("Best pseudo masks at a threshold that was chosen on true masks", tuned)
    found += _best(f"Best segmentation on val ({settings.variant})", segmented)
    compared = [*_compared(masks, settings.mask_rows, "pseudo masks, mIoU", settings.rule_of)]
    compared += _compared(segmented, settings.segmentation_rows, "segmentation on val, mIoU", lambda _: "")
    found += [text for _, text in sorted(compared, key=lambda pair: pair[0])]
    if len(settings.seeds) == 1:
        found.append("One seed: how far the numbers spread is not known, so small differences are no finding.")
    return found


def _best(title: str, means: Means) -> Iterator[str]:
    weak = {key: value for key, value in means.items() if key[0] != FULLY_SUPERVISED}
    if weak:
        (method, _), value = max(weak.items(), key=lambda pair: pair[1])
        reference = means.get((FULLY_SUPERVISED, ""))
        against = "" if reference is None else f"; fully supervised {reference:.1f}"
        yield f"{title}: {method}, {value:.1f} mIoU{against}."


def _compared(
    means: Means, rows: dict[str, Comparison], what: str, rule_of: Callable[[str], str]
) -> Iterator[tuple[float, str]]:
    """Yield (smallest difference, sentence) of each ensemble that has something to be compared with.

    Where masks are made by another rule than the ensemble's, the sentence names both.
    """
    for method, comparison in rows.items():
        others = {"its best member": best_member(comparison, "", means), "the naive ensemble": comparison.naive}
        known = {role: other for role, other in others.items() if (other, "") in means}
        if (method, "") in means and known:
            differences = {role: means[method, ""] - means[other, ""] for role, other in known.items()}
            own, rules = rule_of(method), {role: rule_of(other) for role, other in known.items()}
            named = {role: f"{other}, {rules[role]}" if rules[role] != own else other for role, other in known.items()}
            by = f" ({own})" if {*rules.values()} != {own} else ""
            parts = (f"{signed(differences[role])} against {role} ({named[role]})" for role in known)
            yield min(differences.values()), f"{method}, {what}: {means[method, '']:.1f}{by}; {', '.join(parts)}."
