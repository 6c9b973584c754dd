"""The figure of room: what each step of PCA is worth, by the images that a class may keep."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..verdicts.stats import LEAST
from .base import PALETTE, log_axis

STEPS = {
    "el2n - random": "prune: easiest over random",
    "pca order=random - random": "combine random images",
    "pca - el2n": "combine the easiest",
    "pca - pca order=random": "prune what is combined",
}
_COLOURS = (PALETTE[0], PALETTE[1], PALETTE[4], PALETTE[3])
_SHIFT = 1.05  # so that the intervals of two steps do not hide each other


def steps_by_room(table: pd.DataFrame) -> pd.DataFrame:
    """The planned rows of the ledger that are about a step of PCA, with ipc as a number.

    Of hard labels and the usual crop, in settings in which all steps are measured. Where several
    lines ask the same of one room, the plan's first is taken.
    """
    setting = ["dataset", "size", "student", "epochs"]
    mine = table[table["planned"].notna() & table["effect"].isin(STEPS) & (table["n"] >= LEAST)]
    mine = mine[(mine["unit"] == "points") & (mine["labels"] == "hard") & (mine["crops"] == "")]
    mine = mine.drop(columns=["labels", "crops"])
    mine = mine.assign(ipc=pd.to_numeric(mine["ipc"], errors="coerce")).dropna(subset=["ipc"])
    mine = mine.drop_duplicates([*setting, "effect", "ipc"])
    whole = mine.groupby(setting)["effect"].transform("nunique") == len(STEPS)
    return mine[whole]


def room_figure(table: pd.DataFrame) -> Figure:
    """A panel per dataset: gain of each step in points with its 95 % interval, against ipc.

    Args:
        table: from `steps_by_room`. Hollow are steps whose replicates are not complete.
    """
    settings = list(table.groupby(["dataset", "size", "student", "epochs"], sort=False))
    width = 1.4 + 3.2 * len(settings)
    figure, axes = plt.subplots(
        1, len(settings), figsize=(width, 3.4), sharex=True, sharey=True, squeeze=False
    )
    for ax, ((dataset, size, student, epochs), rows) in zip(axes[0], settings, strict=True):
        _plot_steps(ax, rows)
        counts = sorted({int(n) for n in rows["n"]})
        bars = f"bars: 95 % t-intervals, n = {' or '.join(map(str, counts))}"
        setting = f"{student}, {epochs:g} epochs, hard labels"
        ax.set_title(f"{dataset}, {size:g} px\n{setting}\n{bars}")
    ipcs = sorted({int(ipc) for ipc in table["ipc"]})
    log_axis(axes[0, 0], ipcs)
    axes[0, 0].set_xlim(ipcs[0] / 1.5, ipcs[-1] * 1.5)
    pending = bool((table["n"] < table["planned"]).any())
    axes[0, 0].set_ylabel("gain in top-1, points" + "\n(hollow: replicates pending)" * pending)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), ncols=2, loc="outside lower center", fontsize=8
    )
    return figure


def _plot_steps(ax: Axes, rows: pd.DataFrame) -> None:
    for k, (effect, name) in enumerate(STEPS.items()):
        mine = rows[rows["effect"] == effect].sort_values("ipc")
        ipcs, colour = mine["ipc"] * _SHIFT ** (k - 1.5), _COLOURS[k]
        ax.plot(ipcs, mine["mean"], "o-", color=colour, ms=5, label=name)
        ax.vlines(ipcs, mine["low"], mine["high"], color=colour, lw=1.5)
        part = (mine["n"] < mine["planned"]).to_numpy()
        ax.plot(ipcs[part], mine["mean"][part], "o", color=colour, mfc="white", ms=5)
    ax.axhline(0, color="#333333", lw=0.8)
    ax.set_xlabel("images per class")
