"""How long a piece of work takes at least on a card: its roofline. Needs no torch."""

from collections.abc import Iterable
from typing import NamedTuple

LAUNCH = 5e-6  # seconds: an assumption for what a kernel costs at least when Python asks for each


class Card(NamedTuple):
    """A GPU by its data sheet, without sparsity.

    Attributes:
        name: of the card.
        flops: floating point operations a second, by what products are computed in.
        bandwidth: bytes a second of its memory.
        memory_mib: MiB of it.
    """

    name: str
    flops: dict[str, float]
    bandwidth: float
    memory_mib: int


CARDS = (
    Card("RTX 3090", {"bfloat16": 71e12, "tf32": 35.6e12, "float32": 35.6e12}, 936e9, 24_576),
    Card("A100", {"bfloat16": 312e12, "tf32": 156e12, "float32": 19.5e12}, 2039e9, 81_920),
    Card("H100", {"bfloat16": 989e12, "tf32": 494e12, "float32": 67e12}, 3350e9, 81_920),
)


def roofline(operations: Iterable[tuple[str, int, int]], card: Card) -> float:
    """Return the seconds below which a card cannot do the operations.

    Each takes the longest of three: its products at the card's rate, its bytes at that of the memory, and a launch
    (Williams, Waterman and Patterson, "Roofline", 2009, operation by operation).

    Args:
        operations: (products, flops, bytes), as `counting.Operation`.
        card: where.
    """
    return sum(
        max(flops / card.flops.get(products, card.flops["float32"]), moved / card.bandwidth, LAUNCH)
        for products, flops, moved in operations
    )
