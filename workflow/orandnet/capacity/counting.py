"""Memory, operations and traffic of a piece of work, counted while it runs on tensors without numbers."""

import weakref
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

BLOCK = 512  # bytes: torch's allocator on a GPU rounds up to multiples of it


class Operation(NamedTuple):
    """One kernel.

    Attributes:
        products: type of the numbers; "" where there are none.
        flops: floating point operations of its products; 0 of all that has none.
        bytes: read and written, each operand and result once.
    """

    products: str
    flops: int
    bytes: int


class Count(TorchDispatchMode):
    """Counts what happens on a device inside `fake_tensors`.

    A storage counts from the operation that makes it until nothing holds it any more: no variable, no parameter, no
    gradient, no optimiser's state, and no node of a graph that keeps it for the backward pass. Workspaces that kernels
    take for themselves are not seen, but for the copies of a CPU's convolution where they are asked for.

    Attributes:
        live: bytes of the storages that are held now.
        peak: the highest `live` since the start.
        operations: kernels since the start, in order.
    """

    def __init__(self, device: torch.device, *, like_cpu: bool = False):
        """Count on one device.

        Args:
            device: whose tensors count.
            like_cpu: as if it were a CPU, whose convolution (oneDNN) has its weights, or their gradient, a second time
                in its own order while it computes.
        """
        super().__init__()
        self.device, self.live, self.peak = device, 0, 0
        self.like_cpu = like_cpu
        self.operations: list[Operation] = []
        self._held: dict[int, weakref.ref] = {}

    def start_anew(self) -> None:
        """Forget the peak and the operations so far; what is held now stays counted."""
        self.peak, self.operations = self.live, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Do an operation and count what it makes."""
        kwargs = kwargs or {}
        if func.namespace == "prim":
            return func(*args, **kwargs)
        if func._overloadpacket not in flop_registry and func._can_decompose():
            with self:  # of inference mode: what is made of other operations is not taken apart before
                return func.decompose(*args, **kwargs)
        out = func(*args, **kwargs)
        made = self._on_device(out)
        if made:
            taken = self._on_device((args, kwargs))
            self._count(func, args, kwargs, out, taken, made)
            for tensor in made:
                self._hold(tensor.untyped_storage())
            if self.like_cpu:
                self.peak = max(self.peak, self.live + _reordered(func, args))
        return out

    def _on_device(self, values: object) -> list[Tensor]:
        found = [value for value in tree_leaves(values) if isinstance(value, Tensor)]
        return [tensor for tensor in found if tensor.device.type == self.device.type]

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._held:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK

        def released(_: weakref.ref) -> None:
            self.live -= size
            del self._held[key]

        self._held[key] = weakref.ref(storage, released)
        self.live += size
        self.peak = max(self.peak, self.live)

    def _count(self, func, args, kwargs, out, taken: list[Tensor], made: list[Tensor]) -> None:
        sources = {tensor.untyped_storage()._cdata for tensor in taken}
        if not func._schema.is_mutable and all(tensor.untyped_storage()._cdata in sources for tensor in made):
            return  # a view
        packet = func._overloadpacket
        flops = flop_registry[packet](*args, **kwargs, out_val=out) if packet in flop_registry else 0
        products = str(made[0].dtype).removeprefix("torch.") if flops else ""
        moved = sum(tensor.numel() * tensor.element_size() for tensor in (*taken, *made))
        self.operations.append(Operation(products, flops, moved))


def _reordered(func, args: tuple) -> int:
    """Return the bytes that a CPU's convolution holds of its weights, or their gradient, beside the storages it makes.

    oneDNN computes in an order of its own: weights lie there once more, and so does their gradient; one that is to lie
    channels last is copied on the way. Products of single pixels need none of it. Seen in torch 2.14's allocator.
    """
    if func is torch.ops.aten.convolution.default:
        weights, copies = args[1], 1
    elif func is torch.ops.aten.convolution_backward.default:
        weights, learns = args[2], args[10][1]
        copies = 2 if learns and weights.is_contiguous(memory_format=torch.channels_last) else 1
    else:
        return 0
    return copies * weights.nbytes if weights.shape[2:].numel() > 1 else 0
