"""Rules by which a layer's inputs inherit the relevance of its outputs.

Chefer, Gur and Wolf, "Transformer interpretability beyond attention visualization" (CVPR 2021), sections 3.1 and 3.2.
Every rule keeps the sum of the relevance, so that none is made or lost on the way down.
"""

import torch
from torch import Tensor, nn

SMALLEST = 1e-9


def linear_relevance(layer: nn.Linear, inputs: Tensor, relevance: Tensor) -> Tensor:
    """Return the relevance of a linear layer's inputs: their share in the products that are not negative.

    The bias takes no part. What arrives at an output without a positive product is lost.

    Args:
        layer: D to E.
        inputs: (..., D).
        relevance: (..., E) of the outputs.

    Returns:
        (..., D).
    """
    positive, negative = inputs.clamp(min=0), inputs.clamp(max=0)
    upward, downward = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
    share = _divide(relevance, positive @ upward.T + negative @ downward.T)
    return positive * (share @ upward) + negative * (share @ downward)


def product_relevance(left: Tensor, right: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the relevance of both factors of `left @ right`, normalised: deep Taylor decomposition towards each.

    Args:
        left: (N, ..., I, J).
        right: (N, ..., J, K).
        relevance: (N, ..., I, K).
    """
    share = _divide(relevance, left @ right)
    return normalised(left * (share @ right.mT), right * (left.mT @ share), relevance)


def sum_relevance(left: Tensor, right: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the relevance of both terms of `left + right`, a skip connection, normalised."""
    share = _divide(relevance, left + right)
    return normalised(left * share, right * share, relevance)


def normalised(left: Tensor, right: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Return two operands' relevances scaled so that each image's sum is that of `relevance` (section 3.2).

    Args:
        left: (N, ...).
        right: (N, ...).
        relevance: (N, ...) of the result.
    """
    total, lefts, rights = _sums(relevance), _sums(left), _sums(right)
    size = lefts.abs() + rights.abs()
    scales = (_divide(total * _divide(sums.abs(), size), sums) for sums in (lefts, rights))
    left_scale, right_scale = (scale.view(-1, *[1] * (left.ndim - 1)) for scale in scales)
    return left * left_scale, right * right_scale


def _sums(values: Tensor) -> Tensor:
    return values.flatten(1).sum(dim=1)


def _divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return the quotient, 0 where the denominator is nearly 0."""
    large = denominator.abs() > SMALLEST
    return torch.where(large, numerator / torch.where(large, denominator, 1), 0)
