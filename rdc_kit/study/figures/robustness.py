"""The figure of `analyses.robustness`: how arms stand corruptions and attacks."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .arms import plot_arms
from .base import caption, seeds_note


def stress_figure(table: pd.DataFrame) -> Figure:
    """A panel per measure: each arm's mean as a line, ± 1 sd as a band, every seed as a point.

    Args:
        table: of an experiment with `robustness.stress`, one dataset, size, ipc and student.
    """
    facts = table.iloc[0]
    panels = {
        "clean": "clean",
        "corrupted": f"corrupted, severity {facts['severity']}",
        "pgd": f"PGD, eps = {facts['eps'] * 255:.3g}/255",
        "worst_class": "worst class, clean",
    }
    arms = table["arm"].nunique()
    figure, axes = plt.subplots(
        1, len(panels), sharex=True, sharey=True, figsize=(9.6, 0.42 * arms + 1.6)
    )
    for ax, (measure, title) in zip(axes, panels.items(), strict=True):
        plot_arms(ax, table.assign(top1=table[measure]))
        ax.set_title(title)
        ax.set_xlabel("top-1 accuracy, %")
        ax.margins(x=0.08)
    for ax in axes[1:]:
        ax.tick_params(left=False)
    images = f"{facts['images']} test images"
    told = f"{caption(table, labels=True)}\n{images}; {seeds_note(table)}"
    figure.suptitle(told, x=0.01, ha="left", fontsize=9.5)
    return figure
