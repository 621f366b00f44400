"""Settings that every training has."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from orandnet.settings import LARGEST_SCALE, PRECISION, SMALLEST_SCALE, Precision, Section

# beyond these no training ends, and a number is a slip
MOST_EPOCHS, MOST_STEPS, LARGEST_BATCH = 100_000, 100_000_000, 65_536


def _check_range(random_scale: tuple[float, float]) -> tuple[float, float]:
    low, high = random_scale
    if not SMALLEST_SCALE <= low <= high <= LARGEST_SCALE:
        raise ValueError(
            f"{random_scale} is no range; write [low, high] with {SMALLEST_SCALE} <= low <= high <= {LARGEST_SCALE}"
        )
    return random_scale


# range of the random factor of the image side: (low, high)
RandomScale = Annotated[tuple[float, float], AfterValidator(_check_range)]


class Training(Section):
    """How long and how fast a network is trained."""

    epochs: int = Field(10, ge=1, le=MOST_EPOCHS, description="passes over the training images")
    max_iterations: int | None = Field(
        None, ge=1, le=MOST_STEPS, description="stop after this many steps, whatever the epochs"
    )
    batch_size: int = Field(16, ge=1, le=LARGEST_BATCH, description="images per step")
    accumulate: int = Field(
        1,
        ge=1,
        le=LARGEST_BATCH,
        description="parts in which a step's batch goes through the network, where all of it does not fit in a GPU's "
        "memory: the same loss and gradient (but where batch normalisation learns) for one more forward pass",
    )
    optimizer: Literal["sgd", "adam", "adamw"] = Field("sgd", description="sgd, adam or adamw")
    learning_rate: float = Field(0.01, gt=0, le=100, description="of the backbone, at the start")
    head_learning_rate_factor: float = Field(10.0, gt=0, le=1e6, description="new layers learn this many times faster")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    beta1: float = Field(0.9, ge=0, lt=1, description="of adam and adamw: decay of the mean of gradients")
    weight_decay: float = Field(1e-4, ge=0, le=100, description="L2 (sgd, adam) or decoupled (adamw) decay")
    schedule: Literal["poly", "cosine", "constant"] = Field("poly", description="of the learning rate, per step")
    power: float = Field(0.9, gt=0, le=100, description="of the poly schedule")
    warmup_iterations: int = Field(
        0, ge=0, le=MOST_STEPS, description="steps over which the rate rises linearly from 0"
    )
    clip_gradient: float | None = Field(None, gt=0, le=1e6, description="largest norm of the gradient")
    precision: Precision = Field("auto", description=PRECISION)

    @model_validator(mode="after")
    def _parts_have_images(self) -> Self:
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate {self.accumulate} is more than the batch_size {self.batch_size} has images; lower it"
            )
        return self

    def steps_per_epoch(self, num_samples: int) -> int:
        """Return the steps of a pass over the samples; a last small batch is left out: batch norm needs many."""
        return num_samples // min(self.batch_size, num_samples)

    def num_steps(self, num_samples: int) -> int:
        """Return the steps of the whole training."""
        steps = self.steps_per_epoch(num_samples) * self.epochs
        return steps if self.max_iterations is None else min(steps, self.max_iterations)
