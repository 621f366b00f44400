"""The project's own kernel of the dense CRF, kernel.cpp, where it was compiled at installation."""

import ctypes
import hashlib
from functools import cache
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_suffix(".cpp")
LIBRARY = Path(__file__).with_name("kernel_library.abi3.so")
TOO_SMALL, NO_MEMORY = 1, 2


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled kernel if it lies beside this module, can be loaded and was made from the source there."""
    try:
        found = ctypes.CDLL(str(LIBRARY))
    except OSError:
        return None
    found.crf_kernel_source.restype = ctypes.c_char_p
    if found.crf_kernel_source().decode() != hashlib.sha256(SOURCE.read_bytes()).hexdigest():
        return None
    pointers, sizes, terms = [ctypes.c_void_p] * 2, [ctypes.c_int] * 5, [ctypes.c_float] * 5
    found.crf_mean_field.argtypes = [*pointers, *sizes, *terms]
    return found


def in_use() -> str:
    """Return the name of the kernel that CRFs run on here: `own` or `pydensecrf`."""
    return "own" if library() else "pydensecrf"


def mean_field(
    rgb: np.ndarray,
    energies: np.ndarray,
    *,
    iterations: int,
    gaussian_sxy: float,
    gaussian_compat: float,
    bilateral_sxy: float,
    bilateral_srgb: float,
    bilateral_compat: float,
) -> np.ndarray:
    """Return the probabilities after some steps of mean field. Lets other threads of Python run.

    Args:
        rgb: (H, W, 3) uint8.
        energies: (M, C, H, W) unary energies of M labellings of the image; each has the result it has alone.
        iterations: steps; this and what follows are the fields of `crf.settings.CrfSettings`.
        gaussian_sxy, gaussian_compat: smoothness term.
        bilateral_sxy, bilateral_srgb, bilateral_compat: appearance term.

    Returns:
        (M, C, H, W) float32.
    """
    rgb, values = np.ascontiguousarray(rgb), np.array(energies, dtype=np.float32, order="C")
    maps, labels, height, width = values.shape
    sizes = (height, width, maps, labels, iterations)
    terms = (gaussian_sxy, gaussian_compat, bilateral_sxy, bilateral_srgb, bilateral_compat)
    failed = library().crf_mean_field(rgb.ctypes.data, values.ctypes.data, *sizes, *terms)
    if failed == NO_MEMORY:
        raise MemoryError(f"A CRF of {labels} labels on {height} x {width} pixels.")
    if failed == TOO_SMALL:
        raise ValueError(
            f"crf: gaussian_sxy {gaussian_sxy:g}, bilateral_sxy {bilateral_sxy:g} or bilateral_srgb "
            f"{bilateral_srgb:g} is too small for the image; give at least 0.01 each."
        )
    return values
