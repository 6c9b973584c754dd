"""The figures of `analyses.crossings`: every metric with every rule, and PCA on distilled sets."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ..analyses.crossings import crossed
from ..verdicts import stats
from .arms import plot_arms
from .base import caption, seeds_note
from .names import GROUPING_TITLES, metric_title


def crossing_figure(table: pd.DataFrame) -> Figure:
    """Mean accuracy and sd of each pair, as a shaded table; from trials of `arms.crossing_arms`."""
    ranked = crossed(table).assign(rule=lambda t: list(zip(t["grid"], t["grouping"], strict=True)))
    firsts = table.drop_duplicates(["grid", "grouping"])
    rules = list(zip(firsts["grid"], firsts["grouping"], strict=True))
    chosen = ["el2n", "aum", "forgetting", "random"]
    means, spreads = (
        ranked.pivot(index="chosen", columns="rule", values=v).loc[chosen, rules]
        for v in ("mean", "sd")
    )
    figure, ax = plt.subplots(figsize=(7.4, 2.9))
    titles = [
        f"{grid.replace('x', ' x ')}\n{textwrap.fill(GROUPING_TITLES[how], 12)}"
        for grid, how in rules
    ]
    text = means.map("{:.1f}".format) + spreads.map("\n± {:.1f}".format).where(spreads.notna(), "")
    sns.heatmap(means, annot=text, fmt="", cmap="cividis", cbar=False, ax=ax, annot_kws={"size": 8})
    ax.set_xticklabels(titles, rotation=0)
    ax.set_yticklabels([metric_title(name) for name in chosen], rotation=0)
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0)
    ax.set_title(f"{caption(table, labels=True)}\ntop-1, %; {seeds_note(table, 'mean ± sd')}")
    return figure


def on_top_figure(table: pd.DataFrame) -> Figure:
    """Each distilled set beside PCA's of its images: seeds as points, the mean as a line.

    Args:
        table: from `analyses.crossings.on_top`.
    """
    figure, ax = plt.subplots(figsize=(6.4, 0.24 * table["arm"].nunique() + 1.3))
    plot_arms(ax, table, stats.chance(table))
    facts = [caption(table, labels=True), seeds_note(table)]
    ax.set_title("\n".join(["PCA on distilled sets, at equal storage", *facts]))
    return figure
