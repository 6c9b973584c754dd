"""The figure of the ledger: every claim measured in points, with its interval, and the anchors."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Hashable
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..grid.campaign import Setting
from ..verdicts.ledger_text import unusual
from .base import PALETTE
from .effect_names import effect_title, usual_labels
from .names import network_title, source_title

# By the first word of a verdict; what was not planned is hollow.
_LOOKS = {
    "holds": (PALETTE[2], "o"),
    "fails": (PALETTE[3], "X"),
    "not confirmed": (PALETTE[1], "v"),
    "undecided": ("#777777", "D"),
    "pending": ("#999999", "o"),
    "exploratory": ("#999999", "s"),
    "demonstration": ("#bbbbbb", "s"),
    "smoke": ("#dddddd", "s"),
}
_LINE = 0.175  # inches a row
_WIDTH = 50  # letters of a claim in a line
_SIZE = 7.5  # of all small text: legible where the figure is as wide as a page
_AXIS = """points of top-1 in favour of the claim (linear to ± 10, then logarithmic)
beside each interval: images per class, and what is not as above; a tick: what it must exceed"""
_TICKS = (-50, -20, -10, -5, 0, 5, 10, 20, 50)
_HOLLOW = ("pending", "exploratory", "demonstration", "smoke")


def ledger_figure(table: pd.DataFrame) -> Figure:
    """Effects in points with 95 % intervals over replicates, a panel per dataset; above, anchors.

    A row per claim and effect, an interval per number of images. A bar marks the threshold. Planned
    lines are drawn where there are any, and other results on the same datasets beside them, hollow;
    only where nothing was planned are demonstrations drawn.

    Args:
        table: from `ledger`; rows in other units, without an interval, or that are not judged are
            left out, and how many that are is said below.
    """
    measured = table[table["low"].notna() & ~_not_judged(table)]
    measured = measured.assign(ipc=measured["ipc"].astype(str).str.removesuffix(".0"))
    anchors = measured[measured["anchor"] > 0]
    rows = measured[(measured["unit"] == "points") & (measured["anchor"].fillna(0) == 0)]
    if measured["planned"].notna().any():
        rows = rows[~rows["verdict"].isin(["demonstration", "smoke"])]
    rows, claims, effects = _place(rows)
    datasets = list(rows["dataset"].unique()) or [""]
    last = max([*claims, *effects, *rows["y"], 0])
    heights = [0.22 * len(anchors) + 0.3] * bool(len(anchors)) + [_LINE * (last + 2)]
    figure = plt.figure(figsize=(3.4 + 2.7 * len(datasets), sum(heights) + 1.7))
    grid = figure.add_gridspec(len(heights), len(datasets), height_ratios=heights)
    if len(anchors):
        _draw_anchors(figure.add_subplot(grid[0, :]), anchors.to_dict("records"))
    axes = [figure.add_subplot(grid[-1, k]) for k in range(len(datasets))]
    for ax, dataset in zip(axes, datasets, strict=True):
        _draw_effects(ax, rows[rows["dataset"] == dataset])
        if len(rows):
            # With room for what stands beside an interval.
            ax.set_xlim(1.6 * min(rows["low"].min(), 0) - 3, 1.6 * rows["high"].max() + 3)
        _set_ticks(ax)
        _name_rows(ax, effects if ax is axes[0] else {}, last)
    names = claims.values()
    axes[0].set_yticks(list(claims), names, minor=True, fontsize=_SIZE, fontweight="bold")
    axes[0].tick_params(axis="y", which="both", length=0)
    figure.supxlabel("\n".join(filter(None, [_AXIS, left_out(table)])), fontsize=8)
    figure.legend(handles=_legend(rows["verdict"]), ncols=5, loc="outside upper center", fontsize=8)
    return figure


def _place(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[float, str], dict[float, str]]:
    """The rows with a column y, and y -> what is written there: claims, each above its effects."""
    claims: dict[float, str] = {}
    effects: dict[float, str] = {}
    y, first = 0.0, rows["ipc"].str.split().str[0]
    rows = rows.assign(y=y, room=pd.to_numeric(first, errors="coerce"))
    for (claim, says), of_claim in rows.groupby(["claim", "says"], sort=False):
        title = textwrap.wrap(f"{claim}: {says}", _WIDTH)
        claims |= {y + k * 0.8: line for k, line in enumerate(title)}
        y += 0.8 * len(title)
        for effect, mine in of_claim.groupby(of_claim["effect"].map(usual_labels), sort=False):
            effects[y] = effect_title(str(effect))
            ys = y + 0.8 * mine.sort_values("room").groupby("dataset").cumcount()
            rows.loc[ys.index, "y"] = ys
            y = ys.max() + 1
        y += 0.4
    return rows, claims, effects


def left_out(table: pd.DataFrame) -> str:
    """How many lines of a ledger its figure does not show, and why; "" where it shows them all.

    Args:
        table: from `ledger`; where something was planned, only planned lines count.
    """
    lines = table[table["planned"].notna()] if table["planned"].notna().any() else table
    lines = lines[lines["anchor"].fillna(0) == 0]
    apart = _not_judged(lines)
    lines = lines[~apart]
    units = lines.loc[lines["unit"] != "points", "unit"]
    few = int(((lines["unit"] == "points") & lines["low"].isna()).sum())
    named = ", ".join(dict.fromkeys(filter(None, units.dropna())))
    told = [f"{len(units)} in other units ({named})"] * bool(len(units))
    told += [f"{few} of fewer than two replicates"] * bool(few)
    told += [f"{apart.sum()} not judged, of rows that cannot be compared"] * bool(apart.any())
    return f"lines not drawn: {', '.join(told)}" if told else ""


def _not_judged(table: pd.DataFrame) -> pd.Series:
    """Whether each line has rows of different images or code: no mean of them says anything."""
    return table["verdict"].map(_root) == "not judged"


def _draw_effects(ax: Axes, rows: pd.DataFrame) -> None:
    """The effects of one dataset, each with its images per class; also what else is unusual."""
    keys = ("student", "epochs", "n")
    usual = {key: next(iter(rows[key].mode()), None) for key in keys}
    for row in rows.to_dict("records"):
        (colour, marker, face), y = _look(row["verdict"]), row["y"]
        ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
        ax.plot(row["mean"], y, marker, color=colour, mfc=face, ms=4.5)
        ax.plot([row["least"]] * 2, [y - 0.35, y + 0.35], color="#333333", lw=1)
        other = {key: _told(key, row[key]) for key in keys if row[key] != usual[key]}
        told = [" vs ".join(str(row["ipc"]).split()), *other.values(), *unusual(row)]
        left = row["mean"] < row["least"] and len(told) == 1  # away from the bar, if it is short
        ax.annotate(
            ", ".join(filter(None, told)),
            (row["low" if left else "high"], y),
            (-3 if left else 3, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=_SIZE,
        )
    ax.set_xscale("symlog", linthresh=10)
    ax.tick_params(axis="x", labeltop=True, top=True)  # the figure is taller than a screen
    if len(rows):
        network, *shared = [_told(key, usual[key]) for key in keys]
        title = [source_title(rows["dataset"].iloc[0]), network, ", ".join(filter(None, shared))]
        ax.set_title("\n".join(title), fontsize=8.5)


def _set_ticks(ax: Axes) -> None:
    """Ticks as far as the axis goes; beside that of 20 there is no room for the number 10."""
    low, high = ax.get_xlim()
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    crowded = {tick // 2 for tick in ticks if abs(tick) == 20}
    names = ["" if tick in crowded else f"{tick}".replace("-", "\N{MINUS SIGN}") for tick in ticks]
    ax.set_xticks(ticks, names, fontsize=_SIZE)


def _told(key: str, value: Any) -> str:
    """What was trained, how long or how often, "" where that is not known."""
    forms = {"student": network_title, "epochs": "{:g} epochs".format, "n": "n = {}".format}
    return "" if pd.isna(value) else str(forms[key](value))


def _legend(verdicts: pd.Series) -> list[Line2D]:
    """A marker for every verdict that is drawn."""
    drawn = set(map(_root, verdicts))
    looks = {root: _look(root) for root in _LOOKS if root in drawn}
    return [
        Line2D([], [], ls="", color=colour, marker=marker, mfc=face, ms=5, label=root)
        for root, (colour, marker, face) in looks.items()
    ]


def _draw_anchors(ax: Axes, rows: list[dict[Hashable, Any]]) -> None:
    """Published accuracies beside ours."""
    datasets = list(dict.fromkeys(source_title(row["dataset"]) for row in rows))
    names = [_anchor_name(row, len(datasets) > 1) for row in rows]
    for y, row in enumerate(rows):
        colour = PALETTE[2] if _root(row["verdict"]) == "reproduced" else "#777777"
        ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
        ax.plot(row["mean"], y, "o", color=colour, ms=5)
        ax.plot(row["anchor"], y, "*", color="#333333", ms=7)
        if teacher := _teacher(row["verdict"], names.count(names[y]) > 1):
            end = max(row["high"], row["anchor"])
            note = ax.annotate(teacher, (end, y), (6, 0), textcoords="offset points")
            note.set(va="center", fontsize=_SIZE)
    _name_rows(ax, {float(y): name for y, name in enumerate(names)}, len(rows) - 1)
    ax.set_xlabel(
        "top-1, %; a star: published\ngreen: within 2.5 points of it, grey: not reproduced",
        fontsize=8,
    )
    ways = dict.fromkeys(filter(None, map(_way, rows)))
    title = f"{', '.join(datasets)}: what is published, and what we measured"
    ax.set_title("\n".join([title, "; ".join(ways)]).rstrip(), fontsize=8.5)


def _teacher(verdict: str, asked: bool) -> str:
    """The length of an unusual teacher, which only the verdict says; of every one, if asked."""
    if told := re.search(r"teacher of \d+ epochs", verdict):
        return told[0]
    usual = f"teacher of {Setting.teacher_epochs} epochs"
    return usual if asked and "one teacher" in verdict else ""


def _way(row: dict[Hashable, Any]) -> str:
    """By which labels a method is measured, "" if unknown; soft ones are its own protocol's."""
    own = " of its own protocol" * (row["labels"] == "soft")
    return f"{effect_title(row['effect'])}: {row['labels']} labels{own}" * bool(row["labels"])


def _anchor_name(row: dict[Hashable, Any], several: bool) -> str:
    """Method, images per class and network; with several datasets also which."""
    told = [effect_title(row["effect"]), source_title(row["dataset"]) * several]
    told += [f"{row['ipc']} per class", network_title(row["student"])]
    return ", ".join(filter(None, told))


def _name_rows(ax: Axes, names: dict[float, str], last: float) -> None:
    ax.set_yticks(list(names), names.values(), fontsize=_SIZE)
    ax.set_ylim(last + 0.6, -0.6)
    ax.grid(axis="y", visible=False)


def _root(verdict: str) -> str:
    """A verdict without what it is for and how far it is."""
    return verdict.split(",")[0]


def _look(verdict: str) -> tuple[str, str, str]:
    """Colour, marker and fill of a verdict."""
    root = _root(verdict)
    colour, marker = _LOOKS[root]
    return colour, marker, "white" if root in _HOLLOW else colour
