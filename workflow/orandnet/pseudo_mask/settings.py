"""Settings of the pseudo masks."""

from typing import Annotated, Literal

from pydantic import Field

from orandnet.pseudo_mask import Form, ThresholdRule, from_members
from orandnet.settings import Section

IRN_SUFFIX = "+irn"
# of the stage refinement, whose scores have been compared with the background: an object is what exceeds one half
CRF_SUFFIX = "+crf"
REFINED_SUFFIXES = (CRF_SUFFIX, "+sam", "+superpixels")
EVEN = 0.5
# the score that equals (1 - score)^alpha: what a highest score has to exceed to be above that background
POWER_THRESHOLDS = {1: 0.5, 2: (3 - 5**0.5) / 2}
TUNED = ("best_miou", "precision_ge_recall")  # rules that look at true masks
Threshold = Annotated[float, Field(ge=0, le=1)]


class MethodSettings(Section):
    """What the masks of one method depend on."""

    threshold_rule: ThresholdRule = Field(
        "otsu",
        description="How the background threshold is chosen. otsu: from the scores of all training images, by Otsu's "
        "method on the scale of the members; fixed: the numbers below. Both ask no ground truth. Tuned on the true "
        "masks of the train images: best_miou (highest mIoU), precision_ge_recall (first threshold with mean precision "
        ">= mean recall).",
    )
    background_threshold: float = Field(
        0.25, ge=0, description="Score of the background in the arg-max, used by the rule fixed; of a sum above 1."
    )
    ignore_below: float | None = Field(
        None, gt=0, lt=1, description="Pixels whose class is less probable are 255 in the masks; null: none."
    )


class OtsuSettings(Section):
    """What the thresholds that a method's scores give depend on."""

    form: Form = Field("single", description="What the scores are made of; see `pseudo_mask.otsu`.")
    members: int = Field(1, ge=1, description="Number of members that they are made of.")
    sure_margin: float = Field(
        0.5,
        ge=0,
        le=1,
        description="IRN's labels, where `irn.labels` names no thresholds: scores are sure beyond this share of the "
        "way from Otsu's threshold to the mean of the scores on either side of it.",
    )


class Settings(Section):
    """Background thresholds of all methods."""

    threshold_rule: ThresholdRule = MethodSettings.model_fields["threshold_rule"]
    background_threshold: Threshold = Field(
        0.25, description="Score of the background in the arg-max over CAMs, used by the rule fixed."
    )
    irn_background_threshold: Threshold = Field(
        0.30, description="The same for scores after the random walk (methods named <x>+irn)."
    )
    overrides: dict[str, Annotated[float, Field(ge=0, le=100)]] = Field(
        {},
        description="Background threshold of single methods, whatever the rule, such as {vit: 0.1, naive+irn: 0.35}; "
        "at most 1, of an ensemble's sum at most the number of its members.",
    )
    sure_margin: float = OtsuSettings.model_fields["sure_margin"]

    background: Literal["constant", "power"] = Field(
        "constant",
        description="What the classes are compared with in the arg-max. constant: the threshold; power: (1 - highest "
        "score)^alpha, as CLIP-ES does, on the scale of the members, whatever the rule: a pixel is an object above "
        "0.5 (alpha 1) or 0.38 (alpha 2). Not for methods of the section refinement, which has the same choice.",
    )
    alpha: Literal[1, 2] = Field(1, description="Of background power: its exponent.")
    ignore_below: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Of methods <name>+crf, whose scores are probabilities: pixels whose class is less probable than "
        "this, such as 0.95, are 255 in the masks, and no segmenter learns from them. Table 1 shows the share that is "
        "kept. null: none.",
    )

    def for_method(self, method: str, form: Form = "single", members: int = 1) -> MethodSettings:
        """Return what the masks of one method depend on, so that other methods' keys do not re-run it.

        Args:
            method: its name.
            form: what its scores are made of.
            members: number of members that they are made of.
        """
        rule, default = self.threshold_rule, self.background_threshold
        if method.endswith(REFINED_SUFFIXES):
            default = EVEN
        elif self.background == "power":
            rule, default = "fixed", from_members(POWER_THRESHOLDS[self.alpha], form, members)
        elif method.endswith(IRN_SUFFIX):
            default = self.irn_background_threshold
        chosen = {
            "threshold_rule": "fixed" if method in self.overrides else rule,
            "background_threshold": self.overrides.get(method, default),
        }
        if method.endswith(CRF_SUFFIX):
            chosen["ignore_below"] = self.ignore_below
        return MethodSettings(**chosen)
