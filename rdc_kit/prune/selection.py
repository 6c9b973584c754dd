"""Choosing rows: random, easy, hard or stratified; balanced by class; ties broken by a seed."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.checks import check_count, check_enough
from ..data.imagesets import ImageSet, derived
from ..data.origins import origins_of
from ..ground.kinds import check_object
from ..ground.names import check_known
from ..ground.seeds import as_seed, generator
from .recorders import Scores

ORDERS = ("random", "easy", "hard", "ccs")


def select(
    pool: ImageSet,
    scores: Scores | None = None,
    per_class: int = 10,
    order: str = "easy",
    seed: int = 0,
    beta: float = 0.3,
    strata: int = 50,
    skip: float = 0.0,
) -> ImageSet:
    """Keep the same number of images of every class.

    Args:
        pool: the set to choose from.
        scores: difficulty of its rows; not needed for "random".
        per_class: images to keep of each class.
        order: "easy" (lowest difficulty first), "hard", "random", or "ccs" (see `ccs_rows`).
        seed: breaks ties, and draws for "random" and "ccs".
        beta, strata: for "ccs".
        skip: share of each class that "easy" and "hard" pass over first: a sliding window. Less
            where too few would remain: provenance["passed_over"] is then the mean share that was.

    Returns:
        The images class by class, each class in rank order. provenance["tie_mass"] is the mean
        share of a class's images with the score at the cut; the seed chooses among them. origins
        holds file names, contents and scores of the chosen images.

    Raises:
        DataError: a class is too small, per_class is no whole number of at least 1, or the scores
            belong to another set.
        ValueError: see `check_order` and `check_strata`; scores are needed and not given, or the
            seed is no whole number.
    """
    check_order(order, skip)
    seed = as_seed(seed)
    _check_given(pool, scores, order)
    per_class = check_count("per_class", per_class)
    check_enough(pool, per_class)
    values = None if scores is None else scores.aligned_to(pool).values
    parts, ties = [], []
    for label in range(pool.num_classes):
        rows = pool.rows_of(label)
        draw = generator(seed, "select", label)
        if order == "random" or values is None:
            parts.append(rows[torch.randperm(len(rows), generator=draw)[:per_class]])
        elif order == "ccs":
            parts.append(rows[ccs_rows(values[rows], per_class, beta, strata, draw)])
        else:
            start = _start(len(rows), per_class, skip)
            ranking = rank(values[rows], draw, order == "hard")[start : start + per_class]
            parts.append(rows[ranking])
            ties.append(tie_mass(values[rows], values[rows[ranking[-1]]]))
    facts: dict[str, Any] = {"order": order, "per_class": per_class, "select_seed": seed}
    facts |= _window(pool.counts().tolist(), per_class, skip)
    if order == "ccs":
        facts |= {"beta": beta, "strata": strata}
    if ties:
        facts["tie_mass"] = round(float(np.mean(ties)), 4)
    return _kept(pool, torch.cat(parts), scores, facts)


def _check_given(pool: ImageSet, scores: Scores | None, order: str) -> None:
    """Refuse things of another kind, and an order without the scores that it needs."""
    check_object("pool", pool, ImageSet)
    if scores is not None:
        check_object("scores", scores, Scores)
    elif order != "random":
        raise ValueError(f"order={order!r} needs scores: rdc.el2n(pool) makes them")


def _start(count: int, per_class: int, skip: float) -> int:
    """Rank of the first of `count` images that is kept."""
    return min(round(skip * count), count - per_class)


def _window(counts: list[int], per_class: int, skip: float) -> dict[str, float]:
    """What there is to say of a window, of classes of so many images."""
    if not skip:
        return {}
    starts = [_start(count, per_class, skip) for count in counts]
    if starts == [round(skip * count) for count in counts]:
        return {"skip": skip}
    shares = [start / count for start, count in zip(starts, counts, strict=True)]
    return {"skip": skip, "passed_over": round(float(np.mean(shares)), 4)}


def check_order(order: str, skip: float = 0.0) -> None:
    """Check how images are to be chosen; call this before anything is scored.

    Raises:
        ValueError: an unknown order, a share outside 0..1, or one that the order does not take.
    """
    check_known("order", order, ORDERS)
    if not isinstance(skip, Real) or not 0 <= skip <= 1:
        raise ValueError(f"skip must be a share from 0 to 1, got {skip}")
    if skip and order not in ("easy", "hard"):
        raise ValueError(f"skip passes over the first of 'easy' or 'hard', not of {order!r}")


def _kept(pool: ImageSet, rows: Tensor, scores: Scores | None, facts: dict[str, Any]) -> ImageSet:
    """The chosen images, and what there is to say of them."""
    told = {"score": scores.name, "scores": scores.source} if scores else {}
    facts |= {key: text for key, text in told.items() if text}
    origins = origins_of(pool, rows, {scores.name: scores.values} if scores else {})
    return replace(pool[rows], provenance=derived(pool, **facts), origins=origins)


def rank(values: Tensor, draw: torch.Generator, hardest_first: bool = False) -> Tensor:
    """Order of difficulty, int64 [n]; equal values are in random order.

    Args:
        values: float [n], higher = harder.
        draw: decides the order of equal values.
        hardest_first: hardest first instead of easiest first.
    """
    keys = torch.rand(len(values), generator=draw).numpy()
    signed = -values.numpy() if hardest_first else values.numpy()
    return torch.from_numpy(np.lexsort((keys, signed)))


def tie_mass(values: Tensor, cut: Tensor) -> float:
    """Share of the images that tie with the last one kept; 0 if no other image ties with it.

    Args:
        values: float [n], difficulty.
        cut: that of the last one kept, a scalar.
    """
    count = int((values == cut).sum())
    return count / len(values) if count > 1 else 0.0


def ccs_rows(values: Tensor, keep: int, beta: float, strata: int, draw: torch.Generator) -> Tensor:
    """Coverage-centric selection: cut off the hardest, then fill equal-width strata evenly.

    Args:
        values: float [n], difficulty.
        keep: how many to take.
        beta: share of the n images that is cut off at the hard end (less if too few would remain).
        strata: number of equal-width bins between the least and the greatest remaining value.
        draw: picks inside a bin.

    Returns:
        int64 [keep], positions.

    Raises:
        ValueError: see `check_strata`.

    Source: Zheng et al., arXiv 2210.15809, algorithm 1 and released code.
    Differs: applied in each class, so the set is balanced; the greatest value is in the last bin.
        With so few images the same rule does less: of fewer images than strata, the fullest strata
        get one each, so a single image is of the commonest difficulty.
    """
    check_strata(beta, strata)
    cut = min(int(beta * len(values)), len(values) - keep)
    remaining = rank(values, draw)[: len(values) - cut]
    low, high = float(values[remaining].min()), float(values[remaining].max())
    width = (high - low) / strata or 1.0
    bins = ((values[remaining] - low) / width).long().clamp(max=strata - 1)
    budgets = water_fill(torch.bincount(bins, minlength=strata), keep)
    parts = []
    for k in range(strata):
        members = remaining[bins == k]
        parts.append(members[torch.randperm(len(members), generator=draw)[: int(budgets[k])]])
    return torch.cat(parts)


def check_strata(beta: float, strata: int) -> None:
    """Check what CCS cuts off and into how many bins; call this before anything is scored.

    Raises:
        ValueError: beta outside 0..1, or strata that are no whole number of at least 1.
    """
    if not isinstance(beta, Real) or not 0 <= beta < 1:
        raise ValueError(f"ccs needs 0 <= beta < 1, got {beta}")
    check_count("strata", strata)


def water_fill(sizes: Tensor, budget: int) -> Tensor:
    """Share a budget evenly over bins, smallest first; larger bins take what a small bin cannot.

    Args:
        sizes: int64 [K], images in each bin.
        budget: images to take, at most sizes.sum().

    Returns:
        int64 [K], at most `sizes`, summing to `budget`.
    """
    shares = torch.zeros_like(sizes)
    for done, k in enumerate(sizes.argsort(stable=True).tolist()):
        shares[k] = min(int(sizes[k]), budget // (len(sizes) - done))
        budget -= int(shares[k])
    return shares
