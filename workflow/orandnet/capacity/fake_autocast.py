"""torch.autocast for a GPU that is not there.

torch decides in C++ what to cast, by a tensor's device, and is told another one there (`fake_gpu`). So the same rules
are applied a layer higher, to the functions as Python calls them: products are computed in the lower precision,
functions that need range or long sums in float32, and weights are cast once as long as the outermost context lasts.
`tests/capacity/test_fake_autocast.py` holds that against torch's own casts, kernel by kernel.
"""

from contextlib import ExitStack
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

# by torch's documentation, "CUDA Ops that can autocast to float16", as functions are called in Python
PRODUCTS = frozenset(
    [
        "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "chain_matmul", "conv1d", "conv2d", "conv3d", "conv_tbc",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "einsum", "linalg_multi_dot", "linear", "matmul",
        "mm", "mv", "prelu", "scaled_dot_product_attention",
    ]
)  # fmt: skip
IN_FLOAT32 = frozenset(
    [
        "acos", "asin", "binary_cross_entropy_with_logits", "cdist", "cosh", "cosine_embedding_loss",
        "cosine_similarity", "dist", "erfinv", "exp", "expm1", "group_norm", "hinge_embedding_loss", "huber_loss",
        "kl_div", "l1_loss", "layer_norm", "log", "log10", "log1p", "log2", "logsumexp", "margin_ranking_loss",
        "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "nll_loss", "nll_loss_nd", "pdist",
        "poisson_nll_loss", "pow", "reciprocal", "renorm", "rms_norm", "rsqrt", "sinh", "smooth_l1_loss",
        "soft_margin_loss", "softplus", "tan", "triplet_margin_loss", "upsample_bicubic2d", "upsample_bilinear2d",
        "upsample_linear1d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_trilinear3d",
        "_upsample_bicubic2d_aa", "_upsample_bilinear2d_aa", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d",
        "_upsample_nearest_exact3d",
    ]
)  # fmt: skip
OUT_IN_FLOAT32 = frozenset(["cumprod", "cumsum", "linalg_vector_norm", "log_softmax", "norm", "prod", "softmax", "sum"])
IN_WIDEST = frozenset(
    [
        "addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "grid_sampler", "index_put", "scatter_add",
        "tensordot", "vdot",
    ]
)  # fmt: skip
REFLECTED = {"rmatmul": "matmul", "rpow": "pow", "rtruediv": "reciprocal"}


class FakeAutocast(TorchFunctionMode):
    """Casts what torch.autocast would cast, wherever it is on."""

    def __init__(self, device_type: str = "cuda"):
        """Cast tensors of one kind of device."""
        super().__init__()
        self.device_type = device_type
        self._weights: dict[tuple[int, torch.dtype], tuple[Tensor, Tensor]] = {}
        self._patches = ExitStack()

    def __enter__(self):
        """Begin; torch's functions in Python show what they are made of from here on."""
        for module in (torch.nn.functional, torch.functional, torch._tensor):
            for name in ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"):
                if hasattr(module, name):
                    self._patches.enter_context(patch.object(module, name, lambda *_: False))
        self._patches.enter_context(patch("torch.clear_autocast_cache", self._weights.clear))
        self._patches.enter_context(patch("torch.cuda.amp.common.amp_definitely_not_available", lambda: False))
        return super().__enter__()

    def __exit__(self, *raised):
        """End, and leave all as it was."""
        self._patches.close()
        self._weights.clear()
        return super().__exit__(*raised)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Call a function with the types that autocast gives it."""
        kwargs = kwargs or {}
        if not torch.is_autocast_enabled(self.device_type):
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name.startswith("__") and name.endswith("__"):  # operators
            name = REFLECTED.get(name.strip("_"), name.strip("_"))
        if name in PRODUCTS:
            lower = torch.get_autocast_dtype(self.device_type)
            args, kwargs = self._cast((args, kwargs), lower)
        elif name in IN_FLOAT32:
            args, kwargs = self._cast((args, kwargs), torch.float32)
        elif name in OUT_IN_FLOAT32:
            if self._is_cast(args[0]) and kwargs.get("dtype") is None:
                kwargs = {**kwargs, "dtype": torch.float32}
        elif name in IN_WIDEST:
            wide = any(part.dtype == torch.float32 for part in tree_leaves((args, kwargs)) if self._is_cast(part))
            args, kwargs = self._cast((args, kwargs), torch.float32) if wide else (args, kwargs)
        return func(*args, **kwargs)

    def _is_cast(self, value: object) -> bool:
        """Whether autocast would look at a value at all."""
        return (
            isinstance(value, Tensor)
            and value.device.type == self.device_type
            and value.dtype.is_floating_point
            and value.dtype != torch.float64
        )

    def _cast(self, values: tuple, dtype: torch.dtype) -> tuple:
        return tree_map(lambda value: self._one(value, dtype) if self._is_cast(value) else value, values)

    def _one(self, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        if tensor.dtype == dtype:
            return tensor
        if not (tensor.is_leaf and tensor.requires_grad and tensor.dtype == torch.float32):
            return tensor.to(dtype)
        key = (id(tensor), dtype)
        if key not in self._weights:
            self._weights[key] = tensor, tensor.to(dtype)
        return self._weights[key][1]
