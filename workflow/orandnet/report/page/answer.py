"""The answer in sentences: what came out best, and how each ensemble stands to its members and the naive ensemble."""

from collections.abc import Iterator

from orandnet.report.measured import Measured
from orandnet.report.page.score_table import Means, best_member, made_means, segmentation_means, signed
from orandnet.report.settings import Comparison, PageSettings
from orandnet.report.tables import FULLY_SUPERVISED


def sentences(measured: Measured, settings: PageSettings) -> list[str]:
    """Return what the run found, what speaks against the ensembles first."""
    if not settings.scored:
        return ["The data set has no true masks: nothing was scored, and the pictures below are the result."]
    masks, segmented = made_means(measured, settings), segmentation_means(measured, settings)
    how = "was chosen on true masks" if settings.tuned_on_ground_truth else "saw no true mask"
    found = list(_best(f"Best pseudo masks at a threshold that {how}", masks))
    found += _best(f"Best segmentation on val ({settings.variant})", segmented)
    compared = [*_compared(masks, settings.mask_rows, "pseudo masks, mIoU")]
    compared += _compared(segmented, settings.segmentation_rows, "segmentation on val, mIoU")
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


def _compared(means: Means, rows: dict[str, Comparison], what: str) -> Iterator[tuple[float, str]]:
    """Yield (smallest difference, sentence) of each ensemble that has something to be compared with."""
    for method, comparison in rows.items():
        others = {"its best member": best_member(comparison, "", means), "the naive ensemble": comparison.naive}
        known = {role: other for role, other in others.items() if (other, "") in means}
        if (method, "") in means and known:
            differences = {role: means[method, ""] - means[other, ""] for role, other in known.items()}
            parts = (f"{signed(differences[role])} against {role} ({other})" for role, other in known.items())
            yield min(differences.values()), f"{method}, {what}: {means[method, '']:.1f}; {', '.join(parts)}."
