"""A GPU that is not there: tensors have a device, a type and a shape, and no numbers.

torch's FakeTensorMode runs every operation on shapes alone and refuses operands on two devices, so whatever a stage
forgets to move is found without a GPU. Some things it cannot do without a driver are seen to here: the engine of
backward passes asks a CUDA device for its streams (it is told that there is none, as of torch's device `meta`), and
optimisers, attention, dropout and sparse matrices take other forms, autocast a detour. Two it cannot do at all, since
they depend on numbers: a number of a GPU that becomes one of Python's is 0 here, and whole tensors are equal.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from orandnet.capacity.fake_autocast import FakeAutocast
from orandnet.capacity.fake_sparse import FakeCsr

GPU, META = torch.device("cuda:0"), torch.device("meta")
ATEN = torch.ops.aten


class _Answers(TorchDispatchMode):
    """Answers what a tensor without numbers, on a device without a driver, cannot."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.ops.prim.device.default:
            return META if args[0].fake_device.type == GPU.type else args[0].fake_device
        if kwargs.get("device") == META:  # what C++ makes on the device it was told above
            kwargs["device"] = GPU
        if func is ATEN._local_scalar_dense.default:
            return _number(args[0])
        if func in (ATEN.allclose.default, ATEN.equal.default):
            return True
        return func(*args, **kwargs)


def _number(tensor: Tensor) -> float | int | bool:
    """Return 0 of what a GPU computed, and 1 of what the CPU keeps beside it: an optimiser divides by its steps."""
    kind = bool if tensor.dtype == torch.bool else float if tensor.dtype.is_floating_point else int
    return kind(tensor.fake_device.type == "cpu")


class _Unfilled(TorchDispatchMode):
    """Leaves the initial values out, which cost seconds and, once written, memory."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        drawn = torch.Tag.nondeterministic_seeded in func.tags and func._schema.is_mutable
        in_place = func._schema.name.endswith("_") and isinstance(args[0], Tensor) and args[0].numel() > 4096
        return args[0] if drawn or in_place else func(*args, **(kwargs or {}))


def unfilled() -> TorchDispatchMode:
    """Return the context in which networks are made without initial values: real tensors, on the CPU."""
    return _Unfilled()


@contextmanager
def fake_tensors(*modes: TorchDispatchMode, like_cpu: bool = False) -> Iterator[None]:
    """Let tensors have no numbers inside, and `cuda:0` be a device, with or without a GPU.

    Nothing real must be made inside; networks that were made before are moved by `place` as ever.

    Args:
        modes: see the operations before all else.
        like_cpu: with the optimisers' form for CPUs, in float32, and with the kernels that torch takes by itself.
    """
    foreach_types = [Tensor, torch.nn.Parameter, *([] if like_cpu else [FakeTensor])]
    with ExitStack() as stack:
        for target, value in (
            ("torch.cuda.is_bf16_supported", lambda *_, **__: not like_cpu),
            ("torch.optim.optimizer._foreach_supported_types", foreach_types),
            ("torch.nn.functional.scaled_dot_product_attention", _attention(functional.scaled_dot_product_attention)),
            ("torch.nn.functional.dropout", functional.dropout if like_cpu else _dropout(functional.dropout)),
            ("torch.Tensor.numpy", _numpy),
            ("torch.sparse_csr_tensor", FakeCsr),
        ):
            stack.enter_context(patch(target, value))
        replaces = torch.__future__.get_overwrite_module_params_on_conversion()
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, replaces)
        torch.__future__.set_overwrite_module_params_on_conversion(True)  # a parameter cannot become a fake one
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        if not like_cpu:
            stack.enter_context(_reproducible())
            stack.enter_context(FakeAutocast(GPU.type))
        for mode in (FakeTensorMode(allow_non_fake_inputs=True), _Answers(), *modes):
            stack.enter_context(mode)
        yield


@contextmanager
def _reproducible() -> Iterator[None]:
    """Let torch take the kernels that every job on a GPU asks for (`select_device`)."""
    was = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("warn")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(was)


def _attention(on_cpu):
    """Return attention in the form a GPU gives it, which keeps no (tokens, tokens) matrix."""

    def attention(query: Tensor, key: Tensor, value: Tensor, attn_mask=None, dropout_p=0.0, **others) -> Tensor:
        if query.device.type != GPU.type or attn_mask is not None:
            return on_cpu(query, key, value, attn_mask, dropout_p, **others)
        return ATEN._scaled_dot_product_efficient_attention(query, key, value, None, True, dropout_p)[0]

    return attention


def _dropout(on_cpu):
    """Return dropout in the form a GPU gives it, which keeps one byte for each number."""

    def dropout(values: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if values.device.type != GPU.type or inplace or not training or p == 0:
            return on_cpu(values, p, training, inplace)
        return torch.native_dropout(values, p, True)[0]

    return dropout


def _numpy(tensor: Tensor) -> np.ndarray:
    """Return zeros in the shape of a tensor, which must lie on the CPU."""
    if tensor.device.type != "cpu":
        raise TypeError(f"can't convert {tensor.device} device type tensor to numpy; call .cpu() first")
    names = {torch.bool: np.bool_, torch.bfloat16: None}
    kind = names.get(tensor.dtype, getattr(np, str(tensor.dtype).removeprefix("torch."), None))
    if kind is None:
        raise TypeError(f"numpy has no {tensor.dtype}; call .float() first")
    return np.zeros(tuple(tensor.shape), dtype=kind)
