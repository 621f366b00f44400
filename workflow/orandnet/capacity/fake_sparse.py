"""Sparse matrices of tensors without numbers, which torch cannot make without a driver: their shape and their cost."""

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula


@torch.library.custom_op("orandnet::csr_product", mutates_args=())
def csr_product(rows: Tensor, columns: Tensor, entries: Tensor, vectors: Tensor) -> Tensor:
    """Return the product of a sparse matrix in CSR form, (n, m), with (m, K) vectors; of fake tensors alone."""
    raise NotImplementedError("csr_product: of tensors without numbers only")


@csr_product.register_fake
def _(rows: Tensor, columns: Tensor, entries: Tensor, vectors: Tensor) -> Tensor:
    devices = {tensor.device for tensor in (rows, columns, entries, vectors)}
    if len(devices) > 1:
        raise RuntimeError(f"csr_product: operands lie on {', '.join(sorted(map(str, devices)))}")
    return vectors.new_empty(rows.shape[0] - 1, vectors.shape[1])


@register_flop_formula(torch.ops.orandnet.csr_product)
def _flops(rows: tuple, columns: tuple, entries: tuple, vectors: tuple, *_: object, **__: object) -> int:
    return 2 * entries[0] * vectors[1]


class FakeCsr:
    """A sparse matrix, for the two products of the random walk."""

    def __init__(self, rows: Tensor, columns: Tensor, entries: Tensor, size: tuple[int, int], **_: object):
        """Keep the three tensors that `torch.sparse_csr_tensor` takes."""
        self.parts, self.shape = (rows, columns, entries), size

    def __matmul__(self, vectors: Tensor) -> Tensor:
        """Return (n, K) of (m, K)."""
        return csr_product(*self.parts, vectors)

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        """Answer torch.addmm(start, matrix, vectors)."""
        if function is not torch.addmm:
            return NotImplemented
        start, matrix, vectors = args
        return (matrix @ vectors).mul_((kwargs or {}).get("alpha", 1)).add_(start)
