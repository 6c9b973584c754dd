"""rdc_kit: a study kit for "Rethinking Large-scale Dataset Compression" (arXiv 2502.06434).

In pipeline order: load a pool, score it, select, combine, evaluate; or compress in one call.
"""

from .compress.composites import combine
from .compress.methods import METHODS, compress
from .compress.scores import Scores
from .compress.scoring import aum, dynamics, el2n, forgetting
from .compress.selection import select
from .engine import protocols
from .engine.decoding import load
from .engine.evaluation import Result, evaluate
from .engine.imagesets import DataError, ImageSet, Traits, from_tensors
from .engine.protocols import Protocol
from .engine.runtime import choose_runtime
from .engine.teachers import Teacher, squeeze
from .engine.training import fit
from .engine.views import make_view
from .notebook import finish, start

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
