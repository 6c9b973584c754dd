"""The figure of the ledger: every claim measured in points, with its interval, and the anchors."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .base import PALETTE

# By the first word of a verdict; what was not planned is hollow.
_LOOKS = {
    "holds": (PALETTE[2], "o"),
    "fails": (PALETTE[3], "X"),
    "not confirmed": (PALETTE[1], "X"),
    "undecided": ("#777777", "D"),
    "pending": ("#999999", "o"),
    "exploratory": ("#999999", "s"),
    "demonstration": ("#bbbbbb", "s"),
    "smoke": ("#dddddd", "s"),
}
_HOLLOW = ("pending", "exploratory", "demonstration", "smoke")


def ledger_figure(table: pd.DataFrame) -> Figure:
    """Effects in points with 95 % intervals over replicates, by claim and dataset; above, anchors.

    A bar marks the threshold. Planned lines are drawn where there are any, and other results on the
    same datasets beside them, hollow; only where nothing was planned are demonstrations drawn.

    Args:
        table: from `ledger`; rows in other units, or without an interval, are left out.
    """
    measured = table[table["low"].notna()]
    anchors = measured[measured["anchor"] > 0]
    rows = measured[(measured["unit"] == "points") & (measured["anchor"].fillna(0) == 0)]
    if measured["planned"].notna().any():
        rows = rows[~rows["verdict"].isin(["demonstration", "smoke"])]
    heights = [0.27 * len(rows) + 0.6] + [0.27 * len(anchors) + 0.5] * bool(len(anchors))
    figure, axes = plt.subplots(
        len(heights),
        1,
        figsize=(8.6, sum(heights) + 0.6),
        squeeze=False,
        height_ratios=heights[::-1],
    )
    _draw_effects(axes[-1, 0], rows.to_dict("records"))
    if len(anchors):
        _draw_anchors(axes[0, 0], anchors.to_dict("records"))
    return figure


def _draw_effects(ax: Axes, rows: list[dict[Hashable, Any]]) -> None:
    for y, row in enumerate(rows):
        colour, marker, face = _look(row["verdict"])
        ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
        ax.plot(row["mean"], y, marker, color=colour, mfc=face, ms=5)
        ax.plot([row["least"]] * 2, [y - 0.35, y + 0.35], color="#333333", lw=1)
    names = [f"{row['claim']}: {row['effect']} | {_where(row)}" for row in rows]
    _name_rows(ax, names)
    ax.set_xscale("symlog", linthresh=10)
    ticks = [-50, -20, -10, -5, 0, 5, 10, 20, 50]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xlabel("points of top-1 in favour of the claim (linear to ± 10, then logarithmic)")
    drawn = {_root(row["verdict"]) for row in rows}
    for root in (root for root in _LOOKS if root in drawn):
        colour, marker, face = _look(root)
        ax.plot([], [], marker, color=colour, mfc=face, ms=5, label=root)
    ax.legend(ncols=4, fontsize=7.5, loc="lower left", bbox_to_anchor=(0, 1))


def _draw_anchors(ax: Axes, rows: list[dict[Hashable, Any]]) -> None:
    """Published accuracies beside ours."""
    for y, row in enumerate(rows):
        colour = PALETTE[2] if _root(row["verdict"]) == "reproduced" else "#777777"
        ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
        ax.plot(row["mean"], y, "o", color=colour, ms=5)
        ax.plot(row["anchor"], y, "*", color="#333333", ms=7)
    _name_rows(ax, [_anchor_name(row) for row in rows])
    ax.set_xlabel("top-1, %; a star is the published number, green is within 2.5 points of it")


def _anchor_name(row: dict[Hashable, Any]) -> str:
    """With the length of an unusual teacher, which only the verdict says."""
    teacher = re.search(r"teacher of \d+ epochs", row["verdict"])
    name = f"anchor: {row['effect']} | {_where(row)}, {row['student']}"
    return f"{name}, {teacher[0]}" if teacher else name


def _name_rows(ax: Axes, names: list[str]) -> None:
    ax.set_yticks(range(len(names)), names, fontsize=7)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)


def _where(row: dict[Hashable, Any]) -> str:
    return f"{row['dataset']}, {row['ipc']} per class, n = {row['n']}"


def _root(verdict: str) -> str:
    """A verdict without what it is for and how far it is."""
    return verdict.split(",")[0]


def _look(verdict: str) -> tuple[str, str, str]:
    """Colour, marker and fill of a verdict."""
    root = _root(verdict)
    colour, marker = _LOOKS[root]
    return colour, marker, "white" if root in _HOLLOW else colour
