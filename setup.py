"""Compiles the kernel of the dense CRF where there is a C++ compiler; everything else stands in pyproject.toml."""

import hashlib
from pathlib import Path

from setuptools import Extension, setup

SOURCE = "workflow/orandnet/crf/kernel.cpp"
DIGEST = hashlib.sha256((Path(__file__).parent / SOURCE).read_bytes())

setup(
    ext_modules=[
        Extension(
            "orandnet.crf.kernel_library",
            [SOURCE],
            define_macros=[("SOURCE_SHA256", f'"{DIGEST.hexdigest()}"')],
            # no instructions of this machine alone and no fused additions: the same bytes on every node
            extra_compile_args=["-std=c++17", "-O3", "-ffp-contract=off"],
            language="c++",
            py_limited_api=True,  # it knows nothing of Python, so one file serves all versions
            optional=True,
        )
    ]
)
