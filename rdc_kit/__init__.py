"""rdc_kit: a study kit for "Rethinking Large-scale Dataset Compression" (arXiv 2502.06434)."""

from .compress.composites import combine
from .compress.methods import METHODS, compress
from .compress.scores import Scores
from .compress.scoring import aum, dynamics, el2n, forgetting
from .compress.selection import select
from .engine import protocols, views
from .engine.decoding import load
from .engine.evaluation import Result, accuracy, evaluate, predict
from .engine.formats import save
from .engine.imagesets import DataError, ImageSet, Splits, Traits, from_tensors
from .engine.protocols import Protocol
from .engine.runtime import Runtime, choose_runtime
from .engine.training import Diverged, fit

__version__ = "0.1.0"
