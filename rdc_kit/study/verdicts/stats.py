"""The spread over a few seeds: sd, t-intervals and paired differences, each with its n."""

from __future__ import annotations

import numpy as np
import pandas as pd


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
    """
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
        Columns: a, b, difference, low, high, n, reading. With fewer than three common seeds the
        reading is "not evidence"; else "a is higher", "b is higher", or "undecided" where the
        interval contains 0.

    Raises:
        ValueError: the table does not have a name of a pair.
    """
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


def _reading(mean: float, half: float, values: np.ndarray) -> str:
    if len(values) < 3:
        return "not evidence"
    if abs(mean) <= half:
        return "undecided"
    return "a is higher" if mean > 0 else "b is higher"


def accuracy_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and sd of top-1 as text, a row per method, a column per ipc, protocol and network."""
    columns = ["ipc", "protocol"] + (["student"] if table["student"].nunique() > 1 else [])
    groups = table.groupby(["method", *columns], sort=False)["top1"]
    text = groups.agg(lambda v: f"{v.mean():.1f}" + (f" ± {v.std():.1f}" if len(v) > 1 else ""))
    return text.unstack(columns, sort=False)
