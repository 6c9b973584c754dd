"""The figure of `rdc speed --grid`: where a run's time goes, before and now."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .base import PALETTE
from .names import network_title, source_title

PARTS = [
    *("set", "views", "forward", "backward", "optimiser", "between", "test", "hash and png"),
]
_COLOURS = dict(zip(PARTS, [PALETTE[k] for k in (5, 0, 2, 3, 1, 8, 9, 4)], strict=True))
_OTHER = "other"  # parts that are below this share of the run in every bar
_LEAST = 0.02


def parts_figure(table: pd.DataFrame) -> Figure:
    """Seconds of one run's parts, a bar for each way, a panel for each case.

    Args:
        table: of `commands.speed_grid`: two rows per case, way "before" and "now", columns PARTS.
    """
    table = table[table["labels"] == "hard"]
    shares = table[PARTS].div(table[PARTS].sum(axis=1), axis=0).max()
    large = [name for name in PARTS if shares[name] >= _LEAST]
    small = [name for name in PARTS if name not in large]
    table = table.assign(**{_OTHER: table[small].sum(axis=1)})
    shown = [*large, *([_OTHER] if small else [])]
    cases = table.drop_duplicates(["dataset", "ipc"])[["dataset", "ipc"]].to_numpy().tolist()
    figure, axes = plt.subplots(
        len(cases), 1, figsize=(6.8, 0.5 + 0.85 * len(cases)), squeeze=False, layout="constrained"
    )
    for ax, (dataset, ipc) in zip(axes[:, 0], cases, strict=True):
        rows = table[(table["dataset"] == dataset) & (table["ipc"] == ipc)].set_index("way")
        left = pd.Series(0.0, index=rows.index)
        for name in shown:
            colour = _COLOURS.get(name, PALETTE[7])
            ax.barh(rows.index, rows[name], left=left, color=colour, label=name, height=0.7)
            left += rows[name]
        first = rows.iloc[0]
        where = f"{source_title(dataset)}, {first['size']} px, {network_title(first['student'])}"
        ax.set_title(f"{where}, {ipc} per class, {first['epochs']} epochs", loc="left", fontsize=8)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
    axes[-1, 0].set_xlabel(
        "seconds of one run with hard labels, one thread (n = 1)\n"
        "before: as before version 0.3" + f"; other: {', '.join(small)}" * bool(small)
    )
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", title="part of the run")
    return figure
