"""The registry: every method under one signature."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from .augment.boxes import Grid, as_grid
from .combine import combine
from .data.checks import check_count
from .data.imagesets import DataError, ImageSet
from .distill.matching import running
from .distill.noise import noise_set
from .distill.rded import CROPS, DRAWN, rded
from .distill.recipes import check_pool, recipe
from .distill.recover import recover
from .ground.device import Runtime, choose_runtime
from .ground.names import check_known
from .ground.own import ADDED
from .prune.metrics import METRICS
from .prune.recorders import Scores
from .prune.scores import score
from .prune.selection import check_strata, select
from .train.models import NETWORKS, build, ensemble
from .train.teachers import Teacher, check_teacher, squeeze


@dataclass(frozen=True)
class Method:
    """A row of the registry.

    Attributes:
        title: its name in figures and tables.
        make: `(pool, ipc, seed, runtime, **options)` -> ImageSet of ipc images per class.
        family: "baseline", "pruning", "distillation-noise", "distillation-real" or "pca".
        needs: what must be trained first.
        cost: its cost, in passes over the pool or steps on the images.
        source: the paper.
        fixed: values that are options of other methods and cannot change here.
        view: how training shows its sets: "whole" or "cell".
        files: that `make` reads; a run is not found again after one has changed.
    """

    title: str
    make: Callable[..., ImageSet]
    family: str
    needs: str
    cost: str
    source: str
    fixed: dict[str, Any] = field(default_factory=dict)
    view: str = "whole"
    files: tuple[str, ...] = ()

    @cached_property  # a ledger asks ten thousand times
    def options(self) -> dict[str, Any]:
        """Every option that `make` takes, with its default."""
        parameters = inspect.signature(self.make).parameters.values()
        return {
            p.name: p.default
            for p in parameters
            if p.kind is p.KEYWORD_ONLY and p.name not in self.fixed
        }


def method_named(name: str) -> Method:
    """The registry's row for a name.

    Raises:
        ValueError: unknown; the message names the nearest match.
    """
    check_known("method", name, METHODS, ADDED)
    if not isinstance(METHODS[name], Method):
        raise ValueError(f"METHODS[{name!r}] must be a Method, not {METHODS[name]!r}")
    if not callable(METHODS[name].make):
        got = type(METHODS[name].make).__name__
        raise ValueError(f"METHODS[{name!r}] must have a function that makes sets, not a {got}")
    return METHODS[name]


def _random(
    pool: ImageSet, ipc: int, seed: int, runtime: Runtime | None, *, order: str
) -> ImageSet:
    return select(pool, None, ipc, order, seed)


def _noise(
    pool: ImageSet, ipc: int, seed: int, runtime: Runtime | None, *, spectrum: str = "white"
) -> ImageSet:
    return noise_set(pool, ipc, seed, spectrum)


def _pruned(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    *,
    metric: str,
    order: str = "easy",
    skip: float = 0.0,
    epochs: int | None = None,
    scoring_seed: int = 0,
    scores: Scores | None = None,
) -> ImageSet:
    """An end of a metric, or a window of it (see `select`); without scores the pool is scored."""
    if order != "random" and scores is None:
        scores = score(pool, metric, epochs, scoring_seed, runtime)
    return select(pool, scores, ipc, order, seed, skip=skip)


def _ccs(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    *,
    metric: str,
    order: str,
    beta: float = 0.3,
    strata: int = 50,
    epochs: int | None = None,
    scoring_seed: int = 0,
) -> ImageSet:
    """Stratified over AUM of probabilities, as in its code; beta 0.3 is its value for 10 % kept."""
    check_strata(beta, strata)
    scores = score(pool, metric, epochs, scoring_seed, runtime)
    return select(pool, scores, ipc, order, seed, beta, strata)


def _pca(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    *,
    order: str = "easy",
    metric: str = "el2n",
    grid: Grid = 2,
    grouping: str = "rank_block",
    originals_per_class: int | None = None,
    epochs: int | None = None,
    scoring_seed: int = 0,
    scores: Scores | None = None,
) -> ImageSet:
    """Prune, combine into grids; training then shows the set cell by cell (see augment).

    The metric may be any of prune.scores.METRICS (Table 24). originals_per_class defaults to
    ipc * cells, which stores ipc composites per class. Fewer originals give fewer composites: an
    ablation takes k = ipc, as the paper's text literally says.

    Differs: trained without Cutout unless the protocol says so; the paper prefers it to mixing,
        and no source gives its size. Of half a side it costs accuracy on CIFAR-10 here.
    """
    rows, columns = as_grid(grid, pool.size)
    originals = ipc * rows * columns if originals_per_class is None else originals_per_class
    if originals % (rows * columns):
        raise DataError(f"originals_per_class is {originals}, no multiple of a grid's cells")
    if originals > ipc * rows * columns:
        raise DataError(
            f"{originals} originals per class fill {originals // (rows * columns)} composites, and "
            f"{ipc} per class were asked for: raise ipc, or leave originals_per_class out"
        )
    if order != "random" and scores is None:
        scores = score(pool, metric, epochs, scoring_seed, runtime)
    subset = select(pool, scores, originals, order, seed)
    stored = combine(subset, grid, grouping, seed)
    return replace(stored, provenance=stored.provenance | {"originals_per_class": originals})


def _recovered(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    *,
    name: str,
    iterations: int | None = None,
    lr: float | None = None,
    weight: float | None = None,
    milestone: float | None = None,
    teacher: str | Teacher | None = None,
    teacher_epochs: int = 30,
    teacher_seed: int = 0,
) -> ImageSet:
    """SRe2L, CDA, LPLD, DWA, G-VBSM: the shared loop with the method's recipe."""
    changes: dict[str, Any] = {"iterations": iterations, "lr": lr, "weight": weight}
    changes |= {"milestone": milestone}
    how = replace(recipe(name, pool.size), **{k: v for k, v in changes.items() if v is not None})
    how = replace(how, iterations=check_count("iterations", how.iterations))
    if milestone is not None and not (how.crop and 0 <= milestone <= 1):
        raise ValueError(
            f"milestone={milestone}: it is a share from 0 to 1 of the iterations, of recipes with "
            f"crops, and {name} at {pool.size} px has {'them' if how.crop else 'none'}"
        )
    for key, value in (("lr", how.lr), ("weight", how.weight)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{key} must be a number of at least 0, got {value}")
    check_pool(pool, ipc, how)
    own = teacher or pool.student
    if isinstance(own, str) and own in NETWORKS:  # the kit's are named by their batch norm
        running(build(own, pool.num_classes, pool.size))
    known = _known(pool, teacher, teacher_epochs, teacher_seed, runtime, how.teachers)
    return recover(pool, ipc, how, known, seed, runtime)


def _known(
    pool: ImageSet,
    teacher: str | Teacher | None,
    epochs: int,
    seed: int,
    runtime: Runtime | None,
    count: int = 1,
) -> Teacher:
    """The teacher that was given, if it knows the pool, or one of `count` networks, trained now."""
    if not isinstance(teacher, Teacher):
        networks = ensemble(teacher or pool.student, count)
        return squeeze(pool, networks, epochs, seed, runtime)
    check_teacher(pool, teacher, runtime or choose_runtime())
    return teacher


def _rded(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    *,
    factor: int | None = None,
    drawn: int = DRAWN,
    crops: int = CROPS,
    teacher: str | Teacher | None = None,
    teacher_epochs: int = 30,
    teacher_seed: int = 0,
) -> ImageSet:
    check_count("factor", 1 if factor is None else factor)
    for key, value in (("drawn", drawn), ("crops", crops)):
        check_count(key, value)
    known = _known(pool, teacher, teacher_epochs, teacher_seed, runtime)
    return rded(pool, ipc, known, factor, drawn, crops, seed, runtime)


def _prune(metric: str, source: str) -> Method:
    title, cost = METRICS[metric].title, f"{METRICS[metric].epochs} epochs"
    return Method(title, _pruned, "pruning", "scoring run", cost, source, {"metric": metric})


def _made_from(what: str, name: str, title: str, needs: str, cost: str, source: str) -> Method:
    return Method(title, _recovered, f"distillation-{what}", needs, cost, source, {"name": name})


_STEPS = "1000-4000 steps"
_CCS = {"metric": "aum_prob", "order": "ccs"}
METHODS: dict[str, Method] = {
    "random": Method("Random", _random, "baseline", "nothing", "none", "-", {"order": "random"}),
    "noise": Method(
        "noise (control)", _noise, "baseline", "nothing", "none", "arXiv 2502.06434, Table 20"
    ),
    "forgetting": _prune("forgetting", "arXiv 1812.05159"),
    "el2n": _prune("el2n", "arXiv 2107.07075"),
    "aum": _prune("aum", "arXiv 2001.10528"),
    "ccs": Method("CCS", _ccs, "pruning", "scoring run", "30 epochs", "arXiv 2210.15809", _CCS),
    "sre2l": _made_from("noise", "sre2l", "SRe2L", "teacher", _STEPS, "arXiv 2306.13092"),
    "cda": _made_from("noise", "cda", "CDA", "teacher", _STEPS, "arXiv 2311.18838"),
    "gvbsm": _made_from("noise", "gvbsm", "G-VBSM", "4 teachers, pool", _STEPS, "arXiv 2311.17950"),
    "lpld": _made_from("noise", "lpld", "LPLD", "teacher, pool", _STEPS, "arXiv 2410.15919"),
    "dwa": _made_from("real", "dwa", "DWA", "teacher", "1000-2000 steps", "arXiv 2409.17612"),
    "rded": Method(
        "RDED", _rded, "distillation-real", "teacher", "5 views of 300/class", "arXiv 2312.03526"
    ),
    "pca": Method("PCA", _pca, "pca", "scoring run", "10 epochs", "arXiv 2502.06434", view="cell"),
}
KITS = dict(METHODS)  # whatever a user's own file puts in their place
