"""rdc_kit: a study kit for "Rethinking Large-scale Dataset Compression" (arXiv 2502.06434).

In pipeline order: load a pool, score it, select, combine, evaluate; or compress in one call.
"""

from .augment.views import make_view
from .combine import combine
from .data.imagesets import DataError, ImageSet, Traits, from_tensors
from .data.loading import load
from .ground.runtime import choose_runtime
from .methods import METHODS, compress
from .notebook import finish, start
from .prune.recorders import Scores
from .prune.scores import aum, dynamics, el2n, forgetting
from .prune.selection import select
from .train import protocols
from .train.evaluation import Result, evaluate
from .train.protocols import Protocol
from .train.teachers import Teacher, squeeze
from .train.training import fit

__version__ = "0.1.0"
__all__ = [
    "METHODS",
    "DataError",
    "ImageSet",
    "Protocol",
    "Result",
    "Scores",
    "Teacher",
    "Traits",
    "aum",
    "choose_runtime",
    "combine",
    "compress",
    "dynamics",
    "el2n",
    "evaluate",
    "finish",
    "fit",
    "forgetting",
    "from_tensors",
    "load",
    "make_view",
    "protocols",
    "select",
    "squeeze",
    "start",
]
