"""Settings of the pseudo masks."""

from typing import Annotated

from pydantic import Field

from orandnet.pseudo_mask import ThresholdRule
from orandnet.settings import Section

IRN_SUFFIX = "+irn"
Threshold = Annotated[float, Field(ge=0, le=1)]


class MethodSettings(Section):
    """What the masks of one method depend on."""

    threshold_rule: ThresholdRule = Field(
        "fixed",
        description="How the background threshold is chosen: fixed, or from the ground truth of the train images "
        "(best_miou: highest mIoU; precision_ge_recall: first threshold with mean precision >= mean recall). "
        "Only fixed is free of ground truth.",
    )
    background_threshold: Threshold = Field(
        0.25, description="Score of the background in the arg-max, used by the rule fixed."
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
        {}, description="Background threshold of single methods, for example {vit: 0.1, naive+irn: 0.35}."
    )

    def for_method(self, method: str) -> MethodSettings:
        """Return what the masks of one method depend on, so that other methods' keys do not re-run it."""
        default = self.irn_background_threshold if method.endswith(IRN_SUFFIX) else self.background_threshold
        return MethodSettings(
            threshold_rule=self.threshold_rule,
            background_threshold=self.overrides.get(method, default),
        )
