"""The registry: every way to compress a pool, under one signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from .augment.boxes import Grid, as_grid
from .combine import combine
from .data.imagesets import DataError, ImageSet
from .distill import rded
from .distill.recipes import recipe
from .distill.recover import recover
from .ground.names import unknown
from .ground.runtime import Runtime, generator
from .prune import scores as scoring
from .prune.recorders import Scores
from .prune.selection import derived, select
from .train.models import relatives
from .train.teachers import squeeze


@dataclass(frozen=True)
class Method:
    """A row of the registry.

    Attributes:
        make: (pool, ipc, seed, runtime, **options) -> ImageSet of ipc images per class.
        family: "baseline", "pruning", "distillation-noise", "distillation-real" or "pca".
        needs: what has to be trained first.
        cost: what it takes, in passes over the pool.
        source: the paper.
    """

    make: Callable[..., ImageSet]
    family: str
    needs: str
    cost: str
    source: str

    @property
    def options(self) -> list[str]:
        """Names of the options that `make` takes."""
        named = inspect.signature(self.make).parameters.values()
        return [p.name for p in named][4:]


def compress(
    name: str,
    pool: ImageSet,
    ipc: int,
    seed: int = 0,
    runtime: Runtime | None = None,
    **options: Any,
) -> ImageSet:
    """Compress a pool to `ipc` stored images per class.

    Args:
        name: a key of METHODS.
        pool: the full training set.
        ipc: images per class as stored; a composite counts as one.
        seed: root of the seed tree of this set.
        runtime: device and precision of the training that a method needs.
        options: the method's own, such as order="hard" or grid=3.

    Returns:
        ImageSet with ipc * C images and its provenance.

    Raises:
        ValueError: unknown method or option, with the near matches. DataError: pool too small.
    """
    method = find(name)
    for option in options:
        if option not in method.options:
            allowed = ", ".join(method.options) or "none"
            raise ValueError(f"method {name!r} has no option {option!r}; its options: {allowed}")
    if isinstance(ipc, bool) or not isinstance(ipc, int) or ipc < 1:
        raise DataError(f"ipc must be a whole number of at least 1, got {ipc!r}")
    made = method.make(pool, ipc, seed, runtime, **options)
    facts = {"method": name, "family": method.family, "ipc": ipc, "seed": seed, **options}
    return replace(made, provenance=made.provenance | facts)


def find(name: str) -> Method:
    """The registry's row of a name.

    Raises:
        ValueError: unknown, with the near match.
    """
    if name not in METHODS:
        raise ValueError(unknown("method", name, METHODS))
    return METHODS[name]


def _random(pool: ImageSet, ipc: int, seed: int, runtime: Runtime | None) -> ImageSet:
    return select(pool, None, ipc, "random", seed)


def _noise(pool: ImageSet, ipc: int, seed: int, runtime: Runtime | None) -> ImageSet:
    """Gaussian noise with the source's mean and sd: a control that holds nothing of the images."""
    count = ipc * pool.num_classes
    draws = torch.randn(count, 3, pool.size, pool.size, generator=generator(seed, "noise"))
    mean = torch.tensor(pool.traits.mean).view(3, 1, 1)
    std = torch.tensor(pool.traits.std).view(3, 1, 1)
    pixels = ((draws * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    return replace(
        pool,
        images=pixels,
        labels=torch.arange(pool.num_classes).repeat_interleave(ipc),
        row_ids=torch.full((count,), -1),
        provenance=derived(pool),
    )


def _el2n(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    order: str = "easy",
    epochs: int = scoring.EL2N_EPOCHS,
    scores: Scores | None = None,
) -> ImageSet:
    scores = scores or scoring.el2n(pool, epochs, runtime=runtime)
    return select(pool, scores, ipc, order, seed)


def _forgetting(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    order: str = "easy",
    epochs: int = scoring.FULL_EPOCHS,
) -> ImageSet:
    return select(pool, scoring.forgetting(pool, epochs, runtime=runtime), ipc, order, seed)


def _aum(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    order: str = "easy",
    epochs: int = scoring.FULL_EPOCHS,
    space: str = "logit",
) -> ImageSet:
    scores = scoring.aum(pool, epochs, space=space, runtime=runtime)
    return select(pool, scores, ipc, order, seed)


def _ccs(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    beta: float = 0.3,
    strata: int = 50,
    epochs: int = scoring.FULL_EPOCHS,
) -> ImageSet:
    """Stratified over AUM, as the paper's main results are; beta 0.3 is its value for 10 % kept."""
    scores = scoring.aum(pool, epochs, runtime=runtime)
    return select(pool, scores, ipc, "ccs", seed, beta, strata)


def _pca(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    grid: Grid = 2,
    order: str = "easy",
    grouping: str = "rank_block",
    originals_per_class: int | None = None,
    metric: str = "el2n",
    epochs: int | None = None,
    scores: Scores | None = None,
) -> ImageSet:
    """Prune by EL2N, combine into grids; the set asks to be seen cell by cell (augment).

    metric may be "aum" or "forgetting" instead (Table 24); epochs are its own when left out.
    originals_per_class defaults to ipc * cells, which stores ipc composites per class. Fewer
    originals give fewer composites: the literal reading k = ipc of the text is an ablation.
    """
    rows, columns = as_grid(grid, pool.size)
    originals = originals_per_class or ipc * rows * columns
    if order != "random" and scores is None:
        scores = _score(pool, metric, epochs, runtime)
    kept = select(pool, scores, originals, order, seed)
    stored = combine(kept, grid, grouping, seed)
    return replace(stored, provenance=stored.provenance | {"originals_per_class": originals})


def _score(pool: ImageSet, metric: str, epochs: int | None, runtime: Runtime | None) -> Scores:
    if metric == "el2n":
        return scoring.el2n(pool, epochs or scoring.EL2N_EPOCHS, runtime=runtime)
    whole = {"aum": scoring.aum, "forgetting": scoring.forgetting}
    if metric not in whole:
        raise ValueError(unknown("pruning metric", metric, ["el2n", *whole]))
    return whole[metric](pool, epochs or scoring.FULL_EPOCHS, runtime=runtime)


def _recovered(
    method: str,
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    iterations: int | None = None,
    lr: float | None = None,
    weight: float | None = None,
    milestone: float | None = None,
    teacher: str | None = None,
    teacher_epochs: int = 30,
) -> ImageSet:
    """SRe2L, CDA, LPLD, DWA, G-VBSM: the shared loop with the method's recipe."""
    changes: dict[str, Any] = {"iterations": iterations, "lr": lr, "weight": weight}
    changes |= {"milestone": milestone}
    how = replace(recipe(method, pool.size), **{k: v for k, v in changes.items() if v is not None})
    if how.iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    networks = relatives(teacher or pool.traits.student) if how.teachers > 1 else teacher
    squeezed = squeeze(pool, networks, teacher_epochs, runtime=runtime)
    return recover(pool, ipc, how, squeezed, seed, runtime)


def _rded(
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    factor: int | None = None,
    drawn: int = rded.DRAWN,
    crops: int = rded.CROPS,
    teacher: str | None = None,
    teacher_epochs: int = 30,
) -> ImageSet:
    squeezed = squeeze(pool, teacher, teacher_epochs, runtime=runtime)
    return rded.rded(pool, ipc, squeezed, factor, drawn, crops, seed, runtime)


def _row(name: str, family: str, needs: str, cost: str, source: str) -> Method:
    return Method(partial(_recovered, name), family, needs, cost, source)


_NOISE, _REAL = "distillation-noise", "distillation-real"
# Cost: in passes over the pool (epochs), or in steps on the images that are made.
METHODS: dict[str, Method] = {
    "random": Method(_random, "baseline", "nothing", "none", "-"),
    "noise": Method(_noise, "baseline", "nothing", "none", "control of arXiv 2502.06434, Table 20"),
    "el2n": Method(_el2n, "pruning", "scoring run", "10 epochs", "arXiv 2107.07075"),
    "forgetting": Method(_forgetting, "pruning", "scoring run", "30 epochs", "arXiv 1812.05159"),
    "aum": Method(_aum, "pruning", "scoring run", "30 epochs", "arXiv 2001.10528"),
    "ccs": Method(_ccs, "pruning", "scoring run", "30 epochs", "arXiv 2210.15809"),
    "sre2l": _row("sre2l", _NOISE, "teacher", "1000-4000 steps", "arXiv 2306.13092"),
    "cda": _row("cda", _NOISE, "teacher", "1000-4000 steps", "arXiv 2311.18838"),
    "lpld": _row("lpld", _NOISE, "teacher, pool", "1000-4000 steps", "arXiv 2410.15919"),
    "gvbsm": _row("gvbsm", _NOISE, "4 teachers, pool", "1000-4000 steps", "arXiv 2311.17950"),
    "dwa": _row("dwa", _REAL, "teacher", "1000-2000 steps", "arXiv 2409.17612"),
    "rded": Method(_rded, _REAL, "teacher", "5 views of 300/class", "arXiv 2312.03526"),
    "pca": Method(_pca, "pca", "scoring run", "10 epochs", "arXiv 2502.06434"),
}
