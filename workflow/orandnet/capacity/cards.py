"""How long a piece of work takes at least on a card: its roofline. Needs no torch."""

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
    Card("RTX 3090", {"bfloat16": 71e12, "float32": 35.6e12}, 936e9, 24_576),
    Card("A100", {"bfloat16": 312e12, "float32": 19.5e12}, 2039e9, 81_920),
    Card("H100", {"bfloat16": 989e12, "float32": 67e12}, 3350e9, 81_920),
)


def roofline(card: Card, *, products: str, flops: float, moved: float, kernels: int) -> float:
    """Return the seconds below which a card cannot do a piece of work (Williams et al., "Roofline", 2009).

    The longest of three: all products at the card's rate, all bytes at that of its memory, and all launches.

    Args:
        card: where.
        products: bfloat16 or float32, in what they are computed.
        flops: operations of the products.
        moved: bytes read and written.
        kernels: their number.
    """
    return max(flops / card.flops[products], moved / card.bandwidth, kernels * LAUNCH)
