"""The figure of `rdc speed --grid`: where a run's time goes, before and now."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .base import PALETTE

PARTS = [
    *("set", "views", "forward", "backward", "optimiser", "between", "test", "hash and png"),
]


def parts_figure(table: pd.DataFrame) -> Figure:
    """Seconds of one run's parts, a bar for each way, a panel for each case.

    Args:
        table: of `commands.speed_grid`: two rows per case, way "before" and "now", columns PARTS.
    """
    table = table[table["labels"] == "hard"]
    cases = table.drop_duplicates(["dataset", "ipc"])[["dataset", "ipc"]].to_numpy().tolist()
    figure, axes = plt.subplots(
        len(cases), 1, figsize=(6.8, 0.5 + 0.85 * len(cases)), squeeze=False, layout="constrained"
    )
    for ax, (dataset, ipc) in zip(axes[:, 0], cases, strict=True):
        rows = table[(table["dataset"] == dataset) & (table["ipc"] == ipc)].set_index("way")
        left = pd.Series(0.0, index=rows.index)
        for name, colour in zip(PARTS, PALETTE, strict=False):
            ax.barh(rows.index, rows[name], left=left, color=colour, label=name, height=0.7)
            left += rows[name]
        first = rows.iloc[0]
        where = f"{dataset}, {first['size']} px, {first['student']}"
        ax.set_title(f"{where}, {ipc} per class, {first['epochs']} epochs", loc="left", fontsize=8)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
    axes[-1, 0].set_xlabel("seconds of one run, one thread")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", title="part of the run")
    return figure
