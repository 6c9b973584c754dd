"""Effects: what a claim of the ledger measures in the rows of one setting, seed by seed.

Each takes a tidy table and returns a Series over seeds; a positive value supports the claim. Where
the best of several values is needed (a crop, a ratio), the other seeds choose it.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from ..grid.rows import ARM_COLUMNS
from .stats import chance

Effect = Callable[[pd.DataFrame], pd.Series]
PRUNED = ("el2n", "aum", "forgetting")


class Absent(LookupError):
    """The rows do not have what a claim is about."""


def by_seed(rows: pd.DataFrame, value: str = "top1", **where: object) -> pd.Series:
    """Mean of a column for each seed, over the rows that match.

    Args:
        rows: tidy table with a column seed.
        value: column to average.
        where: column = its value, or a tuple of allowed values.

    Raises:
        Absent: a column or a match is missing.
    """
    for column, choice in where.items():
        allowed = choice if isinstance(choice, tuple) else (choice,)
        if column not in rows:
            raise Absent(column)
        rows = rows[rows[column].isin(allowed)]
    if rows.empty or value not in rows:
        raise Absent(str(where))
    return rows.groupby("seed")[value].mean()


def minus(first: dict[str, object], second: dict[str, object], value: str = "top1") -> Effect:
    """The difference of two selections; see `by_seed`."""
    return lambda rows: by_seed(rows, value, **first) - by_seed(rows, value, **second)


def arm(first: str, second: str, value: str = "top1") -> Effect:
    """The difference of two arms, by their keys (see grid.arms)."""
    return minus({"arm": first}, {"arm": second}, value)


def _each(rows: pd.DataFrame, key: str, value: str = "top1") -> pd.DataFrame:
    """Means: a row per seed, a column per value of `key`.

    Raises:
        Absent: no rows, or no such column.
    """
    if key not in rows or rows.empty:
        raise Absent(key)
    return rows.pivot_table(value, "seed", key)


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
    same = [c for c in ARM_COLUMNS if c in rows and c not in ("arm", but)]
    pattern = rows.loc[rows["arm"] == key, same].iloc[0]
    equal = (rows[same] == pattern) | (rows[same].isna() & pattern.isna())
    return rows[equal.all(axis=1)]


def _distilled(rows: pd.DataFrame, labels: str, family: str) -> pd.DataFrame:
    subset = rows[rows["family"].str.startswith(family) & (rows["protocol"] == labels)]
    return _each(subset, "method")


def random_matches(rows: pd.DataFrame) -> pd.Series:
    """Random minus the mean of the distilled sets, soft labels."""
    mean = _distilled(rows, "soft", "distillation").mean(axis=1)
    return by_seed(rows, method="random", protocol="soft") - mean


def random_beats_all(rows: pd.DataFrame) -> pd.Series:
    """Random minus the best distilled set, soft labels, at 50 per class and more."""
    if rows["ipc"].min() < 50:
        raise Absent("ipc of 50 and more")
    best = _distilled(rows, "soft", "distillation").max(axis=1)
    return by_seed(rows, method="random", protocol="soft") - best


def below_random(rows: pd.DataFrame) -> pd.Series:
    """Random minus the best set made from noise, hard labels."""
    best = _distilled(rows, "hard", "distillation-noise").max(axis=1)
    return by_seed(rows, method="random", protocol="hard") - best


def _gap(rows: pd.DataFrame, family: str) -> pd.Series:
    soft, hard = (by_seed(rows, family=family, protocol=kind) for kind in ("soft", "hard"))
    return soft - hard


def gap_of_noise(rows: pd.DataFrame) -> pd.Series:
    """Soft minus hard, of sets made from noise, minus the same of pruned sets."""
    return _gap(rows, "distillation-noise") - _gap(rows, "pruning")


def noise_above_chance(labels: str) -> Effect:
    """Accuracy after training on pure noise, minus chance."""

    def effect(rows: pd.DataFrame) -> pd.Series:
        return by_seed(rows, method="noise", protocol=labels) - chance(rows)

    return effect


def noise_below_chance(labels: str) -> Effect:
    """Chance minus the accuracy after training on pure noise."""
    above = noise_above_chance(labels)
    return lambda rows: -above(rows)


def steady_metrics(rows: pd.DataFrame) -> pd.Series:
    """The mean of EL2N and AUM minus Forgetting; the easiest images of each."""
    return by_seed(rows, arm=("el2n", "aum")) - by_seed(rows, arm="forgetting")


def shift(rows: pd.DataFrame) -> pd.Series:
    """How much of its lead the easiest loses from the smallest to the largest ipc."""
    few, many = rows["ipc"].min(), rows["ipc"].max()
    if few == many:
        raise Absent("two numbers per class")
    lead = [arm("el2n", "random")(rows[rows["ipc"] == ipc]) for ipc in (few, many)]
    return lead[0] - lead[1]


def interior(rows: pd.DataFrame) -> pd.Series:
    """The best crop between the two ends, chosen on the other seeds, minus the better end."""
    table = _each(like(rows, "pca", "crop_low"), "crop_low")
    if len(table.columns) < 3:
        raise Absent("three crops")
    inside, ends = table.iloc[:, 1:-1], table.iloc[:, [0, -1]]
    chosen = _left_out(inside)
    return chosen - ends.max(axis=1)


def _left_out(table: pd.DataFrame) -> pd.Series:
    """For each seed, its value in the column where the mean of the other seeds is highest."""
    if len(table) < 2:
        raise Absent("two seeds")
    best = [(table.drop(index=seed).mean()).idxmax() for seed in table.index]
    values = [table.loc[s, c] for s, c in zip(table.index, best, strict=True)]
    return pd.Series(values, index=table.index, dtype=float)


def lead_over_rivals(rows: pd.DataFrame) -> pd.Series:
    """PCA minus the best rival, for each network; mean over networks."""
    parts = []
    for _, subset in rows.groupby("student"):
        table = _each(subset, "method")
        if "pca" not in table or len(table.columns) < 2:
            raise Absent("PCA and a rival")
        parts.append(table["pca"] - table.drop(columns="pca").max(axis=1))
    return pd.concat(parts, axis=1).mean(axis=1)


def lowest_entropy(rows: pd.DataFrame) -> pd.Series:
    """Lowest entropy of the other sets minus the mean of the pruned sets; without noise and CCS."""
    table = _each(rows, "method", "stored")
    pruned = [name for name in PRUNED if name in table]
    others = table.drop(columns=[*pruned, "noise", "ccs"], errors="ignore")
    if not pruned or others.empty:
        raise Absent("pruned sets and others")
    return others.min(axis=1) - table[pruned].mean(axis=1)


def catches_up(rows: pd.DataFrame) -> pd.Series:
    """H(D') - H(D) at the crop where it is highest on the other seeds."""
    tables = [_each(rows[rows["set"] == s], "r", "entropy") for s in ("el2n", "random")]
    return _left_out(tables[0] - tables[1])


def time_ratio(rows: pd.DataFrame) -> pd.Series:
    """Seconds of training with soft labels divided by those with hard labels."""
    soft, hard = (by_seed(rows, "seconds", protocol=kind) for kind in ("soft", "hard"))
    return soft / hard


def share_against(rows: pd.DataFrame) -> pd.Series:
    """Percent of images whose crop is likelier, but the observer is less sure of it."""
    return by_seed(rows, "share")
