"""Effects: the value of an expression of arms (see grid.terms) in rows of one setting, by seed."""

from __future__ import annotations

import operator

import numpy as np
import pandas as pd

from ...train.accuracy import unpack
from ..grid.rows import ARM_COLUMNS
from ..grid.terms import CHANCE, Term, terms_of
from .stats import chance

_DRAWS = 2000
_COMBINED = {"+": operator.add, "-": operator.sub, "/": operator.truediv}


class Absent(LookupError):
    """The rows do not have what an effect is about."""


def effect_by_seed(rows: pd.DataFrame, effect: str, value: str = "top1") -> pd.Series:
    """An effect in every replicate that has all of its terms.

    Args:
        rows: tidy table with columns arm and seed.
        effect: see `grid.terms`.
        value: the column that is compared.

    Raises:
        Absent: a term has no rows. ValueError: a wrong effect.
    """
    first, *others = terms_of(effect)
    total = _of_term(rows, first, value)
    for term in others:
        total = _COMBINED[term.operator](total, _of_term(rows, term, value))
    return total.dropna()


def _of_term(rows: pd.DataFrame, term: Term, value: str) -> pd.Series:
    """A term's value by seed."""
    if term.arm == CHANCE:
        if rows.empty or "per_class" not in rows:
            raise Absent(CHANCE)
        return pd.Series(chance(rows), index=rows["seed"].unique(), dtype=float)
    chosen = rows_of_term(rows, term)
    if value not in chosen:
        raise Absent(value)
    if term.best:
        return best_value(chosen, term.best, value)
    return chosen.groupby("seed")[value].mean()


def rows_of_term(rows: pd.DataFrame, term: Term) -> pd.DataFrame:
    """The rows that a term speaks of.

    Raises:
        Absent: there are none, none has the option whose best value is meant, or the term does not
            say of which protocol or ipc.
    """
    for column in ["arm", "seed", *([term.best] if term.best else [])]:
        if column not in rows:
            raise Absent(column)
    meant = pd.Series(True, rows.index) if term.best else rows["arm"] == term.arm
    if term.protocol and "protocol" in rows:
        meant &= rows["protocol"] == term.protocol
    if term.ipc:
        meant &= rows["budget"] == term.ipc
    chosen = rows[meant]
    # Only now: what arms have in common is read from a row, and protocols differ in some of it.
    chosen = like(chosen, term.arm, term.best) if term.best else chosen
    several = [c for c in ("protocol", "budget") if c in chosen and chosen[c].nunique() > 1]
    if chosen.empty or several:
        raise Absent(f"{term.arm} {' '.join(several)}")
    return chosen


def like(rows: pd.DataFrame, key: str, but: str) -> pd.DataFrame:
    """Rows of an arm, and of all arms that differ from it in one column only.

    Args:
        rows: tidy table.
        key: of the arm.
        but: the column that may differ.

    Raises:
        Absent: the rows do not have the arm.
    """
    if "arm" not in rows or key not in set(rows["arm"]):
        raise Absent(key)
    # How much is stored is the trial's, not the arm's, and so is a crop that was chosen for it.
    free = {"arm", "budget", "ipc", "originals_per_class", but}
    if "crops" in rows and (rows["crops"].fillna("") != "").any():
        free |= {"crop_low", "crop_high"}
    same = [c for c in ARM_COLUMNS if c in rows and c not in free]
    pattern = rows.loc[rows["arm"] == key, same].iloc[0]
    equal = (rows[same] == pattern) | (rows[same].isna() & pattern.isna())
    return rows[equal.all(axis=1)]


def best_value(rows: pd.DataFrame, option: str, value: str = "top1") -> pd.Series:
    """The value of an option at which a replicate's mean over three neighbours is highest.

    Neighbours are averaged because the highest of many noisy values is mostly the luckiest. The
    first and the last value have one neighbour, so a peak at the second one is mostly missed. A
    best value at an end can only err inwards: where values differ by little beside their noise, it
    seems to lie further inside than where they differ by much, though neither has moved. So beside
    a move of the best value stands the difference of the values themselves.

    Args:
        rows: a row per seed and value of the option.

    Raises:
        Absent: fewer than three values.
    """
    table = rows.pivot_table(value, "seed", option).sort_index(axis=1).dropna()
    if len(table.columns) < 3:
        raise Absent(f"three values of {option}")
    smooth = table.T.rolling(3, center=True, min_periods=2).mean().T
    return smooth.idxmax(axis=1).astype(float)


def over_images(rows: pd.DataFrame, effect: str) -> tuple[float, float]:
    """95 % interval of a mean difference when test images are drawn anew, with replacement.

    Args:
        rows: with hits and tests, the same test images in all.

    Returns:
        NaN for ratios and for the best value of an option, which are no means over images.
    """
    terms = terms_of(effect)
    if any(t.operator == "/" or t.best or t.arm == CHANCE for t in terms):
        return float("nan"), float("nan")
    per_image: np.ndarray | float = 0.0
    for term in terms:
        mine = rows_of_term(rows, term)[["hits", "tests"]].to_numpy()
        hits = np.mean([unpack(text, int(count)) for text, count in mine], axis=0)
        per_image = per_image + hits if term.operator == "+" else per_image - hits
    # Images of one value are alike: how often each value is drawn is multinomial, and that is fast.
    values, counts = np.unique(per_image, return_counts=True)
    drawn = np.random.default_rng(0).multinomial(counts.sum(), counts / counts.sum(), size=_DRAWS)
    low, high = np.quantile(100 * (drawn @ values) / counts.sum(), [0.025, 0.975])
    return float(low), float(high)
