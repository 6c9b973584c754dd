"""The figure of room: what each step of PCA is worth, by the images that a class may keep."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..verdicts.stats import LEAST
from .base import PALETTE, log_axis, marker
from .effect_names import effect_title
from .names import network_title, source_title

STEPS = {
    "el2n - random": "prune",
    "pca - pca order=random": "prune what is combined",
    "pca order=random - random": "combine",
    "pca - el2n": "combine what is pruned",
}
# Pruning blue, combining vermilion; dashed where the other step is taken too.
_LOOKS = ((PALETTE[0], "-"), (PALETTE[0], "--"), (PALETTE[3], "-"), (PALETTE[3], "--"))
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
        1, len(settings), figsize=(width, 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    marks = {n: marker(k) for k, n in enumerate(sorted({int(n) for n in table["n"]}, reverse=True))}
    for ax, ((dataset, size, student, epochs), rows) in zip(axes[0], settings, strict=True):
        _plot_steps(ax, rows, marks)
        ipcs = sorted({int(ipc) for ipc in rows["ipc"]})
        log_axis(ax, ipcs)
        ax.set_xlim(ipcs[0] / 1.5, ipcs[-1] * 1.5)
        setting = f"{network_title(student)}, {epochs:g} epochs"
        ax.set_title(f"{source_title(dataset)}, {size:g} px, hard labels\n{setting}")
    pending = bool((table["n"] < table["planned"]).any())
    axes[0, 0].set_ylabel("gain in top-1, points" + "\n(hollow: replicates pending)" * pending)
    handles = [
        Line2D([], [], color=colour, ls=dash, label=f"{name}: {effect_title(effect)}")
        for (effect, name), (colour, dash) in zip(STEPS.items(), _LOOKS, strict=True)
    ]
    bar = "bar: 95 % t-interval, n = {}"
    handles += [
        Line2D([], [], color="#555555", marker=mark, ls="", ms=5, label=bar.format(n))
        for n, mark in marks.items()
    ]
    figure.legend(handles=handles, ncols=2, loc="outside lower center", fontsize=8)
    return figure


def _plot_steps(ax: Axes, rows: pd.DataFrame, marks: Mapping[int, str]) -> None:
    for k, (effect, (colour, dash)) in enumerate(zip(STEPS, _LOOKS, strict=True)):
        mine = rows[rows["effect"] == effect].sort_values("ipc")
        ipcs = mine["ipc"] * _SHIFT ** (k - 1.5)
        ax.plot(ipcs, mine["mean"], dash, color=colour)
        ax.vlines(ipcs, mine["low"], mine["high"], color=colour, lw=1.5)
        for ipc, row in zip(ipcs, mine.to_dict("records"), strict=True):
            face = "white" if row["n"] < row["planned"] else colour
            ax.plot(ipc, row["mean"], marks[int(row["n"])], color=colour, mfc=face, ms=5)
    ax.axhline(0, color="#333333", lw=0.8)
    ax.set_xlabel("images per class")
