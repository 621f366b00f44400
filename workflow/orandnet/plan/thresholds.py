"""Where the thresholds of masks and labels come from, and on which scale a method's scores are looked at."""

from orandnet.config.sections import Config
from orandnet.files.places import place
from orandnet.plan.cams import refined_from
from orandnet.pseudo_mask.settings import IRN_SUFFIX, TUNED, MethodSettings, OtsuSettings
from orandnet.refinement.settings import CrfJob, SamJob, SuperpixelJob

FORMS = {"or": "union", "and": "product", "mean": "single", "sum": "sum"}


def otsu_settings(config: Config, method: str) -> OtsuSettings:
    """Return what the scores of a method are made of, for Otsu's threshold of them.

    ORANDNet learns the product of its members, but not by the official loss, whose output has a level of its own. The
    random walk of a map has the map's form; that of a sum is brought to [0, 1]. A refined map has a scale of its own.
    """
    margin = config.pseudo_mask.sure_margin
    name, _, operator = method.removesuffix(IRN_SUFFIX).partition("-")
    if name in config.sources or refined_from(method):
        return OtsuSettings(sure_margin=margin)
    operator = operator or config.ensembles[name].output
    if operator == "orandnet":
        operator = "and" if config.orandnet_of(name).loss == "bce" else "mean"
    if operator == "sum" and method.endswith(IRN_SUFFIX):
        operator = "mean"
    form = FORMS[operator] if operator != "and" or not config.fusion_of(name).geometric else "single"
    members = 1 if form == "single" else len(config.ensembles[name].members)
    return OtsuSettings(form=form, members=members, sure_margin=margin)


def mask_settings(config: Config, method: str) -> MethodSettings:
    """Return what the pseudo masks of a method depend on."""
    made_of = otsu_settings(config, method)
    return config.pseudo_mask.for_method(method, made_of.form, made_of.members)


def crf_settings(config: Config, method: str) -> CrfJob:
    """Return what the CRF of a method `<name>+crf` depends on."""
    cam = refined_from(method)
    made_of, given = otsu_settings(config, cam), config.refinement.crf.model_dump(exclude={"cams", "preset"})
    threshold = _fixed_threshold(config, cam) if given["background"] == "constant" else None
    return CrfJob(**given, background_threshold=threshold, form=made_of.form, members=made_of.members)


def sam_settings(config: Config, method: str) -> SamJob:
    """Return what the segments of a method `<name>+sam` depend on."""
    given = config.refinement.sam.model_dump(exclude={"cams"})
    return SamJob(**given, background_threshold=_fixed_threshold(config, refined_from(method)))


def superpixel_settings(config: Config, method: str) -> SuperpixelJob:
    """Return what the superpixels of a method `<name>+superpixels` depend on."""
    given = config.refinement.superpixels.model_dump(exclude={"cams"})
    return SuperpixelJob(**given, background_threshold=_fixed_threshold(config, refined_from(method)))


def _fixed_threshold(config: Config, method: str) -> float | None:
    """The background threshold of a CAM's masks that its refinement starts from; None for Otsu's.

    Where masks are tuned on ground truth, a refinement is not: it starts from Otsu's.
    """
    masks = mask_settings(config, method)
    return masks.background_threshold if masks.threshold_rule == "fixed" else None


def otsu_of_refinement(config: Config, method: str, seed: int | str) -> list[str]:
    """Return the thresholds that the refinement of a method reads, or nothing where it needs none."""
    cam = refined_from(method)
    named = _fixed_threshold(config, cam) is not None
    power = method.endswith("+crf") and config.refinement.crf.background == "power"
    return [] if named or power else [place("otsu", config.run, method=cam, seed=seed)]


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
