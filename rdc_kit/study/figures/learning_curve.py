"""The figure of learning curves: runs, fitted curves with their bands, twice the images ahead."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..analyses.learning_curve import Curve
from .base import PALETTE, caption, legend_beside, log_axis, tests_note
from .names import arm_titles

_COLOURS = ("#777777", PALETTE[0], PALETTE[3], PALETTE[2])
_SHIFT = 0.01  # of a factor of ten, so that the runs of two arms do not hide each other


def learning_figure(table: pd.DataFrame, curves: dict[str, Curve]) -> Figure:
    """Every run as a point, each arm's curve and its 95 % band, dashed beyond the data.

    Args:
        table: tidy table of one dataset, size and protocol.
        curves: key of an arm -> its curve.
    """
    figure, ax = plt.subplots(figsize=(7.4, 3.6))
    titles = arm_titles(table)
    for k, (key, curve) in enumerate(curves.items()):
        rows, colour = table[table["arm"] == key], _COLOURS[k % len(_COLOURS)]
        beside = rows["ipc"] * 10 ** (_SHIFT * (k - (len(curves) - 1) / 2))
        ax.scatter(beside, rows["top1"], s=11, color=colour, zorder=3)
        most = curve.ipcs[-1]
        for ends, style in (((curve.ipcs[0], most), "-"), ((most, 2 * most), "--")):
            ipcs = np.geomspace(*ends, 60)
            low, high = curve.band(ipcs)
            ax.plot(ipcs, curve.at(ipcs), style, color=colour, label=titles[key] * (style == "-"))
            ax.fill_between(ipcs, low, high, color=colour, alpha=0.15, lw=0)
    log_axis(ax, [*curve.ipcs, 2 * most])
    ax.set_ylim(max(0, table["top1"].min() - 8), 101)
    ax.set_xlabel("images per class (dashed: beyond what was measured)")
    ax.set_ylabel("top-1 accuracy, %")
    legend_beside(ax)
    n = min(curve.seeds for curve in curves.values())
    told = [f"n = {n} seeds at each", *filter(None, [tests_note(table)])]
    told += ["band of the fitted curve: 95 %, bootstrap"]
    ax.set_title(f"{caption(table, labels=True)}\n{'; '.join(told)}")
    return figure
