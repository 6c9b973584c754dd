"""rdc_kit: a study kit for "Rethinking Large-scale Dataset Compression" (arXiv 2502.06434).

In pipeline order: load a pool, score it, select, combine, evaluate; or compress in one call.
Names are fetched from their modules when they are first used, so that the import itself is quick.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .augment.views import make_view
    from .combine import combine
    from .compression import compress
    from .data.checks import from_tensors
    from .data.imagesets import DataError, ImageSet, Traits
    from .data.loading import load
    from .ground.device import choose_runtime
    from .methods import METHODS
    from .notebook.exercises import check
    from .notebook.finishing import finish
    from .notebook.runs import start
    from .prune.recorders import Scores
    from .prune.scorefiles import read_scores
    from .prune.scores import aum, dynamics, el2n, forgetting
    from .prune.selection import select
    from .train import protocols
    from .train.evaluation import Result, evaluate
    from .train.protocol import Protocol
    from .train.teachers import Teacher, squeeze
    from .train.training import fit
    from .using import use

__version__ = "0.3.0"
# Threads that wait for each other give up the core after some 0.1 ms instead of 3 ms: as fast on a
# quiet machine, three times as fast beside a busy program. Read by OpenMP when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
_HOMES = {
    "augment.views": ("make_view",),
    "combine": ("combine",),
    "compression": ("compress",),
    "data.checks": ("from_tensors",),
    "data.imagesets": ("DataError", "ImageSet", "Traits"),
    "data.loading": ("load",),
    "ground.device": ("choose_runtime",),
    "methods": ("METHODS",),
    "notebook.exercises": ("check",),
    "notebook.finishing": ("finish",),
    "notebook.runs": ("start",),
    "prune.recorders": ("Scores",),
    "prune.scorefiles": ("read_scores",),
    "prune.scores": ("aum", "dynamics", "el2n", "forgetting"),
    "prune.selection": ("select",),
    "train.evaluation": ("Result", "evaluate"),
    "train.protocol": ("Protocol",),
    "train.protocols": ("protocols",),
    "train.teachers": ("Teacher", "squeeze"),
    "train.training": ("fit",),
    "using": ("use",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF, key=str.lower)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOME_OF[name]}")
    found = home if name == "protocols" else getattr(home, name)
    globals()[name] = found
    return found


class _Package(ModuleType):
    """The package as a module: `rdc_kit.combine` is the function, not the file of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        # Python sets every imported submodule as an attribute, which would hide the function.
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
