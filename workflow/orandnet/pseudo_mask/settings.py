"""Settings of the pseudo masks."""

from typing import Annotated

from pydantic import Field

from orandnet.pseudo_mask import Form, ThresholdRule
from orandnet.settings import Section

IRN_SUFFIX = "+irn"
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
    background_threshold: Threshold = Field(
        0.25, description="Score of the background in the arg-max, used by the rule fixed."
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
    overrides: dict[str, Threshold] = Field(
        {},
        description="Background threshold of single methods, whatever the rule, such as {vit: 0.1, naive+irn: 0.35}.",
    )
    sure_margin: float = OtsuSettings.model_fields["sure_margin"]

    def for_method(self, method: str) -> MethodSettings:
        """Return what the masks of one method depend on, so that other methods' keys do not re-run it."""
        default = self.irn_background_threshold if method.endswith(IRN_SUFFIX) else self.background_threshold
        return MethodSettings(
            threshold_rule="fixed" if method in self.overrides else self.threshold_rule,
            background_threshold=self.overrides.get(method, default),
        )
