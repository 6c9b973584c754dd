"""Numbers beyond the accuracy: how far from full data and above random, entropy, likelihood.

Accuracies and their differences are in percent, as in the tables; DD-Ranking's score computes on
fractions and is between 0 and 1. Entropy and likelihood are in nats, and come from logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from ..grid.arms import Parts
from .stats import LEAST, check_once, differences, half_width, holm, with_lines

_LOW, _HIGH = math.exp(-1), math.e


def lrs(full: float, hard: float, own: float, random: float) -> float:
    """Label-robust score: gain over random with the method's labels, minus the hard-label gap.

    Both have the weight 1/2.

    Args:
        full, hard: accuracies of the pool and of the set with hard labels, percent.
        own, random: of the set and of a random one, both with the method's labels, percent.

    Returns:
        0..1; higher is better.

    Source: DD-Ranking, LRS. Differs: on fractions; the released code puts percent into the
        exponent, so its values are outside 0..1.
    """
    score = ((own - random) - (full - hard)) / 100 / 2  # -1..1
    return (math.exp(score) - _LOW) / (_HIGH - _LOW)  # 0 becomes 0.269


def ranking(table: pd.DataFrame, full: float) -> pd.DataFrame:
    """HLR, IOR and LRS of every method and ipc of a grid with hard and soft labels.

    HLR, the hard-label recovery gap: full data minus the set, both with hard labels; lower is
    better. IOR, the improvement over random: the set minus a random set, trained alike.

    Args:
        table: tidy table of one network with columns method, arm, family, ipc, labels, seed, top1.
        full: accuracy of the same network trained on the whole pool with hard labels, percent.

    Returns:
        A row per method (per arm, by its key, of a method with several) and ipc: method, family,
        ipc, hard, soft, gap (soft - hard), hlr, ior_hard, ior_soft, lrs; means over seeds, all in
        points except lrs.

    Raises:
        ValueError: hard or soft labels, or the random baseline, are missing; or several rows are of
            one method, ipc, labels and seed.

    Source: DD-Ranking (NUS-HPC-AI-Lab).
    Differs: LRS takes the soft labels as the own ones of every method, of pruned sets and PCA too.
    """
    table = with_lines(table)
    check_once(table, ["method", "ipc", "labels"])
    means = table.pivot_table("top1", ["method", "family", "ipc"], "labels", sort=False)
    for labels in ("hard", "soft"):
        if labels not in means:
            raise ValueError(f"the table has no runs with {labels} labels")
    rows = means.reset_index()
    if "random" not in set(rows["method"]):
        raise ValueError("the table has no random baseline")
    base = rows[rows["method"] == "random"].set_index("ipc")
    random_hard, random_soft = (rows["ipc"].map(base[k]) for k in ("hard", "soft"))
    rows["gap"] = rows["soft"] - rows["hard"]
    rows["hlr"] = full - rows["hard"]
    rows["ior_hard"] = rows["hard"] - random_hard
    rows["ior_soft"] = rows["soft"] - random_soft
    rows["lrs"] = [
        lrs(full, hard, soft, random)
        for hard, soft, random in zip(rows["hard"], rows["soft"], random_soft, strict=True)
    ]
    columns = ["method", "family", "ipc", "hard", "soft", "gap", "hlr"]
    return rows[[*columns, "ior_hard", "ior_soft", "lrs"]].rename_axis(columns=None)


def differences_to_random(table: pd.DataFrame) -> pd.DataFrame:
    """Every method's paired difference to Random, for each ipc, protocol and network.

    Of a method with several arms each arm's, by its key; Random is then its plain arm. What stores
    as many images as no Random has no difference: an arm of fewer originals stores fewer.

    Args:
        table: tidy table with columns method, arm, ipc, protocol, student, seed, top1.

    Returns:
        The rows of `stats.differences` with the columns ipc, protocol and student first.

    Raises:
        ValueError: the table has no Random at all.
    """
    tables = {}
    table = with_lines(table)
    keys = ["ipc", "protocol", "student"]
    for key, part in table.groupby(keys, sort=False):
        if "random" not in set(part["method"]):
            continue
        pairs = [(name, "random") for name in part["method"].unique() if name != "random"]
        tables[key] = differences(part, pairs, by="method")
    if not tables:
        raise ValueError("the table has no random baseline")
    return _joined(tables, keys)


def _joined(tables: Mapping[Any, pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    """Tables below each other; the key of each stands in the first columns, which `keys` names."""
    return pd.concat(tables, names=keys).reset_index(keys).reset_index(drop=True)


def corrected(rows: pd.DataFrame) -> pd.DataFrame:
    """Differences whose readings are corrected for their number, by Holm's method.

    Corrected together are those of one ipc, protocol and network: of a dozen methods that are all
    the same, one would else be called higher or lower in every third table.

    Args:
        rows: from `differences_to_random`.

    Returns:
        The rows with a column p (two-sided paired t-test, corrected; empty below three seeds)
        before the reading, which is "undecided" where p is above 0.05. low and high stay 95 %
        intervals of each difference alone.
    """
    from scipy import stats  # imported late: it is slow

    mean, low, high, n = rows[["difference", "low", "high", "n"]].to_numpy(float).T
    enough = rows["n"] >= LEAST
    with np.errstate(divide="ignore", invalid="ignore"):  # back from the interval
        ratio = stats.t.ppf(0.975, n - 1) * np.abs(mean) / ((high - low) / 2)
    raw = 2 * stats.t.sf(ratio, n - 1)
    # Without a spread 0 / 0 says nothing; what has no p counts as 1.
    p = pd.Series(raw, rows.index).where(enough).fillna(1.0)
    p = p.groupby([rows[c] for c in ("ipc", "protocol", "student")]).transform(
        lambda part: holm(part.to_numpy())
    )
    reading = rows["reading"].mask(enough & (p > 0.05), "undecided")
    found = rows.assign(p=p.where(enough).round(4), reading=reading)
    return found[[*(c for c in found if c not in ("p", "reading")), "p", "reading"]]


def shannon(logits: Tensor) -> Tensor:
    """Shannon entropy of softmax(logits), nats, float32 [B], between 0 and log C.

    Args:
        logits: float [B, C].

    Source: arXiv 2502.06434, definition 1.3.
    """
    log_p = F.log_softmax(logits.float(), dim=1)
    return -(log_p.exp() * log_p).sum(1)


def nll(logits: Tensor, labels: Tensor) -> Tensor:
    """Negative log-likelihood of the labels, nats, float32 [B].

    Source: arXiv 2502.06434, definition 1.1 (the name; the formula is the usual one).
    """
    return F.cross_entropy(logits.float(), labels, reduction="none")


def counter_example() -> pd.DataFrame:
    """Two answers to an image of class 0: the second has lower NLL, but higher entropy."""
    answers = {"before": (0.3, 0.7, 0.0), "after": (0.4, 0.3, 0.3)}
    logits = torch.tensor(list(answers.values())).clamp_min(1e-30).log()
    measures = {"NLL": nll(logits, torch.zeros(2, dtype=torch.long)), "entropy": shannon(logits)}
    table = pd.DataFrame(answers.values(), index=list(answers), columns=["p0", "p1", "p2"])
    return table.assign(**{name: values.numpy() for name, values in measures.items()})


def contrasts(table: pd.DataFrame, parts: Parts, full: str = "pca") -> pd.DataFrame:
    """Each part's arms minus the full PCA, paired by seed; see `stats.differences`.

    Returns:
        Columns part, a (key of the arm), b (of the full PCA), difference, low, high, n, reading.
    """
    tables = {
        part: differences(table, [(arm.key, full) for arm in arms if arm.key != full])
        for part, arms in parts.items()
    }
    return _joined(tables, ["part"])


def differences_by_student(table: pd.DataFrame, method: str = "pca") -> pd.DataFrame:
    """A method's paired difference to each rival, for each network.

    Of a method with several arms each is a line of its own, by its key.

    Returns:
        Columns student, a, b, difference, low, high, n, reading; see `stats.differences`.
    """
    table = with_lines(table)
    rivals = [name for name in table["method"].unique() if name != method]
    tables = {
        name: differences(rows, [(method, rival) for rival in rivals], by="method")
        for name, rows in table.groupby("student", sort=False)
    }
    return _joined(tables, ["student"])


def soft_hard_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Soft minus hard, seed by seed, with the 95 % t-interval of its mean.

    Args:
        table: tidy table of a grid with the protocols "hard" and "soft", of one network.

    Returns:
        Columns method (the arm's key where it has several), family, ipc, gap (points), ci95
        (half-width), n.

    Raises:
        ValueError: there are no rows of one of them, or several of one method, ipc and seed.
    """
    usual = with_lines(table[table["protocol"].isin(["hard", "soft"])])
    for protocol in ("hard", "soft"):
        if protocol not in set(usual["protocol"]):
            raise ValueError(f"the table has no runs with the protocol {protocol!r}")
    check_once(usual, ["method", "ipc", "protocol"])
    keys = ["method", "family", "ipc", "seed"]
    wide = usual.pivot_table("top1", keys, "protocol", sort=False)
    gaps = (wide["soft"] - wide["hard"]).groupby(level=keys[:3], sort=False)
    found = gaps.agg(  # arrays: pandas would leave out a seed that lacks one of the two
        gap=lambda v: v.to_numpy().mean(), ci95=lambda v: half_width(v.to_numpy()), n="size"
    )
    return found.reset_index()
