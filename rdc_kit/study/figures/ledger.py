"""The figure of the ledger: every claim measured in points, with its interval."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .base import PALETTE

_LOOKS = {
    "holds": (PALETTE[2], "o"),
    "fails": (PALETTE[3], "X"),
    "undecided": ("#777777", "D"),
    "not evidence": ("#bbbbbb", "s"),
}


def ledger_figure(table: pd.DataFrame) -> Figure:
    """Effects in points with their 95 % intervals, coloured by verdict; a bar marks the threshold.

    Args:
        table: from `ledger`; rows in other units, or without an interval, are left out.
    """
    rows = table[(table["unit"] == "points") & table["low"].notna()].reset_index(drop=True)
    figure, ax = plt.subplots(figsize=(8.2, 0.27 * len(rows) + 1))
    for y, row in enumerate(rows.to_dict("records")):
        colour, marker = _LOOKS[row["verdict"]]
        ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
        ax.plot(row["effect"], y, marker, color=colour, ms=5)
        ax.plot([row["least"]] * 2, [y - 0.35, y + 0.35], color="#333333", lw=1)
    names = [
        f"{row['claim']}: {row['dataset']}, {row['ipc']} per class"
        for row in rows.to_dict("records")
    ]
    ax.set_yticks(range(len(rows)), names, fontsize=7.5)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xscale("symlog", linthresh=10)
    ticks = [-50, -10, -5, 0, 5, 10, 50]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xlabel("points of top-1 in favour of the claim (linear to ± 10, then logarithmic)")
    ax.grid(axis="y", visible=False)
    for verdict_, (colour, marker) in _LOOKS.items():
        ax.plot([], [], marker, color=colour, ms=5, label=verdict_)
    ax.legend(ncols=4, fontsize=7.5, loc="lower left", bbox_to_anchor=(0, 1))
    return figure
