"""Where the thresholds of masks and labels come from, and on which scale a method's scores are looked at."""

from orandnet.config.sections import Config
from orandnet.files.places import place
from orandnet.pseudo_mask.settings import IRN_SUFFIX, TUNED, OtsuSettings

FORMS = {"or": "union", "and": "product", "mean": "single", "sum": "sum"}


def otsu_settings(config: Config, method: str) -> OtsuSettings:
    """Return what the scores of a method are made of, for Otsu's threshold of them.

    ORANDNet learns the product of its members, but not by the official loss, whose output has a level of its own. The
    random walk of a map has the map's form; that of a sum is brought to [0, 1].
    """
    margin = config.pseudo_mask.sure_margin
    name, _, operator = method.removesuffix(IRN_SUFFIX).partition("-")
    if name in config.sources:
        return OtsuSettings(sure_margin=margin)
    operator = operator or config.ensembles[name].output
    if operator == "orandnet":
        operator = "and" if config.orandnet_of(name).loss == "bce" else "mean"
    if operator == "sum" and method.endswith(IRN_SUFFIX):
        operator = "mean"
    form = FORMS[operator]
    members = 1 if form == "single" else len(config.ensembles[name].members)
    return OtsuSettings(form=form, members=members, sure_margin=margin)


def otsu_of_masks(config: Config, method: str, seed: int | str) -> list[str]:
    """Return the thresholds that the pseudo masks of a method read, or nothing where their rule is another."""
    rule = config.pseudo_mask.for_method(method).threshold_rule
    return [place("otsu", config.run, method=method, seed=seed)] if rule == "otsu" else []


def curve_of_masks(config: Config, method: str, seed: int | str) -> list[str]:
    """Return the evaluation's curve, which only masks whose threshold is tuned on ground truth read, or nothing."""
    tuned = config.pseudo_mask.for_method(method).threshold_rule in TUNED
    return [place("evaluation_cam", config.run, method=method, seed=seed, scores="curve")] if tuned else []


def otsu_of_labels(config: Config, cam: str, seed: int | str) -> list[str]:
    """Return the thresholds that the inter-pixel labels of a CAM read, or nothing where the config names them."""
    return [place("otsu", config.run, method=cam, seed=seed)] if config.irn_of(cam).labels.from_scores else []
