"""Which arm to choose: the one that paired differences favour, or the simplest where none leads."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ..verdicts.stats import LEAST, differences


@dataclass(frozen=True)
class Choice:
    """An arm, and why.

    Attributes:
        arm: its key.
        sentence: the reason, made from the table.
        differences: of the arm with the highest mean to every other one, see `stats.differences`.
    """

    arm: str
    sentence: str
    differences: pd.DataFrame


def choose(table: pd.DataFrame, names: dict[str, str]) -> Choice:
    """The arm to use, from a tidy table of one dataset, ipc and protocol.

    The arm with the highest mean is taken if it leads every simpler arm, those before it in the
    table, by more than the interval of the difference; else the simplest arm that it does not lead.
    The highest of several means is partly luck, so this is a choice, not a verdict.

    Args:
        table: the simplest arm first, Random as a rule.
        names: key of each arm -> its name, see `figures.names.arm_titles`.

    Raises:
        ValueError: fewer than two arms.
    """
    arms = list(table["arm"].unique())
    if len(arms) < 2:
        raise ValueError(f"a choice needs two arms, got {', '.join(arms) or 'none'}")
    means = table.groupby("arm")["top1"].mean()
    best = max(arms, key=lambda arm: means[arm])
    found = differences(table, [(best, arm) for arm in arms if arm != best])
    simpler = arms[: arms.index(best)]
    open_ = found[found["b"].isin(simpler) & (found["reading"] != "a is higher")]
    chosen = best if open_.empty else min(open_["b"], key=arms.index)
    seeds = int(found["n"].min())
    if seeds < LEAST:
        chosen = arms[0]
        reason = (
            f"{seeds} seeds are no evidence: use {names[chosen]}, the simplest, or ask for more"
        )
    elif chosen == best:
        lead = found.loc[found["difference"].idxmin()]
        reason = f"Use {names[best]}: {_ahead(lead, names)}"
        if lead["reading"] == "undecided":
            reason += f"; undecided between the two, and {names[best]} is the simpler one"
    else:
        against = found[found["b"] == chosen].iloc[0]
        reason = (
            f"Undecided: {names[best]} has the highest mean, but {_ahead(against, names)}. Use "
            f"{names[chosen]}, the simpler one, or ask for more seeds"
        )
    return Choice(chosen, f"{reason}.{_of_images(table)}", found)


def _of_images(table: pd.DataFrame) -> str:
    """How fine the accuracies are, where the table says one number of test images."""
    if "tests" not in table or table["tests"].nunique() != 1:
        return ""
    tests = int(table["tests"].iloc[0])
    return f" Tested on {tests:,} images: one is {100 / tests:.2g} points."


def _ahead(row: pd.Series, names: dict[str, str]) -> str:
    return (
        f"it is ahead of {names[row['b']]} by {row['difference']:.1f} points of top-1 "
        f"({row['low']:.1f} to {row['high']:.1f}, n = {row['n']})"
    )
