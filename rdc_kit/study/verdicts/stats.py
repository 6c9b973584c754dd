"""The spread over a few seeds: sd, t-intervals and paired differences, each with its n."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..grid.planfile import LEAST

# What may tell two rows of one arm and seed apart, in the order in which it is said.
_APART = (
    *("dataset", "size", "profile", "arm", "budget", "ipc", "protocol", "epochs", "student"),
    *("teacher", "iterations", "precision", "device", "run_hash"),
)


def half_width(values: np.ndarray) -> float:
    """Half-width of the 95 % t-interval of a mean; NaN for fewer than two values.

    Args:
        values: float [n].
    """
    n = len(values)
    if n < 2:
        return float("nan")
    from scipy import stats  # imported late: it is slow

    quantile = stats.t.ppf(0.975, n - 1)
    return float(quantile * np.std(values, ddof=1) / np.sqrt(n))


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, and the lower and upper end of its 95 % t-interval; ends are NaN below two values.

    Args:
        values: float [n].
    """
    mean, half = float(np.mean(values)), half_width(values)
    return mean, mean - half, mean + half


def chance(table: pd.DataFrame) -> float:
    """Accuracy of guessing, percent, from the number of classes in a tidy table's per_class."""
    return 100 / len(str(table["per_class"].iloc[0]).split())


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, sd, 95 % t-interval half-width and n of each arm's top-1, in the order of the table.

    Args:
        table: tidy table with a row per run.

    Returns:
        Columns: arm, mean, sd, ci95, n.

    Raises:
        ValueError: an arm has several rows of one seed.
    """
    check_once(table, ["arm"])
    rows = []
    for name, group in table.groupby("arm", sort=False):
        values = group["top1"].to_numpy(float)
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
        interval = half_width(values)
        rows.append((name, values.mean(), sd, interval, len(values)))
    return pd.DataFrame(rows, columns=["arm", "mean", "sd", "ci95", "n"])


def differences(
    table: pd.DataFrame, pairs: list[tuple[str, str]], by: str = "arm", value: str = "top1"
) -> pd.DataFrame:
    """Paired differences between groups, seed by seed, with 95 % t-intervals.

    Args:
        table: tidy table with columns `by`, seed and `value`.
        pairs: (a, b) for the difference a - b.

    Returns:
        Columns: a, b, difference, low, high, n, reading. With fewer than LEAST common seeds the
        reading is "not evidence"; else "a is higher", "b is higher", or "undecided" where the
        interval contains 0.

    Raises:
        ValueError: the table does not have a name of a pair, or several rows of one and one seed.
    """
    check_once(table, [by])
    wide = table.pivot(index="seed", columns=by, values=value)
    rows = []
    for a, b in pairs:
        for name in (a, b):
            if name not in wide:
                raise ValueError(f"no {by} {name!r} in the table: {', '.join(wide.columns)}")
        values = (wide[a] - wide[b]).dropna().to_numpy(float)
        mean, half = float(values.mean()), half_width(values)
        rows.append(
            (a, b, mean, mean - half, mean + half, len(values), _reading(mean, half, values))
        )
    columns = ["a", "b", "difference", "low", "high", "n", "reading"]
    return pd.DataFrame(rows, columns=columns).round(4)


def check_once(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse several rows of one seed: each would count as a replicate of its own.

    Args:
        table: tidy table with a column seed. columns: those that tell what is compared.

    Raises:
        ValueError: the message says which rows, and what tells them apart.
    """
    twice = table[table.duplicated([*columns, "seed"], keep=False)]
    if twice.empty:
        return
    keys = [*columns, "seed"]
    rows = twice[(twice[keys] == twice[keys].iloc[0]).all(axis=1)]
    told = ", ".join(f"{name} {rows[name].iloc[0]}" for name in columns)
    said = f"{told} has {len(rows)} rows of seed {rows['seed'].iloc[0]}"
    apart = next((n for n in _APART if n in rows and rows[n].nunique(dropna=False) > 1), "")
    if not apart:
        raise ValueError(f"{said}: give each run once")
    values = ", ".join(map(str, rows[apart].unique()))
    raise ValueError(f"{said}, of {apart} {values}: give the rows of one {apart} at a time")


def holm(values: np.ndarray) -> np.ndarray:
    """Holm's step-down correction: p-values such that the family's error stays at the level.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = np.argsort(values)
    raised = values[order] * (len(values) - np.arange(len(values)))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(1, np.maximum.accumulate(raised))
    return corrected


def _reading(mean: float, half: float, values: np.ndarray) -> str:
    if len(values) < LEAST:
        return "not evidence"
    if abs(mean) <= half:
        return "undecided"
    return "a is higher" if mean > 0 else "b is higher"


def with_lines(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the key of the arm as method, wherever a method has several arms.

    Args:
        table: tidy table with a column method; one without a column arm stays as it is.
    """
    if "arm" not in table:
        return table
    alone = table.groupby("method")["arm"].transform("nunique") == 1
    return table.assign(method=table["method"].where(alone, table["arm"]))


def accuracy_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and sd of top-1 as text, a column per ipc, protocol and network.

    A row per method; of a method with several arms a row per arm, by its key.

    Raises:
        ValueError: an arm has several rows of one seed, ipc, protocol and network.
    """
    columns = ["ipc", "protocol"] + (["student"] if table["student"].nunique() > 1 else [])
    table = with_lines(table)
    check_once(table, ["method", *columns])
    groups = table.groupby(["method", *columns], sort=False)["top1"]
    text = groups.agg(lambda v: f"{v.mean():.1f}" + (f" ± {v.std():.1f}" if len(v) > 1 else ""))
    return text.unstack(columns, sort=False)
