"""The figure of `analyses.crossings`: every pruning metric with every combining rule."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ..analyses.crossings import crossed
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
    text = means.map("{:.1f}".format) + "\n± " + spreads.map("{:.1f}".format)
    sns.heatmap(means, annot=text, fmt="", cmap="cividis", cbar=False, ax=ax, annot_kws={"size": 8})
    ax.set_xticklabels(titles, rotation=0)
    ax.set_yticklabels([metric_title(name) for name in chosen], rotation=0)
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0)
    spread = seeds_note(table, "mean ± sd")
    ax.set_title(f"{caption(table, student=False)}; top-1 %; {spread}")
    return figure
