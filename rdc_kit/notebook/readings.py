"""Exercises that ask to read results honestly: intervals, luck, and what a seed stands for.

Every check recomputes what is right from the reader's own tables or by drawing it, and returns what
the reader was asked to predict.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from ..ground.seeds import derive_seed
from ..methods import METHODS
from ..study.analyses.crossings import crossed
from ..study.figures.names import method_title
from ..study.verdicts import stats
from ..study.verdicts.metrics import soft_hard_gaps
from .answers import NotYet, as_number, as_values, expect

_DRAWS = 40_000  # simulated studies; a share of them is then right to half a percent
_ROUNDED = 0.06  # points: an interval read off a table with one decimal is right


def _drawn(name: str) -> np.random.Generator:
    return np.random.default_rng(derive_seed(0, "exercises", name))


def _interval(answer: Any, table: pd.DataFrame, a: str, b: str) -> bool:
    """00-3; predicted: does the interval of a - b hold zero?"""
    from scipy.stats import t

    found = as_values(answer, (2,))
    if found[0] > found[1]:
        raise NotYet("the lower end comes first: (low, high)")
    row = stats.differences(table, [(a, b)]).iloc[0]
    low, high = float(row["low"]), float(row["high"])
    middle, half, n = (low + high) / 2, (high - low) / 2, int(row["n"])
    if abs(float(found.mean()) + middle) < _ROUNDED < abs(middle):
        raise NotYet("turned round: the first minus the second")
    wide = table.pivot(index="seed", columns="arm", values="top1")
    error = float((wide[a] - wide[b]).std()) / n**0.5
    unpaired = float((wide[a].var() + wide[b].var()) / n) ** 0.5

    def around(width: float) -> torch.Tensor:
        return torch.tensor([middle - width, middle + width])

    slips = {
        "1.96 is for many seeds: for few, t is wider (n - 1 degrees of freedom)": (
            around(1.96 * error)
        ),
        "this is how far single seeds lie apart: a mean of n is surer, by the root of n": (
            around(half * n**0.5)
        ),
        "the sd divides by n here: a sample's divides by n - 1": around(
            half * ((n - 1) / n) ** 0.5
        ),
        "pair the seeds first: take the sd of their differences, not those of the two lines": (
            around(t.ppf(0.975, n - 1) * unpaired)
        ),
        "pair the seeds first: n differences are left, with n - 1 degrees of freedom": (
            around(t.ppf(0.975, 2 * n - 2) * unpaired)
        ),
    }
    off = abs(float(found.mean()) - middle) > _ROUNDED
    what = "its middle is not the mean difference" if off else "the middle is right, not the width"
    expect(found, torch.tensor([low, high]), slips, what, _ROUNDED)
    return low < 0 < high


def _largest(answer: Any, values: dict[str, float], what: str) -> str:
    """Check that the answer names the method with the largest value.

    Raises:
        NotYet: it does not, or names none.
    """
    titles = {METHODS[name].title: name for name in values if name in METHODS}
    titles |= {method_title(name): name for name in values}
    name = titles.get(answer, answer)
    if not isinstance(name, str) or name not in values:
        raise NotYet(f"expected a method of the table, got {answer!r}")
    if values[name] < max(values.values()):
        raise NotYet(f"{what} of {method_title(name)} is {values[name]:.1f}; another's is larger")
    return name


def _gains_most(answer: Any, table: pd.DataFrame) -> str:
    """01-1; predicted: the family of the method that soft labels help most."""
    gaps = soft_hard_gaps(table[table["ipc"] == table["ipc"].max()])
    gaps = gaps.set_index("method")
    return str(gaps.loc[_largest(answer, gaps["gap"].to_dict(), "the gap"), "family"])


def _lucky_lines(answer: Any, comparisons: int) -> float:
    """05-1; predicted: how many look decided on average."""
    right, found = 1 - 0.95**comparisons, as_number(answer)
    if found > 1 and abs(found / 100 - right) < 0.01:
        raise NotYet("give it as a share between 0 and 1")
    slips = {
        "this is how many on average: asked is the chance of one or more": 0.05 * comparisons,
        "this is the chance of none": 0.95**comparisons,
    }
    expect(
        found,
        right,
        slips,
        "begin with the chance that a single line does not look decided",
        0.005,
    )
    return round(0.05 * comparisons, 2)


def _best_of_six(answer: Any) -> float:
    """05-2; predicted: the lead of the best of six equals over the truth, points."""
    means = _drawn("six").normal(0, 3, (_DRAWS, 6, 3)).mean(2)
    right = float(means.max(1).mean())
    slips = {
        "this is the best single training: the number is a mean of three": right * 3**0.5,
        "this is what one crop gives, chosen before a look: zero": 0.0,
        "this is the accuracy: asked is how far it lies above 85": 85 + right,
    }
    expect(as_number(answer), right, slips, "drawing it 40,000 times gives something else", 0.12)
    return round(right, 1)


def _worst_network(answer: Any, table: pd.DataFrame) -> str:
    """06-1; predicted: the network on which that method is weakest."""
    means = table.groupby(["method", "student"], sort=False)["top1"].mean().unstack()
    best = _largest(answer, means.min(axis=1).to_dict(), "the lowest accuracy")
    return str(means.loc[best].idxmin())


def _one_teacher(answer: Any) -> float:
    """07-3; predicted: intervals that hold the truth, percent."""
    from scipy.stats import t

    n, quantile = 3, 4.303
    # The mean varies by the teacher too, its standard error by the trainings only: mean / error is
    # a t of n - 1 degrees of freedom, stretched by the root of (2² + 2²/n) / (2²/n).
    stretch = (n + 1) ** 0.5
    right = 100 * float(1 - 2 * t.sf(quantile / stretch, n - 1))
    slips = {
        "that is what the interval promises where every replicate has its own teacher": 95.0,
        "give it in percent": right / 100,
    }
    expect(as_number(answer), right, slips, "drawing it often gives something else", 1.5)
    return round(right, 0)


def _ranges(answer: Any, table: pd.DataFrame) -> float:
    """08-1; predicted: the seeds in which the line that is best on average is the best."""
    ranked = crossed(table)

    def spread(keys: list[str]) -> float:
        means = ranked.groupby(keys)["mean"].mean()
        return float(means.max() - means.min())

    metric, rule = spread(["chosen"]), spread(["grid", "grouping"])
    slips = {"the two have changed places": torch.tensor([rule, metric])}
    found = as_values(answer, (2,))
    what = "take the mean over the other choice first, then the largest minus the smallest"
    expect(found, torch.tensor([metric, rule]), slips, what, 0.1)
    by_seed = table.pivot(index="seed", columns="arm", values="top1")
    best = by_seed.mean().idxmax()
    return float((by_seed[best] == by_seed.max(axis=1)).sum())


def _enough(answer: Any) -> float:
    """91-2; predicted: replicates that find 3 points of sd 4 four times out of five."""
    from scipy.stats import nct, t

    def power(n: int) -> float:
        shift, quantile = 3 * n**0.5 / 4, t.ppf(0.975, n - 1)
        return float(nct.sf(quantile, n - 1, shift))

    right = next(n for n in range(2, 100) if power(n) >= 0.8)
    found = as_number(answer)
    if found != round(found) or found < 2:
        raise NotYet("a number of replicates is whole, and at least 2")
    if found < right:
        raise NotYet(
            f"with {found:.0f} it is found in {100 * power(round(found)):.0f} % of studies"
        )
    if found > right:
        raise NotYet("fewer are enough")
    return float(right)


def _peeking(answer: Any) -> float:
    """91-3; predicted: studies of nothing that end with "decided", percent."""
    from scipy.stats import t

    values = _drawn("peeking").normal(0, 1, (_DRAWS, 10))
    decided = np.zeros(_DRAWS, bool)
    for n in range(3, 11):
        part = values[:, :n]
        half = t.ppf(0.975, n - 1) * part.std(1, ddof=1) / n**0.5
        decided |= np.abs(part.mean(1)) > half
    right = 100 * float(decided.mean())
    slips = {
        "that is one look at a planned n: here there are eight": 5.0,
        "eight looks at the same growing data are not eight independent ones": (
            100 * (1 - 0.95**8)
        ),
        "give it in percent": right / 100,
    }
    expect(as_number(answer), right, slips, "drawing it 40,000 times gives something else", 1.0)
    return round(right, 0)


CHECKS = {
    "00-3": _interval,
    "01-1": _gains_most,
    "05-1": _lucky_lines,
    "05-2": _best_of_six,
    "06-1": _worst_network,
    "07-3": _one_teacher,
    "08-1": _ranges,
    "91-2": _enough,
    "91-3": _peeking,
}
