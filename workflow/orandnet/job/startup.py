"""A quick start: torch without its compiler, imports without the search for garbage; and products in one thread.

torchvision imports torch's compiler for one function of a layer, and every optimiser imports it to tell it to keep
away. Nothing here is compiled, and the import takes longer than that of all else a stage needs from torch. So two
modules stand in for it: they answer what those two ask, and give way to the compiler when anything else is asked.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

COMPILER = "torch._dynamo"


def _as_it_is(function: Callable, recursive: bool = True, **how: object) -> Callable:
    """Return the function: where nothing is compiled, nothing has to be kept from it."""
    return function


# module -> what is asked of it where nothing is compiled
ANSWERS = {
    COMPILER: {"disable": _as_it_is, "graph_break": lambda: None},
    f"{COMPILER}.utils": {"is_compile_supported": lambda device: False},
}


class _StandIn(ModuleType):
    """Stands in for a module of the compiler until something is asked that only the compiler knows."""

    __path__ = ()  # of a package, so that Python looks for its modules, and finds `_Compiler`

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # asked of all modules, by `import` and `inspect`
            raise AttributeError(name)
        return getattr(_compiler(self.__name__), name)


class _Compiler(MetaPathFinder, Loader):
    """Finds modules of the compiler that are imported while the stand-ins are there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.startswith(f"{COMPILER}.") else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _compiler(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass  # it was, when the compiler was imported


def _compiler(name: str) -> ModuleType:
    """Return a module of the real compiler, for which the stand-ins make room."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Compiler)]
    for module in ANSWERS:
        if isinstance(sys.modules.get(module), _StandIn):
            del sys.modules[module]
    import_module(COMPILER)
    return import_module(name)


def leave_out_compiler() -> None:
    """Let this process import torch's compiler only when it is used; to be called before torch is imported."""
    if COMPILER in sys.modules:
        return
    sys.meta_path.insert(0, _Compiler())
    for name, answers in ANSWERS.items():
        module = sys.modules[name] = _StandIn(name)
        vars(module).update(answers)


def products_in_one_thread() -> None:
    """Let numpy compute matrix products in one thread; to be called before numpy is imported.

    Sums over several threads are other sums in the last bit: what a command writes would depend on the machine's load.
    """
    os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Let nothing look for garbage inside: imports make next to none, and each look goes over all of them.

    What is there at its first end in a process is never looked at again. It is an eighth of the start of a stage with
    networks.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
        if was:
            gc.enable()
